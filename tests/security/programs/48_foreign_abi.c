// Attack 48: the kernel's other doors: 32-bit calls, x32, personalities.
#include <sys/personality.h>

#include "attack.h"

#if defined(__x86_64__)
static long call32(long number, long first) {
  long result;
  asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first) : "memory", "r8", "r9", "r10", "r11");
  return result;
}
#endif

int main(void) {
#if defined(__x86_64__)
  TRY_IN_CHILD("killed.int80.getpid", call32(20, 0));
  TRY_IN_CHILD("killed.int80.unshare", call32(310, 0x10000000));
  TRY_IN_CHILD("killed.int80.unknown", call32(9999, 0));
  TRY_IN_CHILD("killed.x32.getpid", syscall(0x40000000 | SYS_getpid));
  TRY_IN_CHILD("killed.x32.execve", syscall(0x40000000 | 520, "/bin/true", 0, 0));
  TRY_IN_CHILD("killed.x32.unknown", syscall(0x40000000 | 9999));
#endif
  TRY("no_randomize", personality(ADDR_NO_RANDOMIZE));
  TRY("read_implies_exec", personality(READ_IMPLIES_EXEC));
  TRY("mmap_page_zero", personality(MMAP_PAGE_ZERO));
  TRY("linux32", personality(PER_LINUX32));
  TRY("high_bits", syscall(SYS_personality, (1UL << 32) | ADDR_NO_RANDOMIZE));
  printf("asked=%x\n", (unsigned)personality(0xffffffff));
  return 0;
}
