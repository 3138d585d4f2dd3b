// Attack 55: devices, and typing into a terminal.
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "attack.h"

int main(void) {
  static const char* const kDevices[] = {
      "kvm",       "fuse",           "mem",         "kmem",         "port",
      "kmsg",      "net/tun",        "loop0",       "loop-control", "vhost-vsock",
      "vhost-net", "vsock",          "userfaultfd", "sda",          "vda",
      "nvme0",     "dri/card0",      "nvidia0",     "hpet",         "rtc0",
      "uinput",    "mapper/control", "cpu/0/msr",   "cuse",         "binder",
      "snapshot",  "console",        "tty",         "tty0",         "tty1",
      "ttyS0",     "hvc0",           "vcs",         "vcsa"};
  char name[64], path[64], byte = 'x';
  for (unsigned n = 0; n < sizeof kDevices / sizeof *kDevices; n++) {
    snprintf(path, sizeof path, "/dev/%s", kDevices[n]);
    snprintf(name, sizeof name, "open.%s", kDevices[n]);
    TRY(name, open(path, O_RDWR | O_NONBLOCK | O_NOCTTY));
  }
  static const struct {
    const char* name;
    mode_t kind;
    int major, minor;
  } kNodes[] = {{"mem", S_IFCHR, 1, 1},     {"kmsg", S_IFCHR, 1, 11},  {"kvm", S_IFCHR, 10, 232},
                {"fuse", S_IFCHR, 10, 229}, {"tun", S_IFCHR, 10, 200}, {"loop", S_IFBLK, 7, 0},
                {"disk", S_IFBLK, 254, 0},  {"tty", S_IFCHR, 5, 0}};
  for (unsigned n = 0; n < sizeof kNodes / sizeof *kNodes; n++) {
    snprintf(path, sizeof path, "/tmp/%s", kNodes[n].name);
    snprintf(name, sizeof name, "node.%s", kNodes[n].name);
    TRY(name, mknod(path, kNodes[n].kind | 0666, makedev(kNodes[n].major, kNodes[n].minor)));
  }
  for (int fd = 0; fd < 3; fd++) {
    snprintf(name, sizeof name, "tiocsti.%d", fd);
    TRY(name, ioctl(fd, TIOCSTI, &byte));
    snprintf(name, sizeof name, "tioclinux.%d", fd);
    byte = 2;
    TRY(name, ioctl(fd, 0x541C, &byte));
  }
  return 0;
}
