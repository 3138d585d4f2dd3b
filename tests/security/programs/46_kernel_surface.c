// Attack 46: the calls that most kernel exploits begin with.
#include "attack.h"

int main(void) {
  char zeros[256] = {0};
  TRY("bpf.map", syscall(SYS_bpf, 0, zeros, sizeof zeros));
  TRY("bpf.prog", syscall(SYS_bpf, 5, zeros, sizeof zeros));
  TRY("perf_event_open", syscall(SYS_perf_event_open, zeros, 0, -1, -1, 0));
  TRY("userfaultfd", syscall(SYS_userfaultfd, 0));
  TRY("userfaultfd.user", syscall(SYS_userfaultfd, 1));
  TRY("io_uring_setup", syscall(425, 8, zeros));
  TRY("io_uring_enter", syscall(426, 0, 0, 0, 0, 0, 0));
  TRY("io_uring_register", syscall(427, 0, 0, 0, 0));
  TRY("add_key", syscall(SYS_add_key, "user", "codeapi", "x", 1, -3));
  TRY("request_key", syscall(SYS_request_key, "user", "codeapi", 0, -3));
  TRY("keyctl", syscall(SYS_keyctl, 0, -3, 1));
  TRY("ptrace", syscall(SYS_ptrace, 0, 0, 0, 0));
  int ends[2];
  if (pipe(ends) != 0) return 1;
  struct {
    void* base;
    size_t length;
  } piece = {zeros, sizeof zeros};
  TRY("vmsplice", syscall(SYS_vmsplice, ends[1], &piece, 1, 0));
  return 0;
}
