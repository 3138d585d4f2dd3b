// Attack 8: signals to everyone. The argument "all" kills whatever can be reached and reports what could not;
// "group" kills the program's own group, "parent" lets a child kill the program.
#include <time.h>

#include "attack.h"

static pid_t sleeper(void) {
  pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  return child;
}

// Every signal, by every call that sends one, to init. One outcome a call.
static void signal_init(void) {
  int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
  static const char* const kCalls[] = {"kill", "tkill", "tgkill", "sigqueue", "tgsigqueue", "pidfd"};
  for (unsigned call = 0; call < 6; call++) {
    const char* outcome = 0;
    for (int number = 1; number < 65; number++) {
      siginfo_t info = {.si_signo = number, .si_code = SI_QUEUE};
      long result = -1;
      errno = 0;
      if (call == 0) result = kill(1, number);
      if (call == 1) result = syscall(SYS_tkill, 1, number);
      if (call == 2) result = syscall(SYS_tgkill, 1, 1, number);
      if (call == 3) result = syscall(SYS_rt_sigqueueinfo, 1, number, &info);
      if (call == 4) result = syscall(SYS_rt_tgsigqueueinfo, 1, 1, number, &info);
      if (call == 5) result = syscall(SYS_pidfd_send_signal, pidfd, number, 0, 0);
      const char* this = result == 0 ? "sent" : strerrorname_np(errno);
      if (outcome && strcmp(outcome, this) != 0) printf("init.%s.%d=%s\n", kCalls[call], number, this);
      outcome = this;
    }
    printf("init.%s=%s\n", kCalls[call], outcome);
  }
}

// The ways to let the kernel send the signal.
static void let_the_kernel_signal_init(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return;
  fcntl(ends[0], F_SETOWN, 1);
  fcntl(ends[0], F_SETSIG, SIGKILL);
  fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
  TRY("owner.write", write(ends[1], "x", 1));
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGKILL};
  event._sigev_un._tid = 1;
  int timer;
  TRY("timer", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
}

int main(int argc, char** argv) {
  pid_t self = getpid();
  if (strcmp(argv[1], "group") == 0) {
    sleeper();
    kill(0, SIGKILL);
  }
  if (strcmp(argv[1], "parent") == 0) {
    if (fork() == 0) kill(self, SIGKILL);
    for (;;) pause();
  }
  signal_init();
  let_the_kernel_signal_init();
  int reached = 0;
  for (pid_t pid = 2; pid < 100000; pid++) {
    if (pid != self && kill(pid, SIGKILL) == 0) reached++;
    if (getpgid(0) != pid && kill(-pid, SIGKILL) == 0) reached++;
  }
  printf("others=%d\n", reached);
  TRY("nobody", kill(-1, SIGKILL));
  pid_t child = sleeper();
  TRY("everybody", kill(-1, SIGKILL));
  report_child("child", child);
  return 0;
}
