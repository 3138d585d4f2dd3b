// Attack 49: every system call there is, and many there are not, with hostile arguments.
//
// Each number is called in a child of its own, once per set of arguments; what came of it is left in shared
// memory before the child goes on, so that a child that is killed tells which call did it. One line per
// number:
//
//   native <number> <outcome of each set, or one when all are alike>
//   high <number> <outcome>     the number with upper bits set was treated otherwise than without (a fault)
//   masked <name> <outcome without upper bits in the argument> <with some> <with others> ...
//
// Outcomes: "ok", an errno's name, "ended" (the child exited), a signal's name.
#define _GNU_SOURCE
#include <sys/time.h>

#include "attack.h"

enum { kLast = 1100, kSets = 8, kOk = 0, kEnded = 1 << 12, kKilled = 1 << 13 };

static struct {
  int at;
  int outcome[kSets];
}* shared;

// glibc's syscall() would be returned from twice after a vfork, over a return address that is no longer
// there.
static long raw(long number, const long* a) {
  long result;
  register long r10 asm("r10") = a[3];
  register long r8 asm("r8") = a[4];
  register long r9 asm("r9") = a[5];
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

// What would block the walk for ever, and why it is let wait for a moment only: the alarm ends it, so that
// SIGALRM means "it waited".
static int waits(long number) {
  switch (number) {
    case 34:   // pause: waits for a signal
    case 23:   // select without descriptors and without a time
    case 270:  // pselect6, likewise
    case 271:  // ppoll, likewise
    case 70:   // msgrcv: the queue that msgget (68) made is empty
      return 1;
    default:
      return 0;
  }
  // Treated like the others, because the sets below are chosen so that it can be: kill, tkill and tgkill
  // (their process is none, or init, which is not theirs to signal; killing everything is attack 8), exit and
  // exit_group (end the child, as does rt_sigreturn), fork, vfork and clone (the grandchild ends at once),
  // close_range and dup2 (0, 1 and 2 are a memory file of the child's own), munmap (nothing but the page is
  // there), setrlimit, alarm and the like (of the child).
}

enum { kPage = 0x10000000 };

// Kept away from small numbers other than 0 and 1: a 16 would be somebody's process id.
static const long kArguments[kSets][6] = {
    {0, 0, 0, 0, 0, 0},
    {-1, -1, -1, -1, -1, -1},
    {~0L << 32, ~0L << 32, ~0L << 32, ~0L << 32, ~0L << 32, ~0L << 32},                    // zeros to an int
    {1L << 32 | 1, 1L << 32 | 1, 1L << 32 | 1, 1L << 32 | 1, 1L << 32 | 1, 1L << 32 | 1},  // ones to an int
    {0x666dead0000, 0x666dead0000, 0x666dead0000, 0x666dead0000, 0x666dead0000, 0x666dead0000},  // nowhere
    {-0x7f000000, -0x7f000000, -0x7f000000, -0x7f000000, -0x7f000000, -0x7f000000},  // the kernel's
    {kPage, kPage, kPage, kPage, kPage, kPage},                                      // readable
    {0, kPage, kPage, kPage, kPage, kPage},
};

static _Noreturn void walk_in_child(long number, int from, int until, int restless) {
  int fd = memfd_create("walk", 0);
  for (int i = 0; i < 3; ++i) dup2(fd, i);
  mmap((void*)kPage, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  const long none[6] = {0};
  const long self = raw(SYS_getpid, none);
  for (int i = from; i < until; ++i) {
    shared->at = i;
    if (restless) {
      const struct itimerval soon = {{0, 0}, {0, 20000}};
      setitimer(ITIMER_REAL, &soon, NULL);
    }
    const long result = raw(number, kArguments[i]);
    if (raw(SYS_getpid, none) != self) raw(SYS_exit_group, none);
    shared->outcome[i] = result < 0 && result > -4096 ? (int)-result : kOk;
  }
  shared->at = until;
  raw(SYS_exit_group, none);
  __builtin_unreachable();
}

static void walk(long number, int from, int until) {
  while (from < until) {
    const pid_t pid = fork();
    if (pid == 0) walk_in_child(number, from, until, waits(number & 0xffffffff));
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) abort();
    if (shared->at < until) {
      shared->outcome[shared->at] = WIFSIGNALED(status) ? kKilled | WTERMSIG(status) : kEnded;
    }
    from = shared->at + 1;
  }
}

static const char* name_of(int outcome) {
  static char text[32];
  if (outcome == kOk) return "ok";
  if (outcome == kEnded) return "ended";
  const char* name = outcome & kKilled ? sigabbrev_np(outcome & ~kKilled) : strerrorname_np(outcome);
  if (outcome & kKilled) snprintf(text, sizeof text, "SIG%s", name ? name : "?");
  return outcome & kKilled ? text : name ? name : "?";
}

static void walk_number(long number) {
  walk(number, 0, kSets);
  int alike = 1;
  for (int i = 1; i < kSets; ++i) alike &= shared->outcome[i] == shared->outcome[0];
  printf("native %ld", number);
  for (int i = 0; i < (alike ? 1 : kSets); ++i) printf(" %s", name_of(shared->outcome[i]));
  printf("\n");
  fflush(stdout);
  walk(number, 1, 2);  // again, alone: what the sets before it have left behind is gone
  const int before = shared->outcome[1];
  walk(1L << 32 | number, 1, 2);  // the kernel looks at the lower half of the register
  if (shared->outcome[1] != before) printf("high %ld %s\n", number, name_of(shared->outcome[1]));
}

// Arguments the kernel takes as an int: what the upper half says must not matter.
static void walk_masked(const char* name, long number, int index, long value) {
  static const long kUpper[] = {0, 1L << 32, 0x7fffffffL << 32, ~0L << 32, 1L << 63};
  printf("masked %s", name);
  for (int i = 0; i < 5; ++i) {
    long a[6] = {-1, 0, 0, 0, 0, 0};
    a[index] = value | kUpper[i];
    const long none[6] = {0};
    const long self = getpid();
    const long result = raw(number, a);
    if (raw(SYS_getpid, none) != self) raw(SYS_exit_group, none);
    printf(" %s", name_of(result < 0 && result > -4096 ? (int)-result : kOk));
  }
  printf("\n");
  fflush(stdout);
}

int main(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (long number = 0; number <= kLast; ++number) walk_number(number);
  static const long kFar[] = {1101, 2047, 4095, 4096, 65535, 1 << 20, 0x3fffffff, 0xffffffff, 0xfffffffe};
  for (unsigned i = 0; i < sizeof kFar / sizeof *kFar; ++i) {
    // The negative ones with a bit that x32 has too, all but -1, are killed as x32: attack 48.
    if (kFar[i] != 0xfffffffe) walk_number(kFar[i]);
  }
  char name[64];
  for (int family = 0; family < 64; ++family) {
    snprintf(name, sizeof name, "socket.%d", family);
    walk_masked(name, SYS_socket, 0, family);
    snprintf(name, sizeof name, "socketpair.%d", family);
    walk_masked(name, SYS_socketpair, 0, family);
  }
  static const struct {
    const char* name;
    long flag;
  } kNamespaces[] = {{"newns", CLONE_NEWNS},   {"newcgroup", CLONE_NEWCGROUP}, {"newuts", CLONE_NEWUTS},
                     {"newipc", CLONE_NEWIPC}, {"newuser", CLONE_NEWUSER},     {"newpid", CLONE_NEWPID},
                     {"newnet", CLONE_NEWNET}};
  for (unsigned i = 0; i < 7; ++i) {
    snprintf(name, sizeof name, "clone.%s", kNamespaces[i].name);
    walk_masked(name, SYS_clone, 0, kNamespaces[i].flag | SIGCHLD);
  }
  walk_masked("fcntl.NOTIFY", SYS_fcntl, 1, F_NOTIFY);
  walk_masked("prlimit64.init", SYS_prlimit64, 0, 1);
  walk_masked("sched_setaffinity.init", SYS_sched_setaffinity, 0, 1);
  walk_masked("setpriority.init", SYS_setpriority, 1, 1);
  walk_masked("ioctl.TIOCSTI", SYS_ioctl, 1, 0x5412);
  walk_masked("ioctl.TIOCLINUX", SYS_ioctl, 1, 0x541c);
  walk_masked("ioctl.TIOCSETD", SYS_ioctl, 1, 0x5423);
  walk_masked("ioctl.FS_IOC_SETFLAGS", SYS_ioctl, 1, 0x40086602);
  walk_masked("ioctl.SIOCGIFCONF", SYS_ioctl, 1, 0x8912);
  walk_masked("ioctl.TCGETS", SYS_ioctl, 1, 0x5401);
  walk_masked("futex.LOCK_PI", SYS_futex, 1, 6);
  walk_masked("futex.WAIT_REQUEUE_PI", SYS_futex, 1, 11 | 128);
  walk_masked("sendto.OOB", SYS_sendto, 3, 1);
  walk_masked("recvmsg.OOB", SYS_recvmsg, 2, 1);
  walk_masked("madvise.MERGEABLE", SYS_madvise, 2, 12);
  walk_masked("personality.ADDR_NO_RANDOMIZE", SYS_personality, 0, 0x40000);
  walk_masked("prctl.SET_SECCOMP", SYS_prctl, 0, 22);
  walk_masked("prctl.SET_MM", SYS_prctl, 0, 35);
  walk_masked("prctl.SET_MEMORY_MERGE", SYS_prctl, 0, 67);
  return 0;
}
