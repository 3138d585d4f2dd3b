// The walk that finds a program's outputs. Rules and their order: workspace.h.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "jail/extensions.h"
#include "jail/workspace.h"

namespace codeapi {
namespace {

constexpr std::string_view kMarker = ".dirkeep";
// What replayed tool calls leave behind in systems that rerun programs; hidden there, so hidden here.
constexpr std::string_view kReplayHistory = "_ptc_history.json";
constexpr std::string_view kByteCode = "__pycache__";

std::vector<std::string> SortedEntries(int dir_fd) {
  std::vector<std::string> names;
  const int copy = ::fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
  DIR* dir = copy < 0 ? nullptr : ::fdopendir(copy);
  if (dir == nullptr) {
    if (copy >= 0) ::close(copy);
    return names;
  }
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(dir);
  std::ranges::sort(names);
  return names;
}

}  // namespace

struct Workspace::Walker {
  Workspace& workspace;
  const HarvestRules& rules;
  HarvestResult out;

  void Skip(SkipReason reason, const std::string& path) {
    out.summary.skip_reasons |= reason;
    ++out.summary.skipped_count;
    if (out.summary.skipped.size() < HarvestSummary::kMaxSkippedNames) {
      // The names go into JSON, so the cut may not leave half a character.
      const std::string name = ToUtf8Lossy(path);
      out.summary.skipped.emplace_back(
          TrimPartialCharacter(std::string_view(name).substr(0, HarvestSummary::kMaxSkippedName)));
    }
  }

  bool InputBelow(const std::string& directory) const {
    const auto it = workspace.known_.lower_bound(directory + "/");
    return it != workspace.known_.end() && it->first.starts_with(directory + "/");
  }

  // A hidden directory is a tool's own (.cache, .config, .git) unless the caller put something there.
  bool Ignored(const std::string& path, const std::string& base) const {
    return (base.starts_with('.') || base == kByteCode) && !InputBelow(path);
  }

  void Directory(int parent_fd, const std::string& base, const std::string& path, std::uint32_t depth) {
    if (Ignored(path, base)) return;
    if (depth >= rules.max_depth) return Skip(kSkipDepth, path + "/");
    const auto fd = BeneathDir::OpenIn(parent_fd, base.c_str(), O_RDONLY | O_DIRECTORY);
    if (!fd) return Skip(kSkipUnreadable, path + "/");
    const bool empty = Entries(fd->get(), path + "/", depth + 1);
    if (!empty) return;
    // An empty directory is kept alive by a marker file in it, which the next call receives as an input.
    const std::string marker = path + "/" + std::string(kMarker);
    if (!WorkspaceNameProblem(marker, rules.max_path, rules.max_depth).empty())
      return Skip(kSkipPath, path + "/");
    out.files.push_back({marker, 0, CellOutput::kNew, true});
  }

  // Returns whether the directory counts as empty.
  bool Entries(int dir_fd, const std::string& prefix, std::uint32_t depth) {
    bool empty = true;
    for (const std::string& base : SortedEntries(dir_fd)) {
      struct stat st{};
      if (::fstatat(dir_fd, base.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
      const std::string path = prefix + base;
      if (S_ISDIR(st.st_mode)) {
        if (!Ignored(path, base)) empty = false;
        Directory(dir_fd, base, path, depth);
      } else {
        if (base != kReplayHistory) empty = false;
        // Symlinks, fifos, sockets and devices are never opened (attacks 29, 32).
        if (S_ISREG(st.st_mode)) File(dir_fd, base, path, st);
      }
    }
    return empty;
  }

  void File(int dir_fd, const std::string& base, const std::string& path, const struct stat& st) {
    if (base == kReplayHistory) return;
    const auto size = static_cast<std::uint64_t>(st.st_size);
    const auto it = workspace.known_.find(path);
    Known* known = it == workspace.known_.end() ? nullptr : &it->second;
    if (known != nullptr) {
      known->seen = true;
      if (known->read_only) return out.summary.unchanged.push_back(known->index);
      const auto fd = BeneathDir::OpenIn(dir_fd, base.c_str(), O_RDONLY);
      if (!fd) return Skip(kSkipUnreadable, path);
      if (workspace.Unchanged(fd->get(), size, *known)) {
        if (known->kind == CellFileKind::kInput) out.summary.unchanged.push_back(known->index);
        return;
      }
    }
    const bool input = known != nullptr && known->kind == CellFileKind::kInput;
    if (!WorkspaceNameProblem(path, rules.max_path, rules.max_depth).empty()) return Skip(kSkipPath, path);
    if (!input && !rules.any_extension && !IsKeptName(base, rules.extra_extensions))
      return Skip(kSkipExtension, path);
    if (size > rules.max_file_size) return Skip(kSkipSize, path);
    out.files.push_back({path, size, input ? known->index : CellOutput::kNew, false});
  }
};

HarvestResult Workspace::Walk(const HarvestRules& rules) {
  Walker walker{*this, rules, {}};
  if (const auto root = root_.Open(".", O_RDONLY | O_DIRECTORY)) walker.Entries(root->get(), "", 0);
  for (auto& [name, known] : known_) {
    if (known.seen || known.kind != CellFileKind::kInput) continue;
    // A sealed input cannot be removed, whatever the program did to its directory entry.
    auto& list = known.read_only ? walker.out.summary.unchanged : walker.out.summary.deleted;
    list.push_back(known.index);
  }
  auto& files = walker.out.files;
  // Changed inputs come first when the cap bites: they replace something the caller already has.
  std::ranges::sort(files, {}, [](const HarvestedFile& f) {
    return std::pair<bool, const std::string&>(f.input == CellOutput::kNew, f.name);
  });
  for (std::size_t i = rules.max_files; i < files.size(); ++i) walker.Skip(kSkipMaxFiles, files[i].name);
  if (files.size() > rules.max_files) files.resize(rules.max_files);
  std::ranges::sort(files, {}, &HarvestedFile::name);
  std::ranges::sort(walker.out.summary.unchanged);
  std::ranges::sort(walker.out.summary.deleted);
  return std::move(walker.out);
}

}  // namespace codeapi
