// Attack 45: other processes' memory, descriptors and secrets: init's, a sibling's, its own child's.
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "attack.h"

static void reach(const char* whom, pid_t pid) {
  char name[64], path[64], bytes[8] = "changed";
  struct iovec here = {bytes, 8}, there = {bytes, 8};
#define AT(what, call)                                \
  do {                                                \
    snprintf(name, sizeof name, "%s.%s", whom, what); \
    TRY(name, call);                                  \
  } while (0)
  AT("attach", syscall(SYS_ptrace, PTRACE_ATTACH, pid, 0, 0));
  AT("seize", syscall(SYS_ptrace, PTRACE_SEIZE, pid, 0, 0));
  AT("readv", process_vm_readv(pid, &here, 1, &there, 1, 0));
  AT("writev", process_vm_writev(pid, &here, 1, &there, 1, 0));
  AT("kcmp", syscall(SYS_kcmp, getpid(), pid, 0, 0, 0));
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  AT("getfd", syscall(SYS_pidfd_getfd, pidfd, 1, 0));
  AT("madvise", syscall(SYS_process_madvise, pidfd, &there, 1, 4, 0));
  AT("setns", syscall(SYS_setns, pidfd, 0x40000000));
  static const char* const kFiles[] = {
      "mem",  "maps",    "environ", "fd/0",     "cwd/x",     "root/etc/passwd", "exe",
      "auxv", "syscall", "stack",   "fdinfo/3", "map_files", "oom_score_adj",   "comm"};
  for (unsigned n = 0; n < sizeof kFiles / sizeof *kFiles; n++) {
    snprintf(path, sizeof path, "/proc/%d/%s", pid, kFiles[n]);
    AT(kFiles[n], open(path, n == 0 || n > 11 ? O_RDWR : O_RDONLY | O_NONBLOCK));
  }
}

int main(void) {
  TRY("traceme", syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
  reach("init", 1);
  // Its own child is its own affair, but not by the calls that no program here needs.
  pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  reach("child", child);
  kill(child, SIGKILL);
  return 0;
}
