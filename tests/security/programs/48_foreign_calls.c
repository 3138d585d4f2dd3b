// Attack 48: the same system calls by other doors, whose numbers mean something else: x32 (bit 30 of the
// number) and the 32-bit interrupt. One line per door and outcome: "<door> <outcome>=<how many numbers>".
#include "attack.h"

enum { kLast = 1100 };

static void x32(long number) {
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(0x40000000L | number), "D"(-1L), "S"(-1L), "d"(-1L)
               : "rcx", "r11", "memory");
}

static void x32_high(long number) {
  x32(number | 1L << 32);
}

static void negative(long number) {
  x32(~0x7fffffffL | number);
}

static void interrupt(long number) {
  asm volatile("int $0x80"
               : "+a"(number)
               : "b"(-1L), "c"(-1L), "d"(-1L)
               : "memory", "r8", "r9", "r10", "r11");
}

static void interrupt_high(long number) {
  interrupt(number | 1L << 32);
}

static void walk(const char* door, void (*call)(long)) {
  int killed = 0;
  for (long number = 0; number <= kLast; ++number) {
    const pid_t pid = fork();
    if (pid == 0) {
      call(number);
      _exit(1);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) abort();
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
      ++killed;
    } else {
      printf("%s.%ld=%x\n", door, number, status);
    }
  }
  printf("%s.SIGSYS=%d\n", door, killed);
}

int main(void) {
  walk("x32", x32);
  walk("x32_high", x32_high);
  walk("negative", negative);
  walk("interrupt", interrupt);
  walk("interrupt_high", interrupt_high);
  return 0;
}
