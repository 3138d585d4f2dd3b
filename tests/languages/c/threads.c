#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_int total;

static void *add(void *unused) {
  for (int i = 0; i < 1000; i++) total++;
  return unused;
}

int main(int argc, char **argv) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, add, 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
  printf("%.0f\n", sqrt((double)total * total * argc));
}
