// What the filters decide by argument.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "jail/seccomp_fixture.h"

namespace codeapi {
namespace {

// Attack 52, and attack 49: the kernel looks at the low 32 bits only, so the filter must too.
TEST_F(SeccompTest, NoNamespaceIsMadeWhateverTheUpperBits) {
  for (const long flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                          CLONE_NEWPID, CLONE_NEWNET}) {
    ExpectAll(EPERM, {{"clone", SYS_clone, flag | SIGCHLD, 0, 0, 0, 0},
                      {"clone with more", SYS_clone, flag | CLONE_VM | SIGCHLD, 0, 0, 0, 0},
                      {"clone with upper bits", SYS_clone, flag | SIGCHLD | 1l << 40, 0, 0, 0, 0}});
  }
}

TEST_F(SeccompTest, OnlyUnixSockets) {
  std::vector<Call> sockets;
  const auto add = [&](long family) {
    sockets.push_back({"socket", SYS_socket, family, SOCK_DGRAM, 0});
    sockets.push_back({"socketpair", SYS_socketpair, family, SOCK_DGRAM, 0, 0});
  };
  for (long family = 0; family < 64; ++family) {
    if (family != AF_UNIX) add(family);
  }
  add(-1);
  add(1l << 31 | AF_UNIX);
  add(0x10001);
  // Attack 49: the family is an int, so these are AF_INET and AF_NETLINK to the kernel.
  add(AF_INET | 1l << 32);
  add(AF_NETLINK | 0x7fffffffl << 32);
  ExpectAll(EPERM, sockets);
  ExpectAll(0, {{"AF_UNIX with upper bits", SYS_socket, AF_UNIX | 1l << 32, SOCK_STREAM, 0}});
}

TEST_F(SeccompTest, NobodyTypesIntoATerminal) {
  const long tioclinux = 0x541C;
  ExpectAll(EPERM, {{"TIOCSTI", SYS_ioctl, -1, TIOCSTI, 0},
                    {"TIOCSTI with upper bits", SYS_ioctl, -1, TIOCSTI | 1l << 32, 0},
                    {"TIOCLINUX", SYS_ioctl, -1, tioclinux, 0},
                    {"TIOCLINUX with upper bits", SYS_ioctl, -1, tioclinux | 0xffl << 48, 0}});
  ExpectAll(EBADF, {{"TCGETS", SYS_ioctl, -1, TCGETS, 0}, {"FIONREAD", SYS_ioctl, -1, FIONREAD, 0}});
}

// Attacks 20 and 43: requests to file systems, devices and namespaces say what a file without them says.
TEST_F(SeccompTest, OnlyIoctlsOfTerminalsPass) {
  std::vector<Call> calls;
  for (const long request : {0x80086601l, 0x40086602l, 0x801c581fl, 0xc020660bl, 0x40049409l, 0xc0189436l, 1l,
                             2l, 0xb701l, 0x8912l, 0x8933l, 0xff0bl, 0x5254l, 0x1260l, 0l, -1l}) {
    calls.push_back({"ioctl", SYS_ioctl, -1, request, 0});
    calls.push_back({"ioctl with upper bits", SYS_ioctl, -1, request | 1l << 32, 0});
  }
  ExpectAll(ENOTTY, calls);
  ExpectAll(EPERM,
            {{"TIOCSETD", SYS_ioctl, -1, TIOCSETD, 0}, {"with more", SYS_ioctl, -1, TIOCSETD | 1l << 40, 0}});
  ExpectAll(EBADF, {{"TIOCGPTN", SYS_ioctl, -1, TIOCGPTN, 0},
                    {"FIONBIO", SYS_ioctl, -1, FIONBIO, 0},
                    {"FIOCLEX", SYS_ioctl, -1, FIOCLEX, 0},
                    {"TIOCGWINSZ", SYS_ioctl, -1, TIOCGWINSZ, 0}});
}

TEST_F(SeccompTest, NoLockWithPriorityInheritance) {
  std::vector<Call> calls;
  for (const long command : {6l, 7l, 8l, 11l, 12l, 13l}) {
    for (const long flags : {0l, 128l, 256l, 384l, 1l << 32}) {
      calls.push_back({"futex", SYS_futex, 0, command | flags, 0, 0, 0, 0});
    }
  }
  ExpectAll(ENOSYS, calls);
  ExpectAll(EFAULT,
            {{"wait", SYS_futex, 0, 128, 0, 0, 0, 0}, {"requeue", SYS_futex, 0, 128 | 4, 0, 0, 0, 0}});
}

TEST_F(SeccompTest, NoUrgentBytesAndNoSocketFilters) {
  const long more = 1l << 32;
  ExpectAll(EOPNOTSUPP, {{"sendto", SYS_sendto, -1, 0, 0, MSG_OOB, 0, 0},
                         {"sendmsg", SYS_sendmsg, -1, 0, MSG_OOB | MSG_DONTWAIT},
                         {"sendmmsg", SYS_sendmmsg, -1, 0, 0, MSG_OOB},
                         {"recvfrom", SYS_recvfrom, -1, 0, 0, MSG_OOB | MSG_PEEK | more, 0, 0},
                         {"recvmsg", SYS_recvmsg, -1, 0, MSG_OOB},
                         {"recvmmsg", SYS_recvmmsg, -1, 0, 0, MSG_OOB, 0}});
  ExpectAll(EPERM,
            {{"SO_ATTACH_FILTER", SYS_setsockopt, -1, SOL_SOCKET, SO_ATTACH_FILTER, 0, 0},
             {"SO_ATTACH_BPF", SYS_setsockopt, -1, SOL_SOCKET | more, SO_ATTACH_BPF | more, 0, 0},
             {"SO_ATTACH_REUSEPORT_CBPF", SYS_setsockopt, -1, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, 0, 0},
             {"SO_ATTACH_REUSEPORT_EBPF", SYS_setsockopt, -1, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, 0, 0}});
  ExpectAll(EBADF, {{"sendto", SYS_sendto, -1, 0, 0, MSG_NOSIGNAL, 0, 0},
                    {"recvmsg", SYS_recvmsg, -1, 0, MSG_DONTWAIT},
                    {"SO_REUSEADDR", SYS_setsockopt, -1, SOL_SOCKET, SO_REUSEADDR, 0, 0},
                    {"the same number elsewhere", SYS_setsockopt, -1, 6, SO_ATTACH_FILTER, 0, 0}});
}

// Attack 10, and attack 46 for PR_SET_SECCOMP: the caller's code, compiled into the kernel.
TEST_F(SeccompTest, OnlyWhatAProcessMayKnowAndChangeAboutItself) {
  sock_filter allow_all{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const sock_fprog program{1, &allow_all};
  const long code = reinterpret_cast<long>(&program), more = 1l << 32;
  std::vector<Call> calls = {
      {"PR_SET_SECCOMP", SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, code, 0, 0},
      {"with upper bits", SYS_prctl, PR_SET_SECCOMP | more, SECCOMP_MODE_FILTER, code, 0, 0}};
  for (const long option : {24l, 28l, 35l, 53l, 59l, 62l, 65l, 67l, 78l, 0x59616d61l, 9'999l}) {
    calls.push_back({"prctl", SYS_prctl, option, 0, 0, 0, 0});
  }
  ExpectAll(ENOSYS, calls);
  ExpectAll(0, {{"PR_SET_NAME", SYS_prctl, PR_SET_NAME | more, reinterpret_cast<long>("name"), 0, 0, 0},
                {"PR_SET_CHILD_SUBREAPER", SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0}});
}

// Attack 61: merged pages tell what other cells hold.
TEST_F(SeccompTest, NoPageIsMergedWithOtherCells) {
  ExpectAll(EINVAL, {{"madvise", SYS_madvise, 0, 0, MADV_MERGEABLE},
                     {"madvise with upper bits", SYS_madvise, 0, 0, MADV_MERGEABLE | 1l << 32}});
  ExpectAll(0, {{"another advice", SYS_madvise, 0, 0, MADV_DONTNEED}});
}

// Attack 61.
TEST_F(SeccompTest, NobodyIsSignalledWhatOthersDoInSharedDirectories) {
  ExpectAll(EPERM, {{"F_NOTIFY", SYS_fcntl, -1, F_NOTIFY, 0},
                    {"F_NOTIFY with upper bits", SYS_fcntl, -1, F_NOTIFY | 1l << 32, 0}});
  ExpectAll(EBADF, {{"F_GETFD", SYS_fcntl, -1, F_GETFD, 0}, {"F_SETLK", SYS_fcntl, -1, F_SETLK, 0}});
}

TEST_F(SeccompTest, ThePersonalityIsAskedForAndNotChanged) {
  ExpectAll(0, {{"query", SYS_personality, 0xffffffff},
                {"query with upper bits", SYS_personality, -1},
                {"the usual one", SYS_personality, 0}});
  ExpectAll(ENOSYS, {{"no address randomisation", SYS_personality, ADDR_NO_RANDOMIZE},
                     {"read implies exec", SYS_personality, READ_IMPLIES_EXEC},
                     {"with upper bits", SYS_personality, ADDR_NO_RANDOMIZE | 1l << 32}});
}

// Attack 8: where init is the same user as its program, nothing else would stand between them.
TEST_F(SeccompTest, NobodyChangesInitsShare) {
  const long more = 1l << 32;
  ExpectAll(EPERM, {{"prlimit64", SYS_prlimit64, 1, RLIMIT_NOFILE, 0, 0},
                    {"sched_setaffinity", SYS_sched_setaffinity, 1, 8, 0},
                    {"sched_setattr", SYS_sched_setattr, 1 | more, 0, 0},
                    {"sched_setparam", SYS_sched_setparam, 1, 0},
                    {"sched_setscheduler", SYS_sched_setscheduler, 1, 0, 0},
                    {"setpriority", SYS_setpriority, PRIO_PROCESS, 1 | more, 0}});
  ExpectAll(EFAULT, {{"own processors", SYS_sched_setaffinity, 0, 8, 0}});
}

// Attack 11: who was bound to some processors must not get the others back.
TEST_F(SeccompTest, ProcessorsAreChosenOnlyByWhoMayUseAllOfThem) {
  auto bound = CompileFilters(false);
  ASSERT_TRUE(bound);
  std::swap(*filters_, *bound);
  ExpectAll(EPERM, {{"own processors", SYS_sched_setaffinity, 0, 8, 0}});
  std::swap(*filters_, *bound);
}

}  // namespace
}  // namespace codeapi
