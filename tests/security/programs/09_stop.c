// Attack 9: stops everything it can reach, and then itself. What is stopped cannot end.
#include "attack.h"

int main(void) {
  for (int n = 0; n < 4; n++) {
    if (fork() == 0) {
      for (;;) pause();
    }
  }
  puts("stopping");
  fflush(stdout);
  kill(-1, SIGSTOP);
  for (;;) raise(SIGSTOP);
}
