// The payloads of the cell's control stream (see cell_wire.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace codeapi {

/// The steps of making a cell, timed one by one. Exported as codeapi_cell_setup_seconds{step}.
enum class SetupStep : std::uint8_t {
  kClone,            ///< clone3 with all namespaces
  kCgroup,           ///< making the cell's cgroup
  kCgroupNamespace,  ///< unshare(CLONE_NEWCGROUP), host name
  kRoot,             ///< overlays of the cell's own, where they are asked for
  kWorkspace,        ///< the tmpfs and its directories
  kProc,             ///< procfs and its masks
  kPrivileges,       ///< dropping what init does not need
  kCount,
};
inline constexpr std::size_t kSetupSteps = static_cast<std::size_t>(SetupStep::kCount);

/// Stable name of a step, for metrics. "unknown" for values out of range.
const char* SetupStepName(SetupStep step);

/// Microseconds per step.
using SetupTimings = std::array<std::uint32_t, kSetupSteps>;

/// What the walk over the workspace keeps, and how much (reference names in brackets).
struct HarvestRules {
  std::uint32_t max_files = 50;  ///< new or changed files [SANDBOX_MAX_OUTPUT_FILES]
  std::uint64_t max_file_size =
      10'000'000;                ///< bytes; a file of exactly this size is kept [SANDBOX_MAX_FILE_SIZE]
  std::uint32_t max_depth = 10;  ///< path segments [SANDBOX_MAX_NESTING_DEPTH]
  std::uint32_t max_path = 256;  ///< bytes [SANDBOX_MAX_PATH_LENGTH]
  bool any_extension = false;    ///< keep files whatever their extension
  std::vector<std::string> extra_extensions;  ///< lower case, without the dot, beyond the built-in list

  bool operator==(const HarvestRules&) const = default;

  std::string Encode() const;
  static std::optional<HarvestRules> Decode(std::string_view payload);
};

/// What init needs to turn its fresh namespaces into a cell. Sent once, after init is in its cgroup.
struct CellSetup {
  std::uint32_t uid = 0;  ///< owner of the workspace, and who the program runs as
  std::uint32_t gid = 0;
  std::uint64_t workspace_bytes = 0;  ///< cap of /mnt/data, /tmp and /dev/shm together
  std::uint64_t workspace_inodes = 0;
  bool cgroup_namespace = true;  ///< false where the kernel has none
  bool rootless = false;  ///< uid and gid are the only ones of the cell's user namespace (user_namespace.h)
  bool log_refusals = false;                ///< tell in CellExit which system calls were refused
  std::vector<std::string> private_mounts;  ///< for EnterPrivateRoot(); empty: the root is shared
  std::string filter_allow;                 ///< compiled BPF of the allow-list filter
  std::string filter_deny;                  ///< compiled BPF of the masked denials

  std::string Encode() const;
  static std::optional<CellSetup> Decode(std::string_view payload);
};

/// One program and its limits. Sent when a job is bound to the cell.
struct CellBegin {
  std::vector<std::string> argv;         ///< argv[0] is an absolute path in the root
  std::vector<std::string> compile;      ///< argv of the compiler that runs first; empty: none
  std::string build_directory;           ///< absolute; made for the compiler, if there is one
  std::vector<std::string> env;          ///< NAME=value
  std::uint64_t open_files = 0;          ///< RLIMIT_NOFILE
  std::uint64_t processes = 0;           ///< RLIMIT_NPROC
  std::uint64_t file_size = 0;           ///< RLIMIT_FSIZE, bytes
  std::uint64_t data_limit = 0;          ///< RLIMIT_DATA, bytes; 0 = unlimited (the cgroup limits memory)
  std::uint64_t compile_data_limit = 0;  ///< the same for the compiler
  std::uint64_t memory = 0;              ///< shown in /proc/meminfo, bytes
  std::uint32_t tool_calls = 0;          ///< how many calls of tools it may make; 0: it has none
  std::vector<std::uint32_t> cpus;       ///< those it may run on; empty: as init
  bool warm = false;                     ///< a zygote has been asked for the program
  HarvestRules rules;

  std::string Encode() const;
  static std::optional<CellBegin> Decode(std::string_view payload);
  bool operator==(const CellBegin&) const = default;
};

/// An interpreter that is to wait for its program (jail/prestart.h).
struct CellPrestart {
  CellBegin begin;                   ///< what the program's own will be
  std::string program;               ///< name in the workspace that it may open once; empty: none
  std::vector<std::string> missing;  ///< names in the workspace that it may look for

  std::string Encode() const;
  static std::optional<CellPrestart> Decode(std::string_view payload);
  bool operator==(const CellPrestart&) const = default;
};

enum class CellFileKind : std::uint8_t {
  kSource = 0,
  kInput = 1,
  kStdin = 2,
  kSupport =
      3,  ///< for calling tools: goes into kSupportDirectory (runtime.h), executable, and is never an output
};
inline constexpr CellFileKind kLastCellFileKind = CellFileKind::kSupport;

/// Most support files of a program, and bytes of each.
inline constexpr std::uint32_t kMaxSupportFiles = 16;
inline constexpr std::uint64_t kMaxSupportFile = 4u << 20;

/// A file that is put into the workspace.
struct CellFile {
  CellFileKind kind = CellFileKind::kInput;
  bool read_only = false;   ///< sealed: owned by root, mode 0444, never reported as changed
  std::uint32_t index = 0;  ///< of an input: how the answer refers to it
  std::string name;         ///< relative to the workspace; of a support file one component; empty for stdin

  std::string Encode() const;
  static std::optional<CellFile> Decode(std::string_view payload);
};

/// A system call that the filter refused with an errno, and how often.
struct RefusedCall {
  static constexpr std::size_t kMost = 32;     ///< entries per execution
  static constexpr std::int32_t kOthers = -2;  ///< the number of the entry for all calls beyond those
  std::int32_t number = 0;
  std::int32_t error = 0;  ///< errno of the first one
  std::uint64_t count = 0;
  std::array<std::uint64_t, 6> arguments{};  ///< of the first one
};

/// How the program's first process ended.
struct CellExit {
  std::uint32_t wait_status = 0;     ///< as waitpid gives it
  std::uint64_t wall_us = 0;         ///< from fork to exit
  std::uint64_t cpu_us = 0;          ///< user and system time of every process that was reaped
  std::uint64_t max_rss = 0;         ///< bytes, of the process that had most resident at once
  bool warm = false;                 ///< a zygote started it, or it was started before its time
  std::vector<RefusedCall> refused;  ///< empty unless CellSetup::log_refusals

  std::string Encode() const;
  static std::optional<CellExit> Decode(std::string_view payload);
};

/// A new or changed file.
struct CellOutput {
  static constexpr std::uint32_t kNew = 0xffffffff;
  std::uint32_t input = kNew;  ///< the input it is a change of, or kNew
  std::uint64_t size = 0;      ///< bytes that follow
  std::string name;

  std::string Encode() const;
  static std::optional<CellOutput> Decode(std::string_view payload);
};

/// Why a file was left out, one bit each.
enum SkipReason : std::uint32_t {
  kSkipMaxFiles = 1,
  kSkipDepth = 2,
  kSkipSize = 4,
  kSkipPath = 8,
  kSkipUnreadable = 16,
  kSkipExtension = 32,
};

/// What else the walk found.
struct HarvestSummary {
  static constexpr std::size_t kMaxSkippedNames = 20;
  static constexpr std::size_t kMaxSkippedName = 512;  ///< bytes
  std::vector<std::uint32_t> unchanged;                ///< inputs that are as they were
  std::vector<std::uint32_t> deleted;                  ///< inputs that are gone
  std::uint32_t skip_reasons = 0;                      ///< SkipReason bits
  std::uint32_t skipped_count = 0;
  std::vector<std::string> skipped;  ///< the first few names, UTF-8

  std::string Encode() const;
  static std::optional<HarvestSummary> Decode(std::string_view payload);
};

/// Bounds of tool calls (docs/adr/0007). kMaxToolInput is a call's input, kMaxToolResult an answer's text, in
/// bytes; a program has at most kMaxTools tools, which it names by their index.
inline constexpr std::size_t kMaxToolInput = 1u << 20;
inline constexpr std::size_t kMaxToolResult = 8u << 20;
inline constexpr std::uint32_t kMaxTools = 100;

/// A call of a tool. Calls of a program are numbered from 1, without gaps. Worker and jailer send these three
/// to each other as they are.
struct CellToolCall {
  std::uint32_t call = 0;
  std::uint32_t tool = 0;
  std::string input;  ///< whatever the program sent

  std::string Encode() const;
  /// Nothing when a bound does not hold either.
  static std::optional<CellToolCall> Decode(std::string_view payload);
};

/// A part of an answer; the parts of one come in order. What the program gets is the kind and all their
/// bytes.
struct CellToolResult {
  static constexpr std::size_t kHeader = 6;
  std::uint32_t call = 0;
  bool last = true;
  char kind = '0';  ///< '0' the result, '1' the tool's error, '2' why the call was not made
  std::string bytes;

  std::string Encode() const;
  static std::optional<CellToolResult> Decode(std::string_view payload);
};

/// All of the program waits.
struct CellToolWait {
  std::uint32_t answers = 0;  ///< that had arrived whole by then: with one more under way, it is out of date

  std::string Encode() const;
  static std::optional<CellToolWait> Decode(std::string_view payload);
};

/// A step that failed inside the cell. `step` is a phrase such as "mount tmpfs".
struct CellFailure {
  bool input =
      false;  ///< while files were written: the request's fault when error is ENOSPC, EDQUOT or EEXIST
  std::int32_t error = 0;  ///< errno
  std::string step;

  std::string Encode() const;
  static std::optional<CellFailure> Decode(std::string_view payload);
};

}  // namespace codeapi
