// Attack 22: core files as outputs, in the work directory, under names that are returned.
#include <sys/prctl.h>
#include <sys/resource.h>

#include "attack.h"

static int crash(int number) {
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &all);
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  prctl(PR_SET_NAME, "core.txt", 0, 0, 0);
  signal(number, SIG_DFL);
  raise(number);
  return 0;
}

int main(void) {
  struct rlimit core;
  getrlimit(RLIMIT_CORE, &core);
  printf("limit=%ld %ld\n", (long)core.rlim_cur, (long)core.rlim_max);
  struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY}, page = {4096, 4096};
  TRY("unlimited", setrlimit(RLIMIT_CORE, &more));
  TRY("page", setrlimit(RLIMIT_CORE, &page));
  TRY("of_init", syscall(SYS_prlimit64, 1, RLIMIT_CORE, &more, 0));
  TRY("pattern", open("/proc/sys/kernel/core_pattern", O_WRONLY));
  TRY("pipe_limit", open("/proc/sys/kernel/core_pipe_limit", O_WRONLY));
  for (int n = 0; n < 5; n++) {
    static const int kNumbers[] = {SIGSEGV, SIGABRT, SIGQUIT, SIGSYS, SIGBUS};
    TRY_IN_CHILD("crash", crash(kNumbers[n]));
    int status = 0;
    pid_t child = fork();
    if (child == 0) _exit(crash(kNumbers[n]));
    waitpid(child, &status, 0);
    printf("dumped.%d=%d\n", kNumbers[n], WCOREDUMP(status));
  }
  // A file over its size limit is a signal too.
  struct rlimit small = {4096, 4096};
  setrlimit(RLIMIT_FSIZE, &small);
  char block[8192] = {0};
  int file = open("big.txt", O_CREAT | O_WRONLY, 0600);
  printf("written=%zd\n", write(file, block, sizeof block));
  fflush(stdout);
  TRY_IN_CHILD("over", write(file, block, sizeof block));
  return 0;
}
