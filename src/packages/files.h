// Small whole files, and directories.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace codeapi {

/// The file's bytes. kNotFound when it does not exist.
Result<std::string> ReadWholeFile(const std::string& path);

/// Makes or replaces the file, with these permissions, by renaming a complete one over it.
Result<void> ReplaceFile(const std::string& path, std::string_view content, unsigned mode = 0644);

/// Makes the directory and its parents.
Result<void> MakeDirectories(const std::string& path);

/// Removes a tree, but nothing that is mounted in it. No error when there is none.
Result<void> RemoveTree(const std::string& path);

}  // namespace codeapi
