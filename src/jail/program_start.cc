#include "jail/program_start.h"

#include <string.h>
#include <unistd.h>

#include <cerrno>

namespace codeapi {
namespace {

constexpr int kNotExecutable = 126;

void Say(const char* text) {
  const ssize_t ignored = ::write(STDERR_FILENO, text, ::strlen(text));
  static_cast<void>(ignored);
}

}  // namespace

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (std::string& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

void RunProgram(const ProgramStart& start) {
  StartFailure failure;
  failure.step = LockDown(start.spec);
  if (failure.step == LockdownStep::kNone) {
    ::execve(start.argv[0], start.argv.data(), start.env.data());
    failure.step = LockdownStep::kExec;
  }
  failure.error = errno;
  if (failure.step == LockdownStep::kExec && start.compiled) {
    const char* why = ::strerrordesc_np(failure.error);
    Say("the compiled program cannot be executed: ");
    Say(why == nullptr ? "unknown error" : why);
    Say("\n");
    ::_exit(kNotExecutable);
  }
  // Before the descriptors were set the report pipe has its old number; after it, kLockdownReportFd.
  const int fd = failure.step <= LockdownStep::kDescriptors ? start.spec.keep_fd : kLockdownReportFd;
  const ssize_t ignored = ::write(fd, &failure, sizeof failure);
  ::_exit(ignored == sizeof failure ? kNotExecutable : 127);
}

}  // namespace codeapi
