// Attack 52: uid 0 in a user namespace of its own, by every way to one, and what one would begin with.
#include <linux/sched.h>

#include "attack.h"

static long write_to(const char* path, const char* text) {
  int fd = open(path, O_WRONLY);
  if (fd < 0) return -1;
  long written = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return written;
}

int main(void) {
  char map[64];
  snprintf(map, sizeof map, "0 %d 1", getuid());
  static const unsigned long kWith[] = {
      0,        CLONE_NEWNS,           CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET,
      CLONE_FS, CLONE_VM | CLONE_VFORK};
  for (unsigned n = 0; n < sizeof kWith / sizeof *kWith; n++) {
    char name[64];
    unsigned long flags = CLONE_NEWUSER | kWith[n];
    snprintf(name, sizeof name, "unshare.%u", n);
    TRY(name, syscall(SYS_unshare, flags));
    snprintf(name, sizeof name, "clone.%u", n);
    TRY(name, syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
    struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
    snprintf(name, sizeof name, "clone3.%u", n);
    TRY(name, syscall(SYS_clone3, &arguments, sizeof arguments));
  }
  TRY("uid_map", write_to("/proc/self/uid_map", map));
  TRY("gid_map", write_to("/proc/self/gid_map", map));
  TRY("setgroups", write_to("/proc/self/setgroups", "allow"));
  printf("unshare_tool=%d\n", WEXITSTATUS(system("unshare -Ur true 2> /dev/null")) != 0);
  printf("uid=%s\n", getuid() != 0 && geteuid() != 0 ? "not root" : "root");
  return 0;
}
