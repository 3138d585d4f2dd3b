#include "jail/seccomp_policy.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "base/unique_fd.h"
#include "jail/seccomp_calls.h"

namespace codeapi {
namespace {

constexpr std::uint32_t kMask32 = 0xffffffff;

// "Argument `index`, on the bits of `mask`, is `value`."
scmp_arg_cmp Masked(unsigned index, std::uint32_t mask, std::uint32_t value) {
  return {index, SCMP_CMP_MASKED_EQ, mask, value};
}

class Filter {
 public:
  explicit Filter(std::uint32_t default_action) : context_(seccomp_init(default_action)) {
    if (context_ == nullptr) {
      Record(-ENOMEM, "seccomp_init");
      return;
    }
    Record(seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
           "bad-architecture action");
    Record(seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree");
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  ~Filter() {
    if (context_ != nullptr) seccomp_release(context_);
  }

  // A name this libseccomp does not know does not exist on this architecture: the default then applies.
  template <typename... Compare>
  void Add(std::uint32_t action, const char* name, Compare... compare) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number != __NR_SCMP_ERROR && number >= 0) AddNumber(action, name, number, compare...);
  }
  template <typename... Compare>
  void AddNumber(std::uint32_t action, const char* name, int number, Compare... compare) {
    if (context_ == nullptr) return;
    const std::array<scmp_arg_cmp, sizeof...(Compare)> list{compare...};
    Record(seccomp_rule_add_array(context_, action, number, list.size(), list.data()), name);
  }

  Result<std::string> Export() {
    if (error_ != 0) return FailErrno("seccomp: " + where_, -error_);
    UniqueFd fd(::memfd_create("filter", MFD_CLOEXEC));
    if (!fd) return FailErrno("memfd_create");
    if (const int rc = seccomp_export_bpf(context_, fd.get()); rc != 0)
      return FailErrno("seccomp_export_bpf", -rc);
    std::string out(static_cast<std::size_t>(::lseek(fd.get(), 0, SEEK_END)), '\0');
    if (::pread(fd.get(), out.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) {
      return FailErrno("read the compiled filter");
    }
    return out;
  }

 private:
  void Record(int rc, const char* where) {
    if (rc == 0 || rc == -EEXIST || error_ != 0) return;
    error_ = rc;
    where_ = where;
  }
  scmp_filter_ctx context_;
  int error_ = 0;
  std::string where_;
};

void AllowValues(Filter& filter, const char* name, std::span<const std::uint32_t> values) {
  for (const std::uint32_t value : values) filter.Add(SCMP_ACT_ALLOW, name, Masked(0, kMask32, value));
}

Result<std::string> CompileAllow(bool may_choose_cpus) {
  Filter filter(SCMP_ACT_ERRNO(ENOSYS));
  for (const char* name : kAllowedCalls) filter.Add(SCMP_ACT_ALLOW, name);
  for (const NumberedCall& call : kAllowedNewCalls) filter.AddNumber(SCMP_ACT_ALLOW, call.name, call.number);
  for (const char* name : kPretendedCalls) filter.Add(SCMP_ACT_ERRNO(0), name);
  for (const char* name : kRefusedCalls) filter.Add(SCMP_ACT_ERRNO(EPERM), name);
  for (const char* name : kKilledCalls) filter.Add(SCMP_ACT_KILL_PROCESS, name);
  // Bound to all CPUs there are, a program can only give some up, which taskset, numpy and others do. Bound
  // to fewer it could take the others back (attack 11).
  filter.Add(may_choose_cpus ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), "sched_setaffinity");
  AllowValues(filter, "personality", kAllowedPersonalities);
  AllowValues(filter, "prctl", kAllowedPrctl);
#ifdef __x86_64__
  AllowValues(filter, "arch_prctl", kAllowedArchPrctl);
#endif
  return filter.Export();
}

// "Not AF_UNIX" on 32 bits: any bit but the lowest is set, or none is.
void OnlyUnixSockets(Filter& filter, const char* name) {
  static_assert(AF_UNIX == 1);
  for (int bit = 1; bit < 32; ++bit) {
    const std::uint32_t mask = 1u << bit;
    filter.Add(SCMP_ACT_ERRNO(EPERM), name, Masked(0, mask, mask));
  }
  filter.Add(SCMP_ACT_ERRNO(EPERM), name, Masked(0, kMask32, 0));
}

// Only requests of the type 'T', which are those of terminals, pipes and descriptors in general. What is left
// out belongs to file systems (FS_IOC_*, FICLONE, FIEMAP and each one's own: attack 20), devices, network
// interfaces and namespaces; a file without such requests would say ENOTTY as well.
void DenyIoctls(Filter& filter) {
  constexpr std::uint32_t kTypeShift = 8, kTypeT = 'T';
  for (std::uint32_t bit = 0; bit < 8; ++bit) {
    const std::uint32_t mask = 1u << (kTypeShift + bit);
    filter.Add(SCMP_ACT_ERRNO(ENOTTY), "ioctl", Masked(1, mask, ~(kTypeT << kTypeShift) & mask));
  }
  // Attack 55: no typing into somebody's terminal, and no line discipline, which would load a driver.
  constexpr std::uint32_t kTioclinux = 0x541C;
  for (const std::uint32_t request :
       {static_cast<std::uint32_t>(TIOCSTI), kTioclinux, static_cast<std::uint32_t>(TIOCSETD)}) {
    filter.Add(SCMP_ACT_ERRNO(EPERM), "ioctl", Masked(1, kMask32, request));
  }
}

// Locks with priority inheritance: a long line of faults in the kernel, for a scheduling class that no
// program here may enter. C libraries ask first and say ENOTSUP.
void DenyFutexes(Filter& filter) {
  constexpr std::uint32_t kCommand = ~static_cast<std::uint32_t>(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  constexpr std::uint32_t kFutexLockPi2 = 13;
  for (const std::uint32_t command :
       {std::uint32_t{FUTEX_LOCK_PI}, std::uint32_t{FUTEX_UNLOCK_PI}, std::uint32_t{FUTEX_TRYLOCK_PI},
        std::uint32_t{FUTEX_WAIT_REQUEUE_PI}, std::uint32_t{FUTEX_CMP_REQUEUE_PI}, kFutexLockPi2}) {
    filter.Add(SCMP_ACT_ERRNO(ENOSYS), "futex", Masked(1, kCommand, command));
  }
}

// Rare corners of local sockets that exploits have come through; passing descriptors stays, multiprocessing
// and Node need it.
void DenySocketTricks(Filter& filter) {
  // Urgent bytes, which local sockets learned late and badly. The error is that of a kernel built without
  // them.
  for (const char* name : {"sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg"}) {
    const unsigned index = *DecidingArgument(name);
    filter.Add(SCMP_ACT_ERRNO(EOPNOTSUPP), name, Masked(index, MSG_OOB, MSG_OOB));
  }
  // Socket filters: code of the caller's, compiled into the kernel (attack 46).
  for (const int option :
       {SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF}) {
    filter.Add(SCMP_ACT_ERRNO(EPERM), "setsockopt", Masked(1, kMask32, SOL_SOCKET),
               Masked(2, kMask32, static_cast<std::uint32_t>(option)));
  }
}

Result<std::string> CompileDeny() {
  Filter filter(SCMP_ACT_ALLOW);
  // Attack 56: no network family, not even to ask the kernel about the network.
  OnlyUnixSockets(filter, "socket");
  OnlyUnixSockets(filter, "socketpair");
  // Attacks 43 and 52: no new namespace. CLONE_NEWTIME is part of the signal number here and needs clone3.
  for (const std::uint32_t flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                                   CLONE_NEWPID, CLONE_NEWNET}) {
    filter.Add(SCMP_ACT_ERRNO(EPERM), "clone", Masked(0, flag, flag));
  }
  // A rootless cell's init is the same user as its program, which could otherwise take its limits and its
  // share of the CPU away (attack 8).
  constexpr std::uint32_t kInit = 1;
  for (const char* name :
       {"prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"}) {
    filter.Add(SCMP_ACT_ERRNO(EPERM), name, Masked(0, kMask32, kInit));
  }
  filter.Add(SCMP_ACT_ERRNO(EPERM), "setpriority", Masked(1, kMask32, kInit));
  DenyIoctls(filter);
  DenyFutexes(filter);
  DenySocketTricks(filter);
  // Pages merged with other cells' tell, by the time a write takes, what those hold (attack 61).
  filter.Add(SCMP_ACT_ERRNO(EINVAL), "madvise", Masked(2, kMask32, MADV_MERGEABLE));
  // Attack 61: no signals about what others do in directories that all cells share. Nobody needs F_NOTIFY
  // since there is inotify.
  filter.Add(SCMP_ACT_ERRNO(EPERM), "fcntl", Masked(1, kMask32, F_NOTIFY));
  return filter.Export();
}

}  // namespace

Result<std::string> CompileJailerFilter() {
  Filter filter(SCMP_ACT_TRACE(0));
  const auto by_argument = [](std::string_view name) {
    return std::ranges::find(kJailerCallsByArgument, name) != std::end(kJailerCallsByArgument);
  };
  for (const char* name : kAllowedCalls) {
    if (!by_argument(name)) filter.Add(SCMP_ACT_ALLOW, name);
  }
  for (const NumberedCall& call : kAllowedNewCalls) filter.AddNumber(SCMP_ACT_ALLOW, call.name, call.number);
  for (const char* name : kJailerCalls) filter.Add(SCMP_ACT_ALLOW, name);
  for (const NumberedCall& call : kJailerNewCalls) filter.AddNumber(SCMP_ACT_ALLOW, call.name, call.number);
  for (const char* name : {"socket", "socketpair"})
    filter.Add(SCMP_ACT_ALLOW, name, Masked(0, kMask32, AF_UNIX));
  AllowValues(filter, "personality", kAllowedPersonalities);
  AllowValues(filter, "prctl", kAllowedPrctl);
  AllowValues(filter, "prctl", kJailerPrctl);
  AllowValues(filter, "ptrace", kJailerPtrace);
#ifdef __x86_64__
  AllowValues(filter, "arch_prctl", kAllowedArchPrctl);
#endif
  return filter.Export();
}

std::string SystemCallName(int number) {
  if (char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number); name != nullptr) {
    std::string out = name;
    std::free(name);  // NOLINT: allocated by libseccomp with malloc
    return out;
  }
  const auto* newer = std::ranges::find(kNewNames, number, &NumberedCall::number);
  return newer == std::end(kNewNames) ? "unknown" : newer->name;
}

std::optional<unsigned> DecidingArgument(std::string_view name) {
  const auto* found = std::ranges::find(kDecidingArguments, name,
                                        [](const auto& entry) { return std::string_view(entry.first); });
  return found == std::end(kDecidingArguments) ? std::nullopt : std::optional(found->second);
}

Result<SeccompFilters> CompileFilters(bool may_choose_cpus) {
  auto allow = CompileAllow(may_choose_cpus);
  if (!allow) return std::unexpected(allow.error());
  auto deny = CompileDeny();
  if (!deny) return std::unexpected(deny.error());
  return SeccompFilters{std::move(*allow), std::move(*deny)};
}

}  // namespace codeapi
