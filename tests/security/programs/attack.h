// What the C programs of this directory share: one line "name=outcome" per attempt on stdout.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// The outcome of one attempt: "ok" or the name of the errno. A child that a successful attempt made ends
// here.
static void report_as(const char* name, long result, pid_t self) {
  int error = errno;
  if (getpid() != self) _exit(0);
  printf("%s=%s\n", name, result >= 0 ? "ok" : strerrorname_np(error));
  fflush(stdout);
}

#define TRY(name, call)              \
  do {                               \
    pid_t self = getpid();           \
    errno = 0;                       \
    long result = (long)(call);      \
    report_as((name), result, self); \
  } while (0)

// How a child ended that exits with 0 or with an errno: "ok", the errno's name, or the signal's.
static void report_child(const char* name, pid_t child) {
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    printf("%s=%s\n", name, strerrorname_np(errno));
  } else if (WIFSIGNALED(status)) {
    printf("%s=SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
  } else {
    printf("%s=%s\n", name, WEXITSTATUS(status) == 0 ? "ok" : strerrorname_np(WEXITSTATUS(status)));
  }
  fflush(stdout);
}

// An attempt that may end its caller, made by a child.
#define TRY_IN_CHILD(name, call)                          \
  do {                                                    \
    pid_t child = fork();                                 \
    if (child == 0) _exit((long)(call) >= 0 ? 0 : errno); \
    report_child((name), child);                          \
  } while (0)
