// Attack 11: more of the processors than its share.
#include <linux/sched.h>
#include <sys/resource.h>

#include "attack.h"

struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

int main(void) {
  cpu_set_t all;
  memset(&all, 0xff, sizeof all);
  TRY("affinity", sched_setaffinity(0, sizeof all, &all));
  TRY("affinity.init", sched_setaffinity(1, sizeof all, &all));
  TRY("nice", nice(-20));
  TRY("nice.one", nice(-1));
  TRY("priority.init", setpriority(PRIO_PROCESS, 1, 19));
  struct sched_param first = {.sched_priority = 1}, none = {0};
  TRY("fifo", sched_setscheduler(0, SCHED_FIFO, &first));
  TRY("round_robin", sched_setscheduler(0, SCHED_RR, &first));
  TRY("batch.init", sched_setscheduler(1, SCHED_BATCH, &none));
  struct attributes deadline = {.size = sizeof deadline,
                                .policy = SCHED_DEADLINE,
                                .runtime = 10000000,
                                .deadline = 30000000,
                                .period = 30000000};
  TRY("deadline", syscall(SYS_sched_setattr, 0, &deadline, 0));
  TRY("io", syscall(SYS_ioprio_set, 1, 0, 1 << 13));
  TRY("io.none", syscall(SYS_ioprio_set, 1, 0, 0));
  struct rlimit more = {99, 99};
  TRY("limit.rtprio", setrlimit(RLIMIT_RTPRIO, &more));
  more.rlim_cur = more.rlim_max = 40;
  TRY("limit.nice", setrlimit(RLIMIT_NICE, &more));
  int autogroup = -1;
  TRY("autogroup", (autogroup = open("/proc/self/autogroup", O_WRONLY)) < 0 ? -1 : write(autogroup, "-20", 3));
  struct rlimit niceness, real_time;
  getrlimit(RLIMIT_NICE, &niceness);
  getrlimit(RLIMIT_RTPRIO, &real_time);
  printf("limits=%ld %ld %ld %ld\n", (long)niceness.rlim_cur, (long)niceness.rlim_max,
         (long)real_time.rlim_cur, (long)real_time.rlim_max);
  // What stays allowed: to be nicer to others, and to ask.
  TRY("nicer", setpriority(PRIO_PROCESS, 0, 10));
  TRY("idle", sched_setscheduler(0, SCHED_IDLE, &none));
  return 0;
}
