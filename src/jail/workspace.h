// The workspace of a cell as init sees it: writes the inputs, remembers them, and finds the outputs.
//
// Theory of operation. Inputs are written before the program runs, by init, inside the cell's own cgroup:
// whoever writes a tmpfs page pays for it, so an input counts against the cell and not against the jailer.
// What was written is remembered by name and digest. After the program and everything it started are dead,
// Walk() looks at every file, in sorted order, through openat2 only, and sorts them into unchanged inputs,
// changed inputs, new files and files that are left out with a reason. Nothing can change while it looks, yet
// it trusts nothing it finds: every open refuses symlinks, and what was a file a moment ago is checked again
// on the descriptor.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "jail/beneath.h"
#include "jail/cell_messages.h"
#include "jail/digest.h"
#include "runtime/runtime.h"

namespace codeapi {

/// A file that the walk decided to hand out.
struct HarvestedFile {
  std::string name;
  std::uint64_t size = 0;
  std::uint32_t input = CellOutput::kNew;
  bool marker = false;  ///< a `.dirkeep` that stands for an empty directory; there is no such file
};

struct HarvestResult {
  std::vector<HarvestedFile> files;  ///< sorted by name
  HarvestSummary summary;
};

/// Not thread-safe. Errors are errno values.
class Workspace {
 public:
  /// `support` is where support files go: a path that leads where it says until a program runs, made with the
  /// first of them.
  Workspace(UniqueFd root, std::uint32_t uid, std::uint32_t gid, std::string support = kSupportDirectory)
      : root_(std::move(root)), uid_(uid), gid_(gid), support_path_(std::move(support)) {}

  /// Starts a file. The one before must be finished. EEXIST when the name is taken by a directory, ENOTDIR
  /// when a parent of it is a file; a file of the same name is replaced. Of support files there are few, with
  /// plain names (EINVAL), each once (EEXIST).
  int BeginFile(const CellFile& file);
  /// Appends to it. ENOSPC when the workspace is full, EFBIG when a support file grows too large.
  int Append(std::string_view data);
  /// Finishes it.
  int EndFile();

  /// What was sent as stdin, opened for reading at its start; -1 when none was sent.
  int stdin_fd() const { return stdin_.get(); }

  /// Sorts out what is in the workspace. Call when no process of the cell but init is left.
  HarvestResult Walk(const HarvestRules& rules);

  /// Opens a file that Walk() returned. It is a regular file of exactly the size that Walk() saw, or an
  /// errno.
  std::expected<UniqueFd, int> OpenFile(const HarvestedFile& file) const;

 private:
  struct Known {
    CellFileKind kind;
    std::uint32_t index;
    bool read_only;
    std::uint64_t size;
    Digest digest;
    bool seen = false;
  };
  struct Walker;

  std::expected<UniqueFd, int> OpenNew(const CellFile& file);
  std::expected<UniqueFd, int> OpenSupport(const std::string& name);
  bool Unchanged(int fd, std::uint64_t size, const Known& known) const;

  BeneathDir root_;
  std::uint32_t uid_, gid_;
  std::string support_path_;
  UniqueFd support_;  // that directory, once there is a file for it
  std::uint32_t support_files_ = 0;
  std::map<std::string, Known> known_;
  DigestKey key_;
  // The file being written.
  std::optional<CellFile> current_;
  UniqueFd fd_;
  InputDigest hash_{key_};
  std::uint64_t size_ = 0;
  UniqueFd stdin_;
};

}  // namespace codeapi
