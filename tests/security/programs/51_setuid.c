// Attack 51: root by files that carry it, by calls that ask for it, and by capabilities.
#include <ftw.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "attack.h"

static int found, worked;

// Every setuid and setgid file is started, and looked at while it runs: its ids are those it has at its exec.
static int visit(const char* path, const struct stat* st, int type, struct FTW* unused) {
  if (type != FTW_F || !(st->st_mode & (S_ISUID | S_ISGID)) || found >= 64) return 0;
  found++;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return 1;
  pid_t child = fork();
  if (child == 0) {
    raise(SIGSTOP);  // so that the parent sees a process that has not done anything yet
    close(0), close(1), close(2);
    execl(path, path, "--help", (char*)0);
    _exit(126);
  }
  int status;
  waitpid(child, &status, WUNTRACED);
  kill(child, SIGCONT);
  close(ends[1]);
  // The pipe closes at the exec, after which the ids are what the file made of them.
  char byte, file[64], line[256];
  while (read(ends[0], &byte, 1) > 0) continue;
  close(ends[0]);
  snprintf(file, sizeof file, "/proc/%d/status", child);
  FILE* text = fopen(file, "r");
  while (text && fgets(line, sizeof line, text)) {
    unsigned ids[4];
    if (sscanf(line, "%*[UG]id: %u %u %u %u", ids, ids + 1, ids + 2, ids + 3) != 4) continue;
    for (int n = 0; n < 4; n++) worked += ids[n] != getuid();
  }
  if (text) fclose(text);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return 0;
}

int main(int argc, char** argv) {
  if (argc > 1) {  // the copy of this program that is setuid
    printf("%s=%s\n", argv[1], geteuid() == getuid() && getegid() == getgid() ? "nothing" : "another id");
    fflush(stdout);
    return 0;
  }
  nftw("/usr/bin", visit, 32, FTW_PHYS);
  nftw("/usr/sbin", visit, 32, FTW_PHYS);
  printf("found=%s\nworked=%d\n", found > 0 ? "some" : "none", worked);
  static const char* const kPlaces[] = {"/",        "/usr",  "/etc/alternatives", "/mnt/data", "/tmp",
                                        "/dev/shm", "/proc", "/dev/null"};
  for (unsigned n = 0; n < sizeof kPlaces / sizeof *kPlaces; n++) {
    struct statvfs place;
    if (statvfs(kPlaces[n], &place) == 0 && !(place.f_flag & ST_NOSUID)) printf("suid.%s=ok\n", kPlaces[n]);
  }
  if (system("cp /proc/$PPID/exe /mnt/data/own && chmod 6755 /mnt/data/own && /mnt/data/own own") != 0)
    return 1;
  char capability[20] = {1, 0, 0, 2};
  memset(capability + 4, 0xff, 16);
  TRY("file_capability", setxattr("/mnt/data/own", "security.capability", capability, sizeof capability, 0));
  TRY("setuid", setuid(0));
  TRY("setgid", setgid(0));
  TRY("setresuid", setresuid(-1, 0, -1));
  TRY("setreuid", setreuid(0, 0));
  gid_t root = 0;
  TRY("setgroups", setgroups(1, &root));
  TRY("setgroups.none", setgroups(0, &root));
  setfsuid(0);
  printf("fsuid=%s\n", setfsuid(0) == (int)getuid() ? "own" : "another");
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct all[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
  TRY("capset", syscall(SYS_capset, &header, all));
  TRY("chown", chown("/mnt/data/own", 0, 0));
  printf("no_new_privs=%d\ngroups=%d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), getgroups(0, 0));
  FILE* text = fopen("/proc/self/status", "r");
  char line[256], name[16];
  unsigned long long set;
  while (text && fgets(line, sizeof line, text)) {
    if (sscanf(line, "%7[A-Za-z]: %llx", name, &set) == 2 && strncmp(name, "Cap", 3) == 0)
      printf("%s=%llx\n", name, set);
  }
  return 0;
}
