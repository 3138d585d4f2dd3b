// Attack 2: daemons that double-forked, are leaders of their own sessions, and change their pid all the time,
// so that nobody can kill them one by one.
#include "attack.h"

// Walkers that nobody has reaped yet count as processes, so a fork may have to wait for room.
static pid_t fork_when_there_is_room(void) {
  for (;;) {
    pid_t pid = fork();
    if (pid >= 0 || errno != EAGAIN) return pid;
    usleep(1000);
  }
}

static void walk(void) {
  for (;;) {
    pid_t next = fork();
    if (next > 0) _exit(0);
    if (next == 0) setsid();
  }
}

int main(void) {
  signal(SIGCHLD, SIG_IGN);
  int told[2];
  if (pipe(told) != 0) return 1;
  for (int n = 0; n < 20; n++) {
    if (fork_when_there_is_room() == 0) {
      setsid();
      if (fork_when_there_is_room() != 0) _exit(0);
      if (write(told[1], "x", 1) != 1) _exit(1);
      walk();
    }
  }
  char byte;
  int begun = 0;
  while (begun < 20 && read(told[0], &byte, 1) == 1) begun++;
  printf("walking=%d\n", begun);
  return 0;
}
