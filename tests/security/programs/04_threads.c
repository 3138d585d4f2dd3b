// Attack 4: threads instead of processes. They share the limit.
#include <pthread.h>

#include "attack.h"

static void* wait_for_ever(void* unused) {
  for (;;) pause();
}

int main(void) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  int made = 0, error = 0;
  pthread_t thread;
  while ((error = pthread_create(&thread, &small, wait_for_ever, 0)) == 0) made++;
  printf("%s %d\n", strerrorname_np(error), made);
  // No thread left means no process either.
  printf("%s\n", fork() < 0 ? strerrorname_np(errno) : "forked");
  fflush(stdout);
  _exit(0);
}
