// Attack 49: arguments that the kernel reads as 32 bits and a careless filter as 64, and numbers far above the
// table.
#include <sys/ioctl.h>

#include "attack.h"

int main(void) {
  char name[64], byte = 'x';
  static const unsigned long kHigh[] = {1UL << 32, 1UL << 63, 0xffffffffUL << 32};
  for (unsigned n = 0; n < 3; n++) {
    snprintf(name, sizeof name, "socket.%u", n);
    TRY(name, syscall(SYS_socket, kHigh[n] | AF_INET, SOCK_STREAM, 0));
    snprintf(name, sizeof name, "pair.%u", n);
    TRY(name, syscall(SYS_socketpair, kHigh[n] | AF_INET6, SOCK_STREAM, 0, 0));
    snprintf(name, sizeof name, "tiocsti.%u", n);
    TRY(name, syscall(SYS_ioctl, 0, kHigh[n] | TIOCSTI, &byte));
    snprintf(name, sizeof name, "tioclinux.%u", n);
    TRY(name, syscall(SYS_ioctl, 0, kHigh[n] | 0x541C, &byte));
    snprintf(name, sizeof name, "clone.%u", n);
    TRY(name, syscall(SYS_clone, kHigh[n] | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    snprintf(name, sizeof name, "unshare.%u", n);
    TRY(name, syscall(SYS_unshare, kHigh[n] | CLONE_NEWUSER));
  }
  static const long kNumbers[] = {470, 512, 547, 1000, 4096, 65536, 0x3fffffff, -1, -2, 0x7fffffffL};
  for (unsigned n = 0; n < sizeof kNumbers / sizeof *kNumbers; n++) {
    snprintf(name, sizeof name, "number.%ld", kNumbers[n]);
    TRY_IN_CHILD(name, syscall(kNumbers[n], 0, 0, 0, 0, 0, 0));
  }
  // The upper half of a number does not count for the kernel either.
  TRY("number.high", syscall((1L << 32) | SYS_unshare, CLONE_NEWUSER) < 0 ? -1 : 0);
  return 0;
}
