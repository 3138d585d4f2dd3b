// Attack 19: more room than the workspace has, by calls that are not write.
#include <sys/sendfile.h>
#include <sys/statvfs.h>

#include "attack.h"

static const off_t kMib = 1 << 20;

static long used(void) {
  struct statvfs room;
  statvfs("/mnt/data", &room);
  return (long)((room.f_blocks - room.f_bfree) * room.f_frsize / kMib);
}

static const char* outcome(int result) {
  return result == 0 ? "ok" : strerrorname_np(errno);
}

// Files of 1 MiB each, by fallocate with these flags, until there is no more. Then they all go.
static void fill(const char* name, int mode) {
  int files[64], count = 0, result = 0;
  while (count < 64) {
    files[count] = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    if (files[count] < 0) break;
    result = fallocate(files[count++], mode, 0, kMib);
    if (result != 0) break;
  }
  printf("%s=%s %ld\n", name, outcome(result), used());
  while (count > 0) close(files[--count]);
}

// The same by a call that moves bytes from one file to another inside the kernel.
static void copy(const char* name, int call) {
  int from = open("/tmp", O_TMPFILE | O_RDWR, 0600), to = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
  int ends[2];
  long done = 0;
  if (from < 0 || to < 0 || pipe(ends) != 0 || fallocate(from, 0, 0, kMib) != 0) exit(1);
  for (int n = 0; n < 64 && done >= 0; n++) {
    for (off_t offset = 0; offset < kMib && done >= 0;) {
      if (call == 0) {
        done = copy_file_range(from, &offset, to, 0, kMib, 0);
      } else if (call == 1) {
        done = sendfile(to, from, &offset, kMib);
      } else {
        done = splice(from, &offset, ends[1], 0, 65536, 0);
        if (done > 0) done = splice(ends[0], 0, to, 0, done, 0);
      }
      if (done == 0) exit(2);
    }
  }
  printf("%s=%s %ld\n", name, strerrorname_np(errno), used());
  close(from), close(to), close(ends[0]), close(ends[1]);
}

int main(void) {
  signal(SIGXFSZ, SIG_IGN);
  printf("start=%ld\n", used());
  fill("fallocate", 0);
  fill("keep_size", FALLOC_FL_KEEP_SIZE);
  copy("copy_file_range", 0);
  copy("sendfile", 1);
  copy("splice", 2);
  // A hole gives room back, once, and not more than was there.
  int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
  TRY("first", fallocate(file, 0, 0, 8 * kMib));
  for (int n = 0; n < 100; n++) {
    fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8 * kMib);
    if (fallocate(file, 0, 0, 8 * kMib) != 0) puts("lost=room");
  }
  printf("holes=%ld\n", used());
  TRY("huge", fallocate(file, 0, 0, 1L << 40));
  TRY("huge.keep_size", fallocate(file, FALLOC_FL_KEEP_SIZE, 1L << 40, kMib));
  TRY("collapse", fallocate(file, FALLOC_FL_COLLAPSE_RANGE, 0, kMib));
  TRY("insert", fallocate(file, FALLOC_FL_INSERT_RANGE, 0, kMib));
  TRY("huge.truncate", ftruncate(file, 1L << 40));
  close(file);
  printf("end=%ld\n", used());
  return 0;
}
