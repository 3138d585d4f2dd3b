// What the C programs of this directory share: one line "name=outcome" per attempt on stdout.
#define _GNU_SOURCE
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
