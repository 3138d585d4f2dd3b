#include "jail/seccomp_policy.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

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
    if (number == __NR_SCMP_ERROR || number < 0 || context_ == nullptr) return;
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

Result<std::string> CompileAllow() {
  Filter filter(SCMP_ACT_ERRNO(ENOSYS));
  for (const char* name : kAllowedCalls) filter.Add(SCMP_ACT_ALLOW, name);
  for (const char* name : kRefusedCalls) filter.Add(SCMP_ACT_ERRNO(EPERM), name);
  for (const char* name : kKilledCalls) filter.Add(SCMP_ACT_KILL_PROCESS, name);
  // Asking for the personality, or setting the one it already has, is harmless; ADDR_NO_RANDOMIZE is not.
  filter.Add(SCMP_ACT_ALLOW, "personality", Masked(0, kMask32, 0xffffffff));
  filter.Add(SCMP_ACT_ALLOW, "personality", Masked(0, kMask32, 0));
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
  for (const char* name : {"prlimit64", "sched_setattr", "sched_setparam", "sched_setscheduler"}) {
    filter.Add(SCMP_ACT_ERRNO(EPERM), name, Masked(0, kMask32, kInit));
  }
  filter.Add(SCMP_ACT_ERRNO(EPERM), "setpriority", Masked(1, kMask32, kInit));
  // Attack 55: no typing into somebody's terminal.
  constexpr std::uint32_t kTioclinux = 0x541C;
  for (const std::uint32_t request : {static_cast<std::uint32_t>(TIOCSTI), kTioclinux}) {
    filter.Add(SCMP_ACT_ERRNO(EPERM), "ioctl", Masked(1, kMask32, request));
  }
  return filter.Export();
}

}  // namespace

Result<SeccompFilters> CompileFilters() {
  auto allow = CompileAllow();
  if (!allow) return std::unexpected(allow.error());
  auto deny = CompileDeny();
  if (!deny) return std::unexpected(deny.error());
  return SeccompFilters{std::move(*allow), std::move(*deny)};
}

}  // namespace codeapi
