// System calls on the files of an ObjectDirectory, with errors as its callers want them.
#pragma once

#include <cerrno>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "store/object_store.h"

namespace codeapi::object_files {

/// What files on their way in are called, before an id.
inline constexpr std::string_view kTemporaryPrefix = ".tmp-";
inline constexpr std::string_view kMetaSuffix = ".meta";

/// The file that holds what is known of an object.
std::string MetaName(const std::string& id);

/// An object, in the text of an error.
std::string Name(const ObjectKey& key);

/// What the operator can mend is kUnavailable, a fault of ours is kInternal.
std::unexpected<Error> IoError(const std::string& what, int error = errno);

/// The same where a missing file means a missing object.
std::unexpected<Error> OpenError(const std::string& what, int error = errno);

/// Opens or makes a file of a directory that we hold, and follows no symbolic link. -1 and errno if it
/// cannot.
UniqueFd OpenAt(int directory, const std::string& name, int flags);

Result<void> WriteAll(int fd, std::span<const char> data, const std::string& what);

bool Exists(int directory, const std::string& name);

}  // namespace codeapi::object_files
