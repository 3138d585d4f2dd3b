// Attack 32: FIFO, socket and device nodes where files are expected.
#include "attack.h"

#include <sys/sysmacros.h>

int main(void) {
  FILE* honest = fopen("ok.txt", "w");
  fputs("honest", honest);
  fclose(honest);

  TRY("fifo", mkfifo("fifo.txt", 0666));
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket.txt"};
  TRY("socket", bind(listener, (struct sockaddr*)&address, sizeof address));
  TRY("char", mknod("char.txt", S_IFCHR | 0666, makedev(1, 5)));
  TRY("block", mknod("block.txt", S_IFBLK | 0666, makedev(8, 0)));
  TRY("whiteout", mknod("whiteout.txt", S_IFCHR, makedev(0, 0)));
  TRY("kmem", mknod("/tmp/kmem", S_IFCHR | 0666, makedev(1, 2)));
  return 0;
}
