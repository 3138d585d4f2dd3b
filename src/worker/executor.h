// Runs one execution from its inputs to its answer.
#pragma once

#include <cstdint>

#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "sandbox/sandbox.h"
#include "store/object_store.h"
#include "worker/answer.h"
#include "worker/execution.h"

namespace codeapi {

class InputCache;
class InputStreams;

/// Limits that no request sets. Sizes are bytes.
struct ExecutorLimits {
  std::uint32_t processes = 128;
  std::uint32_t open_files = 2048;
  std::uint64_t file_size = 100ull << 20;
  std::uint64_t output_bytes = 65'536;
  std::uint64_t compile_wall_ms = 30'000;
  std::uint64_t compile_cpu_ms = 60'000;
  std::uint64_t compile_memory_bytes = 1ull << 30;
  HarvestRules rules;  ///< what the jailer was told, to hold it to
};

/// The tools of a program, as the worker sees them. Called on the sandbox's executor, one call at a time.
class ProgramTools {
 public:
  virtual ~ProgramTools() = default;
  /// As ToolPeer has it.
  virtual boost::asio::awaitable<Result<void>> Call(std::uint32_t call, std::uint32_t tool,
                                                    std::string input) = 0;
  /// As ToolPeer has it, with all that the program has printed so far, cut at the output limit.
  virtual boost::asio::awaitable<Result<void>> Waiting(std::string_view out, std::string_view err) = 0;
  /// As ToolPeer has it.
  virtual boost::asio::awaitable<std::vector<ToolAnswer>> Answers() = 0;
};

/// What a program with tools is run with.
struct ToolSupply {
  ProgramTools& peer;
  std::vector<RunInput> support;  ///< files of kind kSupport
  std::uint32_t max_calls = 0;
};

/// What an execution came to.
struct ExecutionOutcome {
  std::optional<ExecutionAnswer> refusal;  ///< it was not run, or its cell broke: the parts are empty
  AnswerParts parts;

  /// Whether objects were stored under the execution's id.
  bool stored_files() const;
};

/// Streams inputs from the store into a cell and outputs from the cell into the store. Thread-safe: any
/// number of executions at once. The sandbox, store, log and cache must outlive it.
class Executor {
 public:
  /// With `inputs`, what was read lately is kept there.
  Executor(Sandbox& sandbox, ObjectStore& objects, Log& log, ExecutorLimits limits,
           InputCache* inputs = nullptr)
      : sandbox_(sandbox), objects_(objects), log_(log), limits_(std::move(limits)), inputs_(inputs) {}

  /// Always an answer: what goes wrong is an HTTP status with an error body. Cancelling the coroutine ends
  /// the program; the answer is then worth nothing.
  boost::asio::awaitable<ExecutionAnswer> Execute(ExecutionRequest request);

  /// The same, not yet put into words, for a program that may have tools. `tools` must live until then.
  boost::asio::awaitable<ExecutionOutcome> Run(ExecutionRequest request, ToolSupply* tools);

  /// Bytes of each of the program's streams.
  std::uint64_t output_limit() const { return limits_.output_bytes; }

 private:
  static std::vector<RunInput> MakeInputs(const ExecutionRequest& request, const std::string& source_name,
                                          const InputStreams& streams);
  RunRequest MakeRun(const ExecutionRequest& request, const std::string& source_name) const;
  bool Lacks(const std::string& runtime) const;
  void LogEnd(const ExecutionRequest& request, const Verdict& verdict);
  void LogRefusedCalls(const ExecutionRequest& request, const Verdict& verdict);
  ExecutionAnswer Refuse(const ExecutionRequest& request, const Error& error);

  Sandbox& sandbox_;
  ObjectStore& objects_;
  Log& log_;
  ExecutorLimits limits_;
  InputCache* inputs_;
};

/// A name for the program's own file that no input has, nor a directory of one: `main.py`, else `main_1.py`…
/// Where the source prescribes it, it is the directory that differs: `Foo.java`, else `program_1/Foo.java`…
std::string FreeSourceName(const ExecutionRequest& request);

}  // namespace codeapi
