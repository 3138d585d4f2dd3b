// Attack 47: calls that are about the whole machine.
#include <sys/klog.h>
#include <sys/quota.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

#include "attack.h"

int main(void) {
  char zeros[256] = {0};
  struct timeval now = {0};
  struct timespec epoch = {0};
  struct timex clock = {0};
  // Whoever calls these is attacking: it ends the caller.
  TRY_IN_CHILD("killed.init_module", syscall(SYS_init_module, zeros, sizeof zeros, ""));
  TRY_IN_CHILD("killed.finit_module", syscall(SYS_finit_module, 0, "", 0));
  TRY_IN_CHILD("killed.delete_module", syscall(SYS_delete_module, "ext4", 0));
  TRY_IN_CHILD("killed.kexec_load", syscall(SYS_kexec_load, 0, 0, 0, 0));
  TRY_IN_CHILD("killed.kexec_file_load", syscall(SYS_kexec_file_load, 0, 0, 0, "", 0));
  TRY_IN_CHILD("killed.reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0x1234567, 0));
  TRY_IN_CHILD("killed.reboot_nothing", syscall(SYS_reboot, 0, 0, 0, 0));
  TRY_IN_CHILD("killed.swapon", syscall(SYS_swapon, "/tmp/swap", 0));
  TRY_IN_CHILD("killed.swapoff", syscall(SYS_swapoff, "/tmp/swap"));
#ifdef SYS_iopl
  TRY_IN_CHILD("killed.iopl", syscall(SYS_iopl, 3));
  TRY_IN_CHILD("killed.ioperm", syscall(SYS_ioperm, 0x80, 1, 1));
  TRY("modify_ldt.read", syscall(SYS_modify_ldt, 0, zeros, sizeof zeros));
  TRY("modify_ldt.write", syscall(SYS_modify_ldt, 1, zeros, 16));
#endif
  TRY("acct", syscall(SYS_acct, "/tmp/acct"));
  TRY("acct.off", syscall(SYS_acct, 0));
  TRY("quotactl", syscall(SYS_quotactl, QCMD(Q_SYNC, USRQUOTA), 0, 0, 0));
  TRY("quotactl_fd", syscall(443, 0, QCMD(Q_SYNC, USRQUOTA), 0, 0));
  TRY("settimeofday", settimeofday(&now, 0));
  TRY("clock_settime", clock_settime(CLOCK_REALTIME, &epoch));
  TRY("clock_settime.monotonic", clock_settime(CLOCK_MONOTONIC, &epoch));
  TRY("adjtimex", syscall(SYS_adjtimex, &clock));
  TRY("clock_adjtime", syscall(SYS_clock_adjtime, CLOCK_REALTIME, &clock));
  TRY("syslog.read", klogctl(3, zeros, sizeof zeros));
  TRY("syslog.clear", klogctl(5, 0, 0));
  TRY("syslog.console", klogctl(8, 0, 1));
  TRY("sethostname", sethostname("attacked", 8));
  TRY("setdomainname", setdomainname("attacked", 8));
  TRY("vhangup", vhangup());
  TRY("lookup_dcookie", syscall(212, 0L, zeros, sizeof zeros));
  // The clocks it may read, and timers that would wake the machine.
  TRY("wake_alarm", syscall(SYS_timerfd_create, CLOCK_REALTIME_ALARM, 0));
  gethostname(zeros, sizeof zeros);
  printf("name=%s\n", zeros);
  return 0;
}
