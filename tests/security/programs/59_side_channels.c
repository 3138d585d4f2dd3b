// Attack 59: timing and speculation. Nothing is claimed but what is printed here.
#include <linux/perf_event.h>
#include <sys/prctl.h>

#include "attack.h"

int main(void) {
  struct perf_event_attr event = {.type = PERF_TYPE_HARDWARE, .size = sizeof event, .exclude_kernel = 1};
  TRY("perf", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
  event.type = PERF_TYPE_SOFTWARE;
  TRY("perf.software", syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
  TRY("perf_device", open("/sys/bus/event_source/devices/cpu/type", O_RDONLY));
  TRY("msr", open("/dev/cpu/0/msr", O_RDONLY));
  TRY("pagemap_of_init", open("/proc/1/pagemap", O_RDONLY));
  // Page frame numbers would help Rowhammer: an unprivileged reader sees zero.
  char* page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page[0] = 1;
  uint64_t entry = 0;
  int pagemap = open("/proc/self/pagemap", O_RDONLY);
  if (pagemap >= 0 && pread(pagemap, &entry, 8, (uintptr_t)page / 4096 * 8) != 8) entry = 0;
  printf("frame=%llu\n", (unsigned long long)(entry & ((1ULL << 55) - 1)));
  FILE* status = fopen("/proc/self/status", "r");
  char line[256];
  while (status && fgets(line, sizeof line, status)) {
    char* colon = strchr(line, ':');
    if (strncmp(line, "Speculation", 11) != 0 || !colon) continue;
    *colon = 0;
    printf("%s=%s", line, colon + 2);
  }
  return 0;
}
