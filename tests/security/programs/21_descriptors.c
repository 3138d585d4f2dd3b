// Attack 21: every descriptor that can be had, of every kind, in many processes. With "list": what a program
// begins with.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include "attack.h"

static int count_all(int (*make)(void)) {
  int made = 0;
  while (make() >= 0) made++;
  return made;
}

static int make_file(void) {
  return open("/dev/null", O_RDONLY);
}
static int make_epoll(void) {
  return epoll_create1(0);
}
static int make_event(void) {
  return eventfd(0, 0);
}
static int make_timer(void) {
  return timerfd_create(CLOCK_MONOTONIC, 0);
}
static int make_inotify(void) {
  return inotify_init();
}
static int make_memfd(void) {
  return memfd_create("x", 0);
}

static void list(void) {
  for (int fd = 0; fd < 65536; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) printf("%d ", fd);
  }
  puts("");
}

int main(int argc, char** argv) {
  if (strcmp(argv[1], "list") == 0) {
    list();
    return 0;
  }
  int (*const kinds[])(void) = {make_file, make_epoll, make_event, make_timer, make_memfd, make_inotify};
  static const char* const names[] = {"file", "epoll", "event", "timer", "memfd", "inotify"};
  int told[2];
  if (pipe(told) != 0) return 1;
  for (unsigned kind = 0; kind < 6; kind++) {
    if (fork() == 0) {
      int made = count_all(kinds[kind]);
      char line[64];
      int length = snprintf(line, sizeof line, "%s=%s %d\n", names[kind], strerrorname_np(errno), made);
      if (write(told[1], line, length) != length) _exit(1);
      for (;;) pause();
    }
  }
  // As many processes as possible, each with all it can open.
  for (int n = 0; n < 60; n++) {
    if (fork() == 0) {
      count_all(make_file);
      for (;;) pause();
    }
  }
  close(told[1]);
  char text[512];
  int lines = 0;
  while (lines < 6) {
    ssize_t got = read(told[0], text, sizeof text);
    if (got <= 0) return 1;
    for (ssize_t n = 0; n < got; n++) lines += text[n] == '\n';
    if (write(1, text, got) != got) return 1;
  }
  return 0;
}
