// Attack 44: the mount calls, old and new, and the two ways to another root.
#include "attack.h"

int main(void) {
  mkdir("/tmp/m", 0700);
  TRY("mount.tmpfs", syscall(SYS_mount, "none", "/tmp/m", "tmpfs", 0, 0));
  TRY("mount.bind", syscall(SYS_mount, "/", "/tmp/m", 0, 4096, 0));
  TRY("mount.proc", syscall(SYS_mount, "proc", "/tmp/m", "proc", 0, 0));
  TRY("mount.remount_rw", syscall(SYS_mount, "none", "/", 0, 32 | 4096, 0));
  TRY("mount.shared", syscall(SYS_mount, "none", "/", 0, 1 << 20, 0));
  TRY("umount2.proc", syscall(SYS_umount2, "/proc", 2));
  TRY("umount2.data", syscall(SYS_umount2, "/mnt/data", 2));
  TRY("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp/m"));
  TRY("chroot", syscall(SYS_chroot, "/tmp/m"));
  TRY("open_tree", syscall(428, AT_FDCWD, "/", 1));
  TRY("open_tree.plain", syscall(428, AT_FDCWD, "/", 0));
  TRY("move_mount", syscall(429, AT_FDCWD, "/usr", AT_FDCWD, "/tmp/m", 0));
  TRY("fsopen", syscall(430, "tmpfs", 0));
  TRY("fsmount", syscall(432, 0, 0, 0));
  TRY("fspick", syscall(433, AT_FDCWD, "/", 0));
  uint64_t attributes[4] = {0, 1, 0, 0};
  TRY("mount_setattr", syscall(442, AT_FDCWD, "/", 0, attributes, sizeof attributes));
  // Newer than the list of anybody's filter: unknown, and therefore not there.
  TRY("open_tree_attr", syscall(467, AT_FDCWD, "/", 1, attributes, sizeof attributes));
  TRY("unknown.1000", syscall(1000));
  TRY("unknown.4095", syscall(4095));
  return 0;
}
