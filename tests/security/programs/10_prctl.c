// Attack 10: prctl, to hide from whoever supervises, to survive, or to get back what was given up.
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include "attack.h"

int main(void) {
  // Back to more than was given.
  TRY("no_new_privs.off", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  TRY("bounding.drop", prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
  TRY("ambient.raise", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
  TRY("securebits", prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
  TRY("io_flusher", prctl(57, 1, 0, 0, 0));
  TRY("mm.exe_file", prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, open("/bin/true", O_RDONLY), 0, 0));
  TRY("mm.brk", prctl(PR_SET_MM, PR_SET_MM_BRK, 4096, 0, 0));
  TRY("dumpable.2", prctl(PR_SET_DUMPABLE, 2, 0, 0, 0));
  TRY("seccomp.off", prctl(PR_SET_SECCOMP, 0, 0, 0, 0));
  // Allowed, and of no use: what they change is the program's own.
  TRY("dumpable.0", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
  TRY("pdeathsig", prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
  TRY("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
  // The orphans are ours now, and deaf to the death of their parent. They must not outlive it.
  int ready[2];
  char byte;
  if (pipe(ready) != 0) return 1;
  for (int n = 0; n < 8; n++) {
    if (fork() != 0) continue;
    if (fork() != 0) _exit(0);
    setsid();
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    while (getppid() != 1 && write(ready[1], "x", 1) == 1) pause();
  }
  for (int n = 0; n < 8; n++) {
    if (read(ready[0], &byte, 1) != 1) return 1;
  }
  FILE* file = fopen("left.txt", "w");
  fputs("left", file);
  return fclose(file);
}
