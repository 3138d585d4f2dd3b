// What a zygote is told and tells, as plain memory: all ends are of one build on one machine, and the
// zygote's has no library to decode anything with.
//
//   jailer -> zygote    ZygoteSetup, once, and the two filters behind it in the same message; then for each
//                       program ZygoteFork, with descriptors: kForkFds, then those to join a cgroup through
//   zygote -> jailer    ZygoteReady, once
//   program -> init     pid_t, over its link: the program is in the cell and waits
//   init -> program     ZygoteGo, with descriptors: kGoFds, and a Landlock ruleset where there is one
//
// Every one is a message of a SOCK_SEQPACKET socket.
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <cstdint>

namespace codeapi {

struct ZygoteSetup {
  std::uint32_t deny_length = 0, allow_length = 0;  ///< instructions
};

struct ZygoteFork {
  std::uint32_t uid = 0, gid = 0;
  std::uint8_t rootless = 0;    ///< the cell has a user namespace
  std::uint8_t clone_into = 0;  ///< the one descriptor beyond kForkFds is for CLONE_INTO_CGROUP
};
enum ForkFd : std::uint8_t { kForkInit, kForkLink, kForkFds };
inline constexpr std::size_t kMostJoinFds = 8;

/// Behind it in the same message: the first parts of the names of all that is loaded, a line each.
struct ZygoteReady {
  static constexpr std::size_t kMostNames = 16u << 10;  ///< bytes
  std::uint32_t threads = 0;                            ///< more than one: it must not fork
  std::uint32_t files = 0;  ///< that it has open; a program would find them closed
};

struct ZygoteGo {
  static constexpr std::size_t kMostLimits = 16, kMostCpus = 1024;
  struct Limit {
    std::int32_t resource = 0;
    std::uint64_t value = 0;
  };
  std::uint32_t limits = 0;
  Limit limit[kMostLimits];
  std::uint64_t cpus[kMostCpus / 64] = {};  ///< a set, as sched_setaffinity has it; empty: as they are
  std::uint8_t bind_cpus = 0;
};
enum GoFd : std::uint8_t { kGoStdin, kGoStdout, kGoStderr, kGoReport, kGoFds };

/// Numbers of descriptors that a zygote is started with.
inline constexpr int kZygoteSocket = 3;

/// How much of a filter there may be: what the kernel takes (BPF_MAXINSNS).
inline constexpr std::size_t kMostInstructions = 4096;

}  // namespace codeapi
