// What the tests of this room share.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/ids.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace codeapi::testing {

/// A directory of the test's own, removed with all that is in it.
class TempDir {
 public:
  TempDir() : path_(std::filesystem::temp_directory_path() / ("codeapi-store-" + NewId())) {
    std::filesystem::create_directory(path_);
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Runs a coroutine to its end on an io_context of its own and returns what it returned.
template <typename T>
T Await(boost::asio::awaitable<T> work) {
  boost::asio::io_context context;
  std::optional<T> result;
  std::exception_ptr failure;
  boost::asio::co_spawn(context, std::move(work), [&](std::exception_ptr error, T value) {
    failure = error;
    result.emplace(std::move(value));
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

/// The code of a result's error, or nothing. For EXPECT_EQ(CodeOf(r), ErrorCode::kInvalid).
template <typename R>
std::optional<ErrorCode> CodeOf(const R& result) {
  return result.has_value() ? std::nullopt : std::optional<ErrorCode>(result.error().code);
}

/// This test program started again to play a part that has to be another process: one that is killed, or that
/// sees a file system of its own. Killed, if still there, and reaped when destroyed.
class Helper {
 public:
  /// Runs HelperMain() in it with `arguments`.
  explicit Helper(std::vector<std::string> arguments);
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  /// The next line it wrote to stdout, without its end; nothing when there are no more.
  std::optional<std::string> line();

  void kill();

  /// Waits for its end: the exit code, or minus the signal that ended it.
  int wait();

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  std::string buffered_;
};

/// The parts; each returns the exit code.
int RunObjectStoreHelper(const std::vector<std::string>& arguments);
int RunStateStoreHelper(const std::vector<std::string>& arguments);

/// Puts a tmpfs of `size` (as mount takes it) on `directory` in a mount namespace of the calling process's
/// own, which must have one thread; needs root or unprivileged user namespaces. Whether it worked.
bool MountSmallDisk(const std::string& directory, const std::string& size);

}  // namespace codeapi::testing
