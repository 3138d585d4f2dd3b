// codeapi-tool-call: with this the functions of a bash program call their tools.
//
//   call INDEX NAME [JSON]
//
// sends the input ({} if there is none) of the tool at INDEX to the cell's init and prints the answer: a
// result on standard output, without a newline, and exit status 0; anything else on standard error, and 1.
// NAME is for messages. Standard input is not touched, so that a function can be called inside `while read`.
//
// It travels with each run and starts for each call, so it is freestanding: no C library, a few kilobytes.
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/poll.h>
#include <linux/un.h>
#include <stddef.h>
#include <stdint.h>

enum {
  kOut = 1,
  kErr = 2,
  kAfUnix = 1,
  kSockStream = 1,
  kNoSignal = 0x4000,
  kMaxRequest = 1 << 20,
  kShown = 200,
  kId = 1
};

static const char kSocket[] = "\0codeapi-tools";
static char buffer[64 << 10];

#if defined(__x86_64__)
__asm__(
    ".globl _start\n_start:\n"
    "xor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall Start\nud2\n");

static long Call(long number, long a, long b, long c, long d) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = 0;
  register long r9 __asm__("r9") = 0;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
__asm__(
    ".globl _start\n_start:\n"
    "mov x29, #0\nmov x30, #0\nmov x0, sp\nbl Start\nbrk #1\n");

static long Call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = 0;
  register long x5 __asm__("x5") = 0;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "no start and no system calls for this machine yet"
#endif

// Compilers make calls of these from plain loops and initialisers.
void* memcpy(void* to, const void* from, size_t n) {
  char* out = to;
  const char* in = from;
  for (size_t i = 0; i < n; ++i) out[i] = in[i];
  return to;
}

void* memset(void* to, int value, size_t n) {
  char* out = to;
  for (size_t i = 0; i < n; ++i) out[i] = (char)value;
  return to;
}

static size_t Length(const char* text) {
  size_t n = 0;
  while (text[n] != '\0') ++n;
  return n;
}

static _Noreturn void Exit(int status) {
  for (;;) Call(__NR_exit_group, status, 0, 0, 0);
}

// Everything, or 0: the other end is gone. Outputs can be anything, pipes that do not block included.
static int WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const long n = Call(__NR_write, fd, (long)data, (long)size, 0);
    if (n == -EAGAIN) {
      struct pollfd entry = {.fd = fd, .events = POLLOUT, .revents = 0};
      Call(__NR_ppoll, (long)&entry, 1, 0, 0);
    } else if (n < 0 && n != -EINTR) {
      return 0;
    } else if (n > 0) {
      data += n;
      size -= (size_t)n;
    }
  }
  return 1;
}

static int SendAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const long n = Call(__NR_sendto, fd, (long)data, (long)size, kNoSignal);
    if (n < 0 && n != -EINTR) return 0;
    if (n > 0) {
      data += n;
      size -= (size_t)n;
    }
  }
  return 1;
}

static long Read(int fd, char* to, size_t size) {
  long n;
  do {
    n = Call(__NR_read, fd, (long)to, (long)size, 0);
  } while (n == -EINTR);
  return n;
}

static int ReadAll(int fd, char* to, size_t size) {
  while (size > 0) {
    const long n = Read(fd, to, size);
    if (n <= 0) return 0;
    to += n;
    size -= (size_t)n;
  }
  return 1;
}

// A message is written at once, so that those of parallel calls do not mix.
static char message[1024];
static size_t message_size;

static void SayPart(const char* text, size_t size) {
  for (size_t i = 0; i < size && message_size < sizeof message; ++i) message[message_size++] = text[i];
}

static void Say(const char* text) {
  SayPart(text, Length(text));
}

static _Noreturn void ExitSaying(const char* last) {
  Say(last);
  WriteAll(kErr, message, message_size);
  Exit(1);
}

static _Noreturn void Fail(const char* name, const char* problem) {
  SayPart(name, Length(name) < kShown ? Length(name) : kShown);
  Say(": ");
  Say(problem);
  ExitSaying("\n");
}

static _Noreturn void NotAnObject(const char* name, char** arguments) {
  Say("tool input for ");
  Say(name);
  Say(" must be a JSON object, got:");
  size_t left = kShown;
  for (; *arguments != NULL; ++arguments) {
    const size_t length = Length(*arguments);
    if (length > left) break;
    Say(" ");
    Say(*arguments);
    left -= length;
  }
  if (*arguments == NULL) ExitSaying("\n");
  Say(" ");
  SayPart(*arguments, left);
  ExitSaying("...\n");
}

static int IsObject(const char* text) {
  while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r') ++text;
  return *text == '{';
}

static int Connect(const char* name) {
  struct sockaddr_un address = {.sun_family = kAfUnix, .sun_path = {0}};
  memcpy(address.sun_path, kSocket, sizeof kSocket - 1);
  const long fd = Call(__NR_socket, kAfUnix, kSockStream, 0, 0);
  if (fd < 0) Fail(name, "tools cannot be called: no socket");
  const long size = (long)(offsetof(struct sockaddr_un, sun_path) + sizeof kSocket - 1);
  long error;
  do {
    error = Call(__NR_connect, fd, (long)&address, size, 0);
  } while (error == -EINTR);
  if (error < 0) Fail(name, "tools cannot be called here");
  return (int)fd;
}

static void Put32(char* to, uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = (char)(value >> (8 * i));
}

static uint32_t Get32(const char* from) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= (uint32_t)(unsigned char)from[i] << (8 * i);
  return value;
}

static void Send(int fd, const char* index, const char* name, const char* input) {
  const size_t prefix = Length(index) + 1;
  const size_t size = Length(input);
  if (prefix + size > kMaxRequest) Fail(name, "the tool's input is longer than 1 MiB");
  char header[8];
  Put32(header, (uint32_t)(prefix + size));
  Put32(header + 4, kId);
  // The index goes with its NUL.
  if (!SendAll(fd, header, sizeof header) || !SendAll(fd, index, prefix) || !SendAll(fd, input, size)) {
    Fail(name, "the tool's call could not be sent");
  }
}

static _Noreturn void Receive(int fd, const char* name) {
  static const char kGone[] = "the tool's answer did not come";
  char header[8], kind;
  if (!ReadAll(fd, header, sizeof header) || Get32(header + 4) != kId) Fail(name, kGone);
  uint32_t left = Get32(header);
  if (left == 0 || !ReadAll(fd, &kind, 1)) Fail(name, kGone);
  const int failed = kind != '0';
  --left;
  do {
    // There is always room for the end of a message.
    const size_t most = sizeof buffer - 1;
    long n = left > 0 ? Read(fd, buffer, left < most ? left : most) : 0;
    if (n < 0 || (n == 0 && left > 0)) Fail(name, kGone);
    left -= (uint32_t)n;
    if (failed && left == 0) buffer[n++] = '\n';
    if (!WriteAll(failed ? kErr : kOut, buffer, (size_t)n)) Exit(1);
  } while (left > 0);
  Exit(failed);
}

// `stack` is what the kernel left there: the number of arguments, the arguments and a null.
__attribute__((used)) _Noreturn void Start(long* stack) {
  const long count = stack[0];
  char** arguments = (char**)(stack + 1);
  if (count < 3) Fail("call", "usage: call INDEX NAME [JSON]");
  const char* name = arguments[2];
  // An empty word is what a variable without a value expands to.
  const char* input = count == 3 || (count == 4 && arguments[3][0] == '\0') ? "{}" : arguments[3];
  if (count > 4 || !IsObject(input)) NotAnObject(name, arguments + 3);
  const int fd = Connect(name);
  Send(fd, arguments[1], name, input);
  Receive(fd, name);
}
