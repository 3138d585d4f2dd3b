// Attack 56: sockets of every family, raw, with the high bits set, and the one family that must work.
#include "attack.h"

int main(void) {
  char name[64];
  static const int kTypes[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM | SOCK_CLOEXEC};
  for (int family = 0; family < 64; family++) {
    if (family == AF_UNIX) continue;
    for (unsigned n = 0; n < sizeof kTypes / sizeof *kTypes; n++) {
      snprintf(name, sizeof name, "socket.%d.%d", family, kTypes[n]);
      TRY(name, socket(family, kTypes[n], 0));
    }
    snprintf(name, sizeof name, "pair.%d", family);
    int ends[2];
    TRY(name, socketpair(family, SOCK_STREAM, 0, ends));
  }
  TRY("high.inet", syscall(SYS_socket, (1UL << 32) | AF_INET, SOCK_STREAM, 0));
  TRY("high.netlink", syscall(SYS_socket, (0xffffffffUL << 32) | AF_NETLINK, SOCK_RAW, 0));
  TRY("high.unix", syscall(SYS_socket, (1UL << 32) | AF_UNIX, SOCK_STREAM, 0));

  int ends[2];
  TRY("unix.pair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/s"};
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  TRY("unix.bind", bind(listener, (struct sockaddr*)&address, sizeof address));
  TRY("unix.listen", listen(listener, 1));
  TRY("unix.connect", connect(client, (struct sockaddr*)&address, sizeof address));
  return 0;
}
