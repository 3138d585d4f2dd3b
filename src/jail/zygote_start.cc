#include "jail/zygote_start.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "jail/zygote_wire.h"

namespace codeapi {
namespace {

// A fork takes a millisecond or two, and a zygote serves many cells; a bare interpreter takes ten. Who waits
// longer than this waits for a machine that cannot do anything else either.
constexpr int kPatienceMs = 2'000;

}  // namespace

std::optional<pid_t> AwaitZygoteProgram(int link) {
  pollfd waiting{link, POLLIN, 0};
  int ready;
  do ready = ::poll(&waiting, 1, kPatienceMs);
  while (ready < 0 && errno == EINTR);
  if (ready != 1) return std::nullopt;
  pid_t pid = -1;
  ssize_t n;
  do n = ::recv(link, &pid, sizeof pid, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n != sizeof pid || pid <= 1) return std::nullopt;
  return pid;
}

bool StartZygoteProgram(int link, const ProgramStart& start, const std::vector<std::uint32_t>& cpus) {
  ZygoteGo go;
  static_assert(std::tuple_size_v<decltype(start.limits)> <= ZygoteGo::kMostLimits);
  for (const ResourceLimit& limit : start.limits) go.limit[go.limits++] = {limit.resource, limit.value};
  for (const std::uint32_t cpu : cpus) {
    if (cpu >= ZygoteGo::kMostCpus) continue;
    go.cpus[cpu / 64] |= std::uint64_t{1} << (cpu % 64);
    go.bind_cpus = 1;
  }
  const LockdownSpec& spec = start.spec;
  const int fds[] = {spec.stdin_fd, spec.stdout_fd, spec.stderr_fd, spec.keep_fd, spec.landlock_fd};
  const std::size_t count = spec.landlock_fd >= 0 ? kGoFds + 1 : kGoFds;

  iovec part{&go, sizeof go};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds, count * sizeof(int));
  ssize_t n;
  do n = ::sendmsg(link, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == sizeof go;
}

}  // namespace codeapi
