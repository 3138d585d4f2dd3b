// Attack 5: children that end at once and that nobody waits for. They count as processes.
#include "attack.h"

int main(void) {
  int made = 0;
  for (;;) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0) break;
    made++;
  }
  printf("%s %d\n", strerrorname_np(errno), made);
  return 0;
}
