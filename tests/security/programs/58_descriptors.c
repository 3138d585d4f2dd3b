// Attack 58: descriptors that somebody forgot, and the ways out that one would open.
#include <sys/ioctl.h>

#include "attack.h"

int main(void) {
  char name[64], path[64], target[256];
  for (int fd = 0; fd < 65536; fd++) {
    struct stat st;
    if (fstat(fd, &st) != 0) continue;
    if (fd > 2) printf("leaked.%d=%o\n", fd, st.st_mode);
    snprintf(name, sizeof name, "kind.%d", fd);
    printf("%s=%s\n", name,
           S_ISFIFO(st.st_mode)  ? "pipe"
           : S_ISCHR(st.st_mode) ? "device"
           : S_ISREG(st.st_mode) ? "file"
                                 : "?");
    snprintf(name, sizeof name, "directory.%d", fd);
    TRY(name, openat(fd, "..", O_RDONLY));
    snprintf(name, sizeof name, "enter.%d", fd);
    TRY(name, fchdir(fd));
    snprintf(path, sizeof path, "/proc/self/fd/%d/../../..", fd);
    snprintf(name, sizeof name, "through.%d", fd);
    TRY(name, open(path, O_RDONLY));
  }
  // Out by the working directory and the root: `..` ends at the root, from wherever one begins.
  struct stat top, above;
  stat("/", &top);
  static const char* const kWays[] = {"/..",
                                      "../../../../../..",
                                      "/proc/self/root/..",
                                      "/proc/self/cwd/../../..",
                                      "/mnt/data/../../..",
                                      "/usr/../..",
                                      "/dev/shm/../../.."};
  for (unsigned n = 0; n < sizeof kWays / sizeof *kWays; n++) {
    if (stat(kWays[n], &above) != 0 || above.st_ino != top.st_ino || above.st_dev != top.st_dev) {
      printf("above.%s=another directory\n", kWays[n]);
    }
  }
  // Descriptors handed over by a socket: nobody is there to hand one.
  TRY("init.fd", open("/proc/1/fd/3", O_RDWR));
  TRY("init.cwd", open("/proc/1/cwd", O_PATH));
  TRY("init.root", open("/proc/1/root", O_PATH));
  TRY("init.ns", open("/proc/1/ns/mnt", O_RDONLY));
  TRY("parent_ns", ioctl(open("/proc/self/ns/pid", O_RDONLY), 0xb702));
  ssize_t length = readlink("/proc/self/fd/0", target, sizeof target - 1);
  printf("stdin=%.*s\n", (int)(length > 0 ? length : 0), target);
  return 0;
}
