// Theory of operation.
//
//   <root>/lock                        flock()ed by the one process that may use the tree
//   <root>/objects/<session>/<id>      the data
//   <root>/objects/<session>/<id>.meta what is known of it
//   <root>/objects/<session>/.tmp-*    on their way in; no id contains a dot
//
// An object exists if and only if both its files do. A write goes to two temporary files, both are fsync()ed,
// then the metadata is renamed, then the data, then the directory is fsync()ed, and the one above it if the
// session is new. Objects that are committed together share what can be shared of that (object_draft.cc).
// Wherever the process dies before the second rename there is no object; after it there is the whole object.
// A removal unlinks the data first. What a dead process left (temporaries, one file of a pair) is removed by
// sweep() when the tree is opened next.
//
// No path is ever built from anything but ids that were checked, and none is followed through a symbolic
// link: every call is relative to a directory descriptor that we hold.
#include "store/object_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/ids.h"
#include "store/object_files.h"
#include "store/object_meta_file.h"

namespace codeapi {

using namespace object_files;  // NOLINT: made for this class

namespace {

Result<std::string> ReadMetaFile(int fd, const std::string& what) {
  std::string text(kMaxObjectMetaFile + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return IoError("read metadata of " + what);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  text.resize(size);
  if (size > kMaxObjectMetaFile) return Fail(ErrorCode::kInternal, "metadata of " + what + " is too large");
  return text;
}

// Every name in a directory but `.` and `..`. Takes a copy of the descriptor, since closedir() closes it.
Result<std::vector<std::string>> NamesIn(int directory) {
  UniqueFd copy = OpenAt(directory, ".", O_RDONLY | O_DIRECTORY);
  if (!copy) return IoError("open directory");
  std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy.get()), ::closedir);
  if (!stream) return IoError("read directory");
  static_cast<void>(copy.release());
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());  // NOLINT(concurrency-mt-unsafe): the stream is ours alone
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return IoError("read directory");
  return names;
}

Result<ObjectDirectory::Opened> OpenPair(int session, const ObjectKey& key) {
  UniqueFd data = OpenAt(session, key.id, O_RDONLY | O_NONBLOCK);
  if (!data) return OpenError("open " + Name(key));
  const UniqueFd meta = OpenAt(session, MetaName(key.id), O_RDONLY | O_NONBLOCK);
  if (!meta) return OpenError("open metadata of " + Name(key));
  auto text = ReadMetaFile(meta.get(), Name(key));
  if (!text) return std::unexpected(std::move(text.error()));
  auto info = DecodeObjectMeta(key, *text);
  if (!info) return std::unexpected(std::move(info.error()));
  struct stat status{};
  if (::fstat(data.get(), &status) != 0) return IoError("stat " + Name(key));
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != info->size) {
    return Fail(ErrorCode::kInternal, Name(key) + " is damaged: its size is not the one recorded");
  }
  return ObjectDirectory::Opened{std::move(*info), std::move(data)};
}

}  // namespace

Result<std::unique_ptr<ObjectDirectory>> ObjectDirectory::Open(const std::string& root,
                                                               std::function<void(const char*)> on_step) {
  std::unique_ptr<ObjectDirectory> directory(new ObjectDirectory);
  directory->on_step_ = std::move(on_step);
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) return IoError("create directory " + root);
  const UniqueFd top(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top && errno == ENOTDIR) return FailErrno("open directory " + root, errno, ErrorCode::kInvalid);
  if (!top) return IoError("open directory " + root);

  directory->lock_ = OpenAt(top.get(), "lock", O_RDWR | O_CREAT);
  if (!directory->lock_) return IoError("open " + root + "/lock");
  if (::flock(directory->lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return IoError("lock " + root + "/lock");
    return Fail(ErrorCode::kConflict, "object directory " + root + " is in use by another process");
  }

  if (::mkdirat(top.get(), "objects", 0700) != 0 && errno != EEXIST)
    return IoError("create " + root + "/objects");
  directory->objects_ = OpenAt(top.get(), "objects", O_RDONLY | O_DIRECTORY);
  if (!directory->objects_) return IoError("open directory " + root + "/objects");
  if (::fsync(top.get()) != 0) return IoError("fsync " + root);
  if (auto swept = directory->sweep(); !swept) return std::unexpected(std::move(swept.error()));
  return directory;
}

Result<void> ObjectDirectory::sweep() {
  auto sessions = NamesIn(objects_.get());
  if (!sessions) return std::unexpected(std::move(sessions.error()));
  for (const std::string& session : *sessions) {
    if (IsId(session)) sweepSession(session);
  }
  return {};
}

// Nothing here has to succeed: what stays behind is invisible and costs only space.
void ObjectDirectory::sweepSession(const std::string& session) {
  auto directory = openSession(session);
  if (!directory) return;
  auto names = NamesIn(directory->get());
  if (!names) return;
  const std::unordered_set<std::string> all(names->begin(), names->end());
  for (const std::string& name : *names) {
    const bool is_meta = name.ends_with(kMetaSuffix) && IsId(name.substr(0, kIdLength)) &&
                         name.size() == kIdLength + kMetaSuffix.size();
    const bool single = (IsId(name) && !all.contains(MetaName(name))) ||
                        (is_meta && !all.contains(name.substr(0, kIdLength)));
    if (single || name.starts_with(kTemporaryPrefix)) ::unlinkat(directory->get(), name.c_str(), 0);
  }
  removeSessionIfEmpty(session);
}

Result<UniqueFd> ObjectDirectory::openSession(const std::string& session) {
  UniqueFd directory = OpenAt(objects_.get(), session, O_RDONLY | O_DIRECTORY);
  if (!directory) return OpenError("open session " + session);
  return directory;
}

// The caller holds the session's mutex, or nobody else can be there yet.
void ObjectDirectory::removeSessionIfEmpty(const std::string& session) {
  // Refuses by itself when it is not empty.
  if (::unlinkat(objects_.get(), session.c_str(), AT_REMOVEDIR) != 0) return;
  const std::lock_guard lock(new_mutex_);
  new_sessions_.erase(session);
}

std::mutex& ObjectDirectory::mutexOf(const std::string& session) {
  return mutexes_[std::hash<std::string>{}(session) % mutexes_.size()];
}

Result<ObjectDirectory::Opened> ObjectDirectory::open(const ObjectKey& key) {
  auto session = openSession(key.session);
  if (!session) return std::unexpected(std::move(session.error()));
  return OpenPair(session->get(), key);
}

Result<ObjectInfo> ObjectDirectory::stat(const ObjectKey& key) {
  auto opened = open(key);
  if (!opened) return std::unexpected(std::move(opened.error()));
  return std::move(opened->info);
}

Result<std::vector<ObjectInfo>> ObjectDirectory::list(const std::string& session) {
  std::vector<ObjectInfo> objects;
  auto directory = openSession(session);
  if (!directory && directory.error().code == ErrorCode::kNotFound) return objects;
  if (!directory) return std::unexpected(std::move(directory.error()));
  auto names = NamesIn(directory->get());
  if (!names) return std::unexpected(std::move(names.error()));
  std::ranges::sort(*names);
  for (const std::string& name : *names) {
    if (!IsId(name)) continue;
    auto opened = OpenPair(directory->get(), {session, name});
    // One that went meanwhile, or is damaged, must not hide the others; open() tells which.
    if (opened) objects.push_back(std::move(opened->info));
    if (!opened && opened.error().code == ErrorCode::kUnavailable)
      return std::unexpected(std::move(opened.error()));
  }
  return objects;
}

// A directory that is empty, because its first object is still being written, is no session yet; but to look
// into each would cost more than the mistake.
Result<std::vector<std::string>> ObjectDirectory::sessions(const std::string& after, std::size_t limit) {
  auto names = NamesIn(objects_.get());
  if (!names) return std::unexpected(std::move(names.error()));
  std::erase_if(*names, [&](const std::string& name) { return !IsId(name) || name <= after; });
  std::ranges::sort(*names);
  if (names->size() > limit) names->resize(limit);
  return std::move(*names);
}

Result<void> ObjectDirectory::remove(const ObjectKey& key) {
  auto session = openSession(key.session);
  if (!session) return std::unexpected(std::move(session.error()));
  {
    const std::lock_guard lock(mutexOf(key.session));
    const std::string meta = MetaName(key.id);
    if (!Exists(session->get(), meta)) return Fail(ErrorCode::kNotFound, Name(key) + " does not exist");
    if (::unlinkat(session->get(), key.id.c_str(), 0) != 0) return OpenError("remove " + Name(key));
    step("data_unlinked");
    if (::unlinkat(session->get(), meta.c_str(), 0) != 0) return IoError("remove metadata of " + Name(key));
    removeSessionIfEmpty(key.session);
  }
  // An acknowledged removal must not be undone by a power cut.
  if (::fsync(session->get()) != 0) return IoError("fsync session " + key.session);
  return {};
}

Result<void> ObjectDirectory::check() {
  struct stat status{};
  struct statvfs file_system{};
  if (::fstat(objects_.get(), &status) != 0 || ::fstatvfs(objects_.get(), &file_system) != 0) {
    return FailErrno("stat object directory", errno, ErrorCode::kUnavailable);
  }
  if (status.st_nlink == 0) return Fail(ErrorCode::kUnavailable, "the object directory was removed");
  if ((file_system.f_flag & ST_RDONLY) != 0)
    return Fail(ErrorCode::kUnavailable, "the object directory is read-only");
  if (file_system.f_bavail == 0) return Fail(ErrorCode::kUnavailable, "no space left for objects");
  return {};
}

}  // namespace codeapi
