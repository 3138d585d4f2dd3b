# Compilers and what they make, one line `name=outcome` each; a compiler that is not installed is absent on both sides.
cd "$(mktemp -d)" || exit 1
try() {
  local name=$1 compiler=$2 output
  shift
  if ! command -v "$compiler" >/dev/null; then
    echo "$name=absent"
    return
  fi
  rm -f program
  output=$("$@" -o program 2>/dev/null </dev/null && ./program 2>/dev/null)
  echo "$name=$? $(printf %s "$output" | tr '\n' ' ' | cut -c1-60)"
}
cat >hello.c <<'E'
#include <stdio.h>
int main(void) { puts("hello"); return 3; }
E
cat >threads.c <<'E'
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int n;
static void* run(void* p) { pthread_mutex_lock(&m); ++n; pthread_cond_signal(&c); pthread_mutex_unlock(&m); return p; }
int main(void) {
  pthread_t t[8];
  for (int i = 0; i < 8; ++i) pthread_create(&t[i], 0, run, 0);
  pthread_mutex_lock(&m);
  while (n < 8) pthread_cond_wait(&c, &m);
  pthread_mutex_unlock(&m);
  for (int i = 0; i < 8; ++i) pthread_join(t[i], 0);
  sem_t* s = sem_open("/s", 0100, 0600, 1);
  printf("%d %d\n", n, s == SEM_FAILED);
  sem_unlink("/s");
}
E
cat >inherit.c <<'E'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
int main(void) {
  pthread_mutexattr_t a;
  pthread_mutex_t m;
  pthread_mutexattr_init(&a);
  printf("%d ", pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT));
  printf("%d\n", pthread_mutex_init(&m, &a));
}
E
cat >ipc.c <<'E'
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
int main(void) {
  int q = msgget(IPC_PRIVATE, 0600), m = shmget(IPC_PRIVATE, 4096, 0600), s = semget(IPC_PRIVATE, 1, 0600);
  char* p = shmat(m, 0, 0);
  mqd_t d = mq_open("/codeapi-q", O_CREAT | O_RDWR, 0600, 0);
  printf("%d %d %d %d %d\n", q >= 0, m >= 0, s >= 0, p != (char*)-1, d != (mqd_t)-1);
  msgctl(q, IPC_RMID, 0), shmctl(m, IPC_RMID, 0), semctl(s, 0, IPC_RMID), mq_unlink("/codeapi-q");
}
E
cat >processes.c <<'E'
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
extern char** environ;
int main(void) {
  char* argv[] = {"true", 0};
  pid_t p;
  int status = 1;
  cpu_set_t set;
  int a = posix_spawn(&p, "/bin/true", 0, 0, argv, environ);
  waitpid(p, &status, 0);
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  int b = sched_setaffinity(0, sizeof set, &set);
  int c = prctl(PR_SET_NAME, "renamed"), d = memfd_create("m", 0), e = eventfd(0, 0), f = timerfd_create(0, 0);
  void* x = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("%d %d %d %d %d %d %d %d\n", a, status, b, c, d > 0, e > 0, f > 0, x != MAP_FAILED);
}
E
cat >hello.cc <<'E'
#include <filesystem>
#include <future>
#include <iostream>
#include <random>
int main() {
  std::random_device random;
  auto sum = std::async(std::launch::async, [] { return 40 + 2; });
  std::cout << sum.get() << " " << std::filesystem::exists("hello.cc") << " " << (random() != random()) << "\n";
  try { throw 1; } catch (int i) { std::cout << i << "\n"; }
}
E
printf 'program hello\n  print *, "hello"\nend program\n' >hello.f90
cat >omp.c <<'E'
#include <stdio.h>
int main(void) {
  int n = 0;
#pragma omp parallel for reduction(+ : n) num_threads(4)
  for (int i = 0; i < 1000; ++i) n += i;
  printf("%d\n", n);
}
E
cat >segv.c <<'E'
int main(void) { *(volatile int*)0 = 1; }
E
for compiler in gcc clang-19 tcc; do
  try $compiler.hello $compiler hello.c
  try $compiler.optimised $compiler -O2 hello.c
  try $compiler.threads $compiler -pthread threads.c
  try $compiler.inherit $compiler -pthread inherit.c
  try $compiler.ipc $compiler ipc.c
  try $compiler.processes $compiler processes.c
  try $compiler.segv $compiler segv.c
done
try gcc.static gcc -static hello.c
try gcc.lto gcc -O2 -flto hello.c
try gcc.pipe gcc -pipe hello.c
try gcc.openmp gcc -fopenmp omp.c
try gcc.undefined gcc -fsanitize=undefined hello.c
try gcc.address gcc -fsanitize=address hello.c
try gcc.thread gcc -fsanitize=thread -pthread threads.c
try gcc.profile gcc -pg hello.c
try gcc.coverage gcc --coverage hello.c
try g++.hello g++ -std=c++20 -pthread hello.cc
try clang++.hello clang++-19 -std=c++20 -pthread hello.cc
try gfortran.hello gfortran hello.f90
