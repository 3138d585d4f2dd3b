#include "jail/workspace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace codeapi {
namespace {

std::string BaseName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// One path component that is none of the special ones.
bool IsSupportName(std::string_view name) {
  constexpr std::size_t kMost = 64;
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  return !name.empty() && name.size() <= kMost && name.front() != '.' && std::ranges::all_of(name, plain);
}

}  // namespace

int Workspace::BeginFile(const CellFile& file) {
  current_ = file;
  hash_ = InputDigest(key_);
  size_ = 0;
  auto fd = OpenNew(file);
  if (!fd) return fd.error();
  fd_ = std::move(*fd);
  return 0;
}

std::expected<UniqueFd, int> Workspace::OpenNew(const CellFile& file) {
  if (file.kind == CellFileKind::kSupport) return OpenSupport(file.name);
  if (file.kind == CellFileKind::kStdin) {
    auto fd = root_.Open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd && ::fchown(fd->get(), uid_, gid_) != 0) return std::unexpected(errno);
    return fd;
  }
  const auto parent = root_.MakeParents(file.name, uid_, gid_);
  if (!parent) return std::unexpected(parent.error());
  const std::string base = BaseName(file.name);
  if (::unlinkat(parent->get(), base.c_str(), 0) != 0 && errno != ENOENT)
    return std::unexpected(errno == EISDIR ? EEXIST : errno);
  return BeneathDir::OpenIn(parent->get(), base.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
}

std::expected<UniqueFd, int> Workspace::OpenSupport(const std::string& name) {
  if (!IsSupportName(name)) return std::unexpected(EINVAL);
  if (++support_files_ > kMaxSupportFiles) return std::unexpected(E2BIG);
  if (!support_) {
    if (::mkdir(support_path_.c_str(), 0755) != 0 || ::chmod(support_path_.c_str(), 0755) != 0)
      return std::unexpected(errno);
    support_.reset(::open(support_path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!support_) return std::unexpected(errno);
  }
  return BeneathDir::OpenIn(support_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
}

int Workspace::Append(std::string_view data) {
  if (!current_) return EINVAL;
  hash_.Update(data.data(), data.size());
  size_ += data.size();
  if (current_->kind == CellFileKind::kSupport && size_ > kMaxSupportFile) return EFBIG;
  while (!data.empty()) {
    const ssize_t n = ::write(fd_.get(), data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

int Workspace::EndFile() {
  if (!current_) return EINVAL;
  const CellFile file = *std::exchange(current_, std::nullopt);
  if (file.kind == CellFileKind::kStdin) {
    if (::lseek(fd_.get(), 0, SEEK_SET) != 0) return errno;
    stdin_ = std::move(fd_);
    return 0;
  }
  if (file.kind == CellFileKind::kSupport) {
    const int error = ::fchmod(fd_.get(), 0555) == 0 ? 0 : errno;
    fd_.reset();
    return error;
  }
  // A sealed input stays root's; the program may read it and no more.
  const bool ok = file.read_only ? ::fchmod(fd_.get(), 0444) == 0 : ::fchown(fd_.get(), uid_, gid_) == 0;
  if (!ok) return errno;
  fd_.reset();
  known_[file.name] = Known{file.kind, file.index, file.read_only, size_, hash_.Finish()};
  return 0;
}

bool Workspace::Unchanged(int fd, std::uint64_t size, const Known& known) const {
  if (size != known.size) return false;
  InputDigest hash(key_);
  std::array<char, 65536> buffer;
  std::uint64_t total = 0;
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) break;
    hash.Update(buffer.data(), static_cast<std::size_t>(n));
    total += static_cast<std::uint64_t>(n);
  }
  return total == known.size && hash.Finish() == known.digest;
}

std::expected<UniqueFd, int> Workspace::OpenFile(const HarvestedFile& file) const {
  auto fd = root_.Open(file.name, O_RDONLY);
  if (!fd) return fd;
  struct stat st{};
  if (::fstat(fd->get(), &st) != 0) return std::unexpected(errno);
  if (!S_ISREG(st.st_mode) || static_cast<std::uint64_t>(st.st_size) != file.size)
    return std::unexpected(ESTALE);
  return fd;
}

}  // namespace codeapi
