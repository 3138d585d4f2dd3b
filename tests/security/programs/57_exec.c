// Attack 57: programs from files that have no name, and over the file of a program that runs.
#include <sys/prctl.h>

#include "attack.h"

// A copy of this program in `fd`.
static int copy_into(int fd) {
  char block[65536];
  int self = open("/proc/self/exe", O_RDONLY);
  for (ssize_t n; (n = read(self, block, sizeof block)) > 0;) {
    if (write(fd, block, n) != n) return -1;
  }
  return fd;
}

static int run(const char* name, int fd, const char* path) {
  char* arguments[] = {"attack", (char*)name, 0};
  pid_t child = fork();
  if (child == 0) {
    if (path) execv(path, arguments);
    if (!path) syscall(SYS_execveat, fd, "", arguments, (char*[]){0}, AT_EMPTY_PATH);
    printf("%s=%s\n", name, strerrorname_np(errno));
    fflush(stdout);
    _exit(0);
  }
  return waitpid(child, 0, 0) == child ? 0 : 1;
}

// What a program that was started so may do: the same as every other.
static int report(const char* name) {
  int locked = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 &&
               syscall(SYS_unshare, CLONE_NEWUSER) < 0 && errno == EPERM && geteuid() == getuid();
  printf("%s=%s\n", name, locked ? "locked down" : "free");
  fflush(stdout);
  return 0;
}

int main(int argc, char** argv) {
  if (argc > 1) return report(argv[1]);
  char path[64];
  int memfd = copy_into(memfd_create("program", 0));
  run("memfd", memfd, 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", memfd);
  run("memfd.proc", 0, path);
  int unnamed = copy_into(open("/tmp", O_TMPFILE | O_RDWR, 0700));
  snprintf(path, sizeof path, "/proc/self/fd/%d", open("/proc/self/exe", O_RDONLY));
  run("descriptor", 0, path);
  TRY("unnamed.open_for_writing", syscall(SYS_execveat, unnamed, "", (char*[]){"x", 0}, 0, AT_EMPTY_PATH));
  int deleted = copy_into(open("/tmp/deleted", O_CREAT | O_WRONLY, 0700));
  close(deleted);
  deleted = open("/tmp/deleted", O_RDONLY);
  unlink("/tmp/deleted");
  run("deleted", deleted, 0);
  // The file that runs: its own, the interpreter's, init's (CVE-2019-5736).
  TRY("own_exe.write", open("/proc/self/exe", O_RDWR));
  TRY("shell.write", open("/bin/bash", O_RDWR));
  TRY("init_exe.read", open("/proc/1/exe", O_RDONLY));
  TRY("init_exe.write", open("/proc/1/exe", O_WRONLY));
  TRY("init_exe.path", open("/proc/1/exe", O_PATH));
  TRY("init_exe.name", readlink("/proc/1/exe", path, sizeof path));
  TRY("init_exe.run", execl("/proc/1/exe", "init", (char*)0));
  return 0;
}
