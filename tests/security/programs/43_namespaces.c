// Attack 43: new namespaces, by every door there is.
#include <linux/sched.h>

#include "attack.h"

static const struct {
  const char* name;
  unsigned long flag;
  const char* file;
} kNamespaces[] = {{"newns", CLONE_NEWNS, "mnt"},      {"newcgroup", CLONE_NEWCGROUP, "cgroup"},
                   {"newuts", CLONE_NEWUTS, "uts"},    {"newipc", CLONE_NEWIPC, "ipc"},
                   {"newuser", CLONE_NEWUSER, "user"}, {"newpid", CLONE_NEWPID, "pid"},
                   {"newnet", CLONE_NEWNET, "net"},    {"newtime", 0x80, "time"}};

// Directories and sockets that somebody forgot to close would be a way out.
static void list_leaked_descriptors(void) {
  char path[64];
  for (int fd = 3; fd < 4096; fd++) {
    if (fcntl(fd, F_GETFD) < 0) continue;
    char target[256] = "?";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length > 0) target[length] = 0;
    printf("leaked.%d=%s\n", fd, target);
  }
}

int main(void) {
  char name[64], path[64];
  list_leaked_descriptors();
  for (unsigned n = 0; n < sizeof kNamespaces / sizeof *kNamespaces; n++) {
    unsigned long flag = kNamespaces[n].flag;
    snprintf(name, sizeof name, "unshare.%s", kNamespaces[n].name);
    TRY(name, syscall(SYS_unshare, flag));
    if (flag != 0x80) {  // of clone's flags those bits are the signal
      snprintf(name, sizeof name, "clone.%s", kNamespaces[n].name);
      TRY(name, syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0));
      snprintf(name, sizeof name, "clone_high.%s", kNamespaces[n].name);
      TRY(name, syscall(SYS_clone, flag | SIGCHLD | CLONE_FS | (1UL << 40), 0, 0, 0, 0));
    }
    struct clone_args args = {.flags = flag, .exit_signal = SIGCHLD};
    snprintf(name, sizeof name, "clone3.%s", kNamespaces[n].name);
    TRY(name, syscall(SYS_clone3, &args, sizeof args));
    snprintf(path, sizeof path, "/proc/self/ns/%s", kNamespaces[n].file);
    int fd = open(path, O_RDONLY);
    snprintf(name, sizeof name, "setns.%s", kNamespaces[n].name);
    TRY(name, syscall(SYS_setns, fd, flag));
    snprintf(name, sizeof name, "setns_high.%s", kNamespaces[n].name);
    TRY(name, syscall(SYS_setns, fd, flag | (1UL << 32)));
  }
  TRY("unshare.nothing", syscall(SYS_unshare, 0));
  TRY("unshare.high_bits", syscall(SYS_unshare, CLONE_NEWUSER | (1UL << 32)));
  struct clone_args plain = {.exit_signal = SIGCHLD};
  TRY("clone3.plain", syscall(SYS_clone3, &plain, sizeof plain));
  // What must go on working: an ordinary child.
  pid_t child = fork();
  if (child == 0) _exit(7);
  int status = 0;
  waitpid(child, &status, 0);
  printf("fork=%d\n", WEXITSTATUS(status));

  return 0;
}
