// The JSON payloads of the jailer protocol (see protocol.h), typed. Both ends use these and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "jail/cell_messages.h"

namespace codeapi {

/// Worker's hello: what the jailer is to do with its host. Sizes are bytes.
struct JailerSettings {
  std::string version = CODEAPI_VERSION;  ///< both ends are of one build, or the jailer refuses
  std::string root;                       ///< empty: the host's own /usr; else a directory with a /usr in it
  std::uint32_t uid_base = 200'000;
  std::uint32_t max_cells = 16;      ///< cells at once, of whatever state; as many uids are used
  std::uint32_t pool_size = 0;       ///< cells kept ready
  std::uint32_t cpu_hundredths = 0;  ///< 0: all CPUs
  std::uint32_t cpu_weight = 100;    ///< 1 to 10000; see CgroupLimits
  std::uint64_t workspace_bytes = 512ull << 20;
  std::uint64_t workspace_inodes = 20'000;
  std::string cgroup = "auto";    ///< auto, v2, v1, none
  bool private_root = false;      ///< each cell has files of its own (jail/private_root.h)
  bool log_refusals = false;      ///< report refused system calls in Verdict::refused
  std::uint64_t warm_memory = 0;  ///< bytes of all interpreters that wait together; 0: none do
  std::uint32_t warm_cells = 0;   ///< and how many may wait
  bool warm = false;              ///< start programs ahead of their time, or from what is loaded already
  HarvestRules rules;

  std::string Encode() const;
  static Result<JailerSettings> Decode(std::string_view json);
};

/// Jailer's hello: what it found.
struct JailerInfo {
  std::string cgroup;  ///< v2, v1, none
  bool limits_memory = false;
  bool rootless = false;              ///< cells are an ordinary user's (jail/user_namespace.h)
  std::vector<std::string> runtimes;  ///< ids whose interpreter exists in the root
  std::vector<std::string> warnings;  ///< what this host cannot isolate or limit
  std::string locks;                  ///< what the jailer has taken from itself, for people
  std::string error;                  ///< not empty: no cell can be made, and why

  std::string Encode() const;
  static Result<JailerInfo> Decode(std::string_view json);
};

/// One program to run. Its source, inputs, stdin and support files follow as files.
struct RunRequest {
  std::string runtime;      ///< id of runtime/runtime.h
  std::string source_name;  ///< relative to the workspace
  std::string entry;        ///< SourceNames::entry of runtime/source.h
  std::vector<std::string> args;
  std::uint32_t files = 0;  ///< how many files follow, the source included
  std::uint64_t wall_ms = 30'000;
  std::uint64_t cpu_ms = 60'000;              ///< over all processes
  std::uint64_t memory_bytes = 512ull << 20;  ///< without the workspace
  std::uint64_t compile_wall_ms = 30'000;     ///< these three while a program is compiled
  std::uint64_t compile_cpu_ms = 60'000;
  std::uint64_t compile_memory_bytes = 1ull << 30;
  std::uint32_t processes = 128;
  std::uint32_t open_files = 2048;
  std::uint64_t file_size = 100ull << 20;
  std::uint64_t output_bytes = 65'536;   ///< per stream
  std::uint32_t tool_calls = 0;          ///< how many calls the program may make; 0: it has no tools
  bool data = false;                     ///< it looks as if it works with data (runtime/imports.h)
  std::vector<std::string> own_modules;  ///< names that its inputs would be imported by
  /// It has an input on stdin, or a file that an interpreter which waits has looked for in vain: it is
  /// started cold.
  bool early_input = false;
  std::string manifest;                  ///< token of manifest/signed_manifest.h; empty: none

  std::string Encode() const;
  static Result<RunRequest> Decode(std::string_view json);
};

/// Cells that are ready before anybody wants them.
struct PoolState {
  static constexpr const char* kPlain = "plain";  ///< the `runtime` of those that any program may have
  std::string runtime;
  std::uint32_t ready = 0, coming = 0, target = 0;
  std::uint64_t memory_bytes = 0;      ///< of those that are ready, as far as it is known
  std::uint64_t hits = 0, misses = 0;  ///< programs that found one and that did not, since the jailer started
};

std::string EncodePoolStates(const std::vector<PoolState>& states);
Result<std::vector<PoolState>> DecodePoolStates(std::string_view json);

/// Announces a file of a run (worker to jailer).
struct RunFile {
  CellFileKind kind = CellFileKind::kInput;
  std::string name;
  std::uint32_t index = 0;
  bool read_only = false;

  std::string Encode() const;
  static Result<RunFile> Decode(std::string_view json);
};

/// Announces an output (jailer to worker). The bytes follow; file-end carries {"ok":bool}.
struct RunOutput {
  std::string name;
  std::uint64_t size = 0;
  std::optional<std::uint32_t> input;  ///< index of the input it is a change of

  std::string Encode() const;
  static Result<RunOutput> Decode(std::string_view json);
};

/// How an execution ended.
enum class RunEnd { kExit, kSignal, kWallLimit, kCpuLimit, kMemoryLimit, kOutputLimit, kCancelled };

const char* RunEndName(RunEnd end);

/// A system call that the filter refused in an execution.
struct RefusedCallReport {
  std::string name;         ///< "unknown" for a number without one, "others" beyond the first kinds
  std::int32_t number = 0;  ///< of this machine's architecture
  std::string error;        ///< name of the errno that the first one got
  std::uint64_t count = 0;
  std::optional<std::uint32_t> argument;  ///< what decided about the first one, where an argument does
};

struct Verdict {
  RunEnd end = RunEnd::kExit;
  bool compiling = false;     ///< it was the compiler that ended so; the program never ran
  int code = 0;               ///< exit code when end is kExit
  int signal = 0;             ///< signal number when end is kSignal
  std::uint64_t wall_us = 0;  ///< without the time that it waited for tools
  std::uint64_t cpu_us = 0;
  std::uint64_t compile_us = 0;   ///< wall time of the compiler, of a program that was compiled
  std::uint64_t memory_peak = 0;  ///< bytes, workspace included; without cgroups, of the largest process
  bool stderr_truncated = false;
  HarvestSummary harvest;
  bool warm = false;                              ///< it was started warm
  std::map<std::string, std::uint64_t> setup_us;  ///< by step
  std::vector<RefusedCallReport> refused;         ///< empty unless JailerSettings::log_refusals

  std::string Encode() const;
  static Result<Verdict> Decode(std::string_view json);
};

/// Why there is no verdict. Codes: sandbox_setup_failed, input_too_large, input_invalid, sandbox_failed,
/// not_admitted.
struct RunFailure {
  std::string code;
  std::string message;  ///< for the log: may name system calls

  std::string Encode() const;
  static Result<RunFailure> Decode(std::string_view json);
};

}  // namespace codeapi
