// How an object gets in. See object_directory.cc.
//
// Theory of operation. An fsync of one small file costs a commit of the file system's journal, which takes
// with it whatever else was under way. So the writing of both files of all objects of a group is started
// before the first of them is waited for, which then has done the work of the others; and a session's
// directory, and the one above it, are fsync()ed once for all objects that got their names there. Ten objects
// cost little more than one. Nothing is taken for durable because of that: each file is fsync()ed before it
// gets its name.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "store/object_directory.h"
#include "store/object_files.h"
#include "store/object_meta_file.h"

namespace codeapi {

using namespace object_files;  // NOLINT: made for this class

namespace {

// What takes the disk so long that others should not wait for it in a group.
constexpr std::uint64_t kLarge = 1u << 20;

// Has the kernel begin to write, without waiting. Where that is not possible the fsync does all of it.
void StartWriting(int fd) {
  static_cast<void>(::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
}

// Calls `work(i)` for every i below `count`, on a few threads: a disk that is asked to flush by several at
// once flushes once.
void AtOnce(std::size_t count, const std::function<void(std::size_t)>& work) {
  constexpr std::size_t kMostThreads = 8;
  std::atomic<std::size_t> next = 0;
  const auto some = [&] {
    for (std::size_t i; (i = next++) < count;) work(i);
  };
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < std::min(count, kMostThreads); ++i) {
    try {
      others.emplace_back(some);
    } catch (const std::system_error&) {
      break;  // no more threads: those that there are do it
    }
  }
  some();
}

}  // namespace

void ObjectDirectory::noteNewSession(const std::string& session) {
  const std::lock_guard lock(new_mutex_);
  new_sessions_[session] = ++last_new_;
}

Result<std::unique_ptr<ObjectDirectory::Draft>> ObjectDirectory::begin(ObjectKey key) {
  std::unique_ptr<Draft> draft(new Draft(*this, std::move(key)));
  const std::string& session = draft->key_.session;
  // From here to the temporary file the directory is empty and a removal could take it away.
  const std::lock_guard lock(mutexOf(session));
  const bool created = ::mkdirat(objects_.get(), session.c_str(), 0700) == 0;
  if (!created && errno != EEXIST) return IoError("create session " + session);
  if (created) noteNewSession(session);
  auto directory = openSession(session);
  if (!directory) return std::unexpected(std::move(directory.error()));
  std::string name = std::string(kTemporaryPrefix) + NewId();
  draft->data_ = OpenAt(directory->get(), name, O_WRONLY | O_CREAT | O_EXCL);
  if (!draft->data_) {
    const int error = errno;
    removeSessionIfEmpty(session);
    return IoError("create " + Name(draft->key_), error);
  }
  draft->session_ = std::move(*directory);
  draft->data_name_ = std::move(name);
  return draft;
}

ObjectDirectory::Draft::~Draft() {
  if (data_name_.empty()) return;
  const std::lock_guard lock(directory_.mutexOf(key_.session));
  ::unlinkat(session_.get(), data_name_.c_str(), 0);
  if (!meta_name_.empty()) ::unlinkat(session_.get(), meta_name_.c_str(), 0);
  directory_.removeSessionIfEmpty(key_.session);
}

Result<void> ObjectDirectory::Draft::append(std::span<const char> data) {
  hash_.update(data);
  size_ += data.size();
  return WriteAll(data_.get(), data, Name(key_));
}

// Writes what the disk is to keep, under temporary names.
Result<void> ObjectDirectory::Draft::prepare(const ObjectMeta& meta) {
  directory_.step("data_written");
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  info_ = {key_, meta, size_, now, hash_.finish()};
  if (size_ > kLarge) {
    if (::fsync(data_.get()) != 0) return IoError("fsync " + Name(key_));
  } else {
    StartWriting(data_.get());
  }
  std::string name = std::string(kTemporaryPrefix) + NewId();
  meta_ = OpenAt(session_.get(), name, O_WRONLY | O_CREAT | O_EXCL);
  if (!meta_) return IoError("create metadata of " + Name(key_));
  meta_name_ = std::move(name);
  if (auto written = WriteAll(meta_.get(), EncodeObjectMeta(info_), "metadata of " + Name(key_)); !written) {
    return written;
  }
  StartWriting(meta_.get());
  return {};
}

// Brings both files to the disk.
Result<void> ObjectDirectory::Draft::sync() {
  if (::fsync(data_.get()) != 0) return IoError("fsync " + Name(key_));
  directory_.step("data_synced");
  if (::fsync(meta_.get()) != 0) return IoError("fsync metadata of " + Name(key_));
  directory_.step("meta_synced");
  return {};
}

// Gives both files their names.
Result<void> ObjectDirectory::Draft::rename() {
  const std::string meta = MetaName(key_.id);
  const std::lock_guard lock(directory_.mutexOf(key_.session));
  if (Exists(session_.get(), key_.id)) {
    if (Exists(session_.get(), meta)) return Fail(ErrorCode::kConflict, Name(key_) + " exists already");
    ::unlinkat(session_.get(), key_.id.c_str(), 0);  // half of a pair is no object
  }
  if (::renameat(session_.get(), meta_name_.c_str(), session_.get(), meta.c_str()) != 0) {
    return IoError("rename metadata of " + Name(key_));
  }
  meta_name_ = meta;  // the name to remove should a later step fail
  directory_.step("meta_renamed");
  if (::renameat(session_.get(), data_name_.c_str(), session_.get(), key_.id.c_str()) != 0) {
    return IoError("rename " + Name(key_));
  }
  data_name_ = key_.id;
  directory_.step("data_renamed");
  return {};
}

// Makes the names of a group's objects last: one fsync for each directory. What failed before is passed over.
void ObjectDirectory::syncNames(std::span<Draft* const> drafts, std::span<Result<void>> results) {
  std::map<std::string, std::size_t> sessions;  // where in `directories` each one is
  std::map<std::string, std::uint64_t> fresh;
  std::vector<int> directories;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    const std::string& session = drafts[i]->key_.session;
    if (!results[i] || !sessions.try_emplace(session, directories.size()).second) continue;
    directories.push_back(drafts[i]->session_.get());
    const std::lock_guard lock(new_mutex_);
    if (const auto it = new_sessions_.find(session); it != new_sessions_.end()) fresh.insert(*it);
  }
  const std::size_t above = directories.size();
  if (!fresh.empty()) directories.push_back(objects_.get());
  std::vector<int> errors(directories.size());
  AtOnce(directories.size(), [&](std::size_t i) { errors[i] = ::fsync(directories[i]) == 0 ? 0 : errno; });
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    if (!results[i]) continue;
    const std::string& session = drafts[i]->key_.session;
    if (const int error = errors[sessions.at(session)]; error != 0) {
      results[i] = IoError("fsync session " + session, error);
    } else if (fresh.contains(session) && errors[above] != 0) {
      results[i] = IoError("fsync objects", errors[above]);
    }
  }
  if (fresh.empty() || errors[above] != 0) return;
  const std::lock_guard lock(new_mutex_);
  for (const auto& [session, number] : fresh) {
    const auto it = new_sessions_.find(session);
    if (it != new_sessions_.end() && it->second == number) new_sessions_.erase(it);
  }
}

std::vector<Result<ObjectInfo>> ObjectDirectory::commit(std::span<Draft* const> drafts) {
  std::vector<Result<void>> results(drafts.size());
  AtOnce(drafts.size(), [&](std::size_t i) { results[i] = drafts[i]->sync(); });
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    if (results[i]) results[i] = drafts[i]->rename();
  }
  syncNames(drafts, results);
  std::vector<Result<ObjectInfo>> out;
  out.reserve(drafts.size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    if (!results[i]) {
      out.emplace_back(std::unexpected(std::move(results[i].error())));
      continue;
    }
    step("directory_synced");
    drafts[i]->keep();
    out.emplace_back(std::move(drafts[i]->info_));
  }
  return out;
}

}  // namespace codeapi
