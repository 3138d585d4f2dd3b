// Attack 50: files by handle, which know of no root directory (shocker).
#include "attack.h"

int main(void) {
  union {
    struct file_handle handle;
    char room[sizeof(struct file_handle) + 128];
  } file = {.handle.handle_bytes = 128};
  int mount;
  TRY("name", name_to_handle_at(AT_FDCWD, "/usr", &file.handle, &mount, 0));
  TRY("name.proc", name_to_handle_at(AT_FDCWD, "/proc/1", &file.handle, &mount, 0));
  TRY("name.fid", name_to_handle_at(AT_FDCWD, "/", &file.handle, &mount, 0x200));
  // Inode 2 is the root directory of most file systems.
  file.handle.handle_bytes = 8;
  file.handle.handle_type = 1;
  memcpy(file.handle.f_handle, (unsigned[]){2, 0}, 8);
  static const char* const kPlaces[] = {"/", "/usr", "/etc", "/mnt/data", "/proc", "/dev/null"};
  for (unsigned n = 0; n < sizeof kPlaces / sizeof *kPlaces; n++) {
    char name[64];
    snprintf(name, sizeof name, "open.%s", kPlaces[n]);
    TRY(name, open_by_handle_at(open(kPlaces[n], O_RDONLY), &file.handle, O_RDONLY));
  }
  // Without a place at all: the kernel's own file systems of processes and namespaces.
  TRY("open.pidfs", open_by_handle_at(-10002, &file.handle, O_RDONLY));
  TRY("open.nsfs", open_by_handle_at(-10003, &file.handle, O_RDONLY));
  return 0;
}
