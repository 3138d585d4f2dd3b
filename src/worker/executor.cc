#include "worker/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <limits>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "base/text.h"
#include "runtime/imports.h"
#include "runtime/runtime.h"
#include "runtime/source.h"
#include "worker/answer.h"
#include "worker/answer_sink.h"
#include "worker/input_streams.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::uint64_t kMostCount = std::numeric_limits<std::int64_t>::max();

ExecutionAnswer ErrorAnswer(int status, std::string_view error, std::string_view message = {}) {
  json::object body{{"error", error}};
  if (!message.empty()) body["message"] = message;
  return {status, false, json::serialize(body)};
}

// Tells a program's tools what it has printed when it waits for them.
class PeerWithOutput final : public ToolPeer {
 public:
  PeerWithOutput(ProgramTools& tools, const AnswerParts& parts) : tools_(tools), parts_(parts) {}
  asio::awaitable<Result<void>> Call(std::uint32_t call, std::uint32_t tool, std::string input) override {
    return tools_.Call(call, tool, std::move(input));
  }
  asio::awaitable<Result<void>> Waiting() override {
    return tools_.Waiting(parts_.stdout_bytes, parts_.stderr_bytes);
  }
  asio::awaitable<std::vector<ToolAnswer>> Answers() override { return tools_.Answers(); }

 private:
  ProgramTools& tools_;
  const AnswerParts& parts_;
};

// What an interpreter that waits for its program has not been given, or has looked for already.
bool HasEarlyInput(const ExecutionRequest& request) {
  if (request.input) return true;
  const Runtime* runtime = FindRuntime(request.runtime);
  if (runtime == nullptr) return false;
  return std::ranges::any_of(runtime->commands, [&](const Command& command) {
    return std::ranges::any_of(command.prestart.missing, [&](const std::string& name) {
      return std::ranges::find(request.files, name, &InputRef::name) != request.files.end();
    });
  });
}

// Inputs that are as they were, and inputs that are gone.
Result<void> AddInputs(const ExecutionRequest& request, const HarvestSummary& harvest, AnswerParts& parts) {
  std::vector<bool> named(request.files.size());
  const auto first_time = [&](std::uint32_t i) -> bool {
    if (i >= named.size() || named[i]) return false;
    return named[i] = true;
  };
  if (!std::ranges::all_of(harvest.unchanged, first_time) ||
      !std::ranges::all_of(harvest.deleted, first_time)) {
    return Fail(ErrorCode::kSetupFailed, "the jailer named an input that there is not, or twice");
  }
  for (const std::uint32_t i : harvest.unchanged) {
    const InputRef& input = request.files[i];
    parts.files.push_back({input.id, input.session, input.name, true, std::nullopt});
  }
  for (const std::uint32_t i : harvest.deleted) parts.deleted.push_back(request.files[i].name);
  return {};
}

}  // namespace

std::string FreeSourceName(const ExecutionRequest& request) {
  const Runtime* runtime = FindRuntime(request.runtime);
  const std::string stem = runtime == nullptr ? "main" : NamesInSource(*runtime, request.code).stem;
  const std::string extension = runtime == nullptr ? "" : runtime->source_extension;
  const bool fixed = runtime == nullptr || runtime->naming == Naming::kFixed;
  const auto taken = [&](const std::string& name) {
    return std::ranges::any_of(request.files, [&](const InputRef& file) {
      return file.name == name || file.name.starts_with(name + "/") || name.starts_with(file.name + "/");
    });
  };
  std::string name = stem + extension;
  for (int i = 1; taken(name); ++i) {
    name = fixed ? fmt::format("{}_{}{}", stem, i, extension)
                 : fmt::format("program_{}/{}{}", i, stem, extension);
  }
  return name;
}

RunRequest Executor::MakeRun(const ExecutionRequest& request, const std::string& source_name) const {
  RunRequest run;
  run.runtime = request.runtime;
  run.source_name = source_name;
  if (const Runtime* runtime = FindRuntime(request.runtime)) {
    run.entry = NamesInSource(*runtime, request.code).entry;
  }
  run.args = request.args;
  run.manifest = request.manifest;
  if (request.runtime == "py") {
    run.data = LooksLikeDataWork(request.code);
    for (const InputRef& file : request.files) {
      if (std::string name = ImportedAs(file.name); !name.empty()) run.own_modules.push_back(std::move(name));
    }
  }
  run.early_input = HasEarlyInput(request);
  run.wall_ms = request.wall_ms;
  run.cpu_ms = request.cpu_ms;
  run.memory_bytes = request.memory_bytes;
  run.compile_wall_ms = limits_.compile_wall_ms;
  run.compile_cpu_ms = limits_.compile_cpu_ms;
  run.compile_memory_bytes = limits_.compile_memory_bytes;
  run.processes = limits_.processes;
  run.open_files = limits_.open_files;
  run.file_size = limits_.file_size;
  run.output_bytes = limits_.output_bytes;
  return run;
}

std::vector<RunInput> Executor::MakeInputs(const ExecutionRequest& request, const std::string& source_name,
                                           const InputStreams& streams) {
  std::vector<RunInput> out;
  const Runtime* runtime = FindRuntime(request.runtime);
  out.push_back({{CellFileKind::kSource, source_name, 0, false},
                 runtime == nullptr ? request.code : SourceText(*runtime, request.code)});
  if (request.input) out.push_back({{CellFileKind::kStdin, {}, 0, false}, *request.input});
  for (std::size_t i = 0; i < request.files.size(); ++i) out.push_back(streams.Input(i));
  return out;
}

ExecutionAnswer Executor::Refuse(const ExecutionRequest& request, const Error& error) {
  log_.Write(error.code == ErrorCode::kCancelled ? Severity::kInfo : Severity::kWarning, "execution failed",
             {{"execution", request.id},
              {"tenant", request.log_tenant},
              {"trace", request.trace.trace_id},
              {"error", ErrorCodeName(error.code)},
              {"detail", error.message}});
  switch (error.code) {
    // An object that is gone and one that is not the caller's look the same from outside.
    case ErrorCode::kNotFound:
    case ErrorCode::kForbidden:
      return ErrorAnswer(403, "Unauthorized file reference");
    case ErrorCode::kInvalid:
      return ErrorAnswer(400, "bad_request", "Input files could not be placed");
    case ErrorCode::kTooLarge:
      return ErrorAnswer(413, "session_input_too_large", "Input files exceed the delivery limit");
    case ErrorCode::kUnavailable:
      return ErrorAnswer(502, "session_input_source_failed", "Input file service is unavailable");
    case ErrorCode::kCancelled:
      return ErrorAnswer(499, "execution_cancelled");
    case ErrorCode::kConflict:  // not what was signed, or no longer
      return ErrorAnswer(502, "sandbox_execution_failed", "Sandbox execution failed");
    default:
      return ErrorAnswer(503, "sandbox_setup_failed", "The sandbox could not be set up; please try again");
  }
}

// Before the jailer has been started, which the first execution does, nobody knows.
bool Executor::Lacks(const std::string& runtime) const {
  const auto runtimes = sandbox_.info().runtimes;
  return !runtimes.empty() && std::ranges::find(runtimes, runtime) == runtimes.end();
}

// For the operator: what a program missed, in logging mode; and in any mode that one was killed for a call.
void Executor::LogRefusedCalls(const ExecutionRequest& request, const Verdict& verdict) {
  for (const RefusedCallReport& call : verdict.refused) {
    char argument[16] = "";
    if (call.argument) std::snprintf(argument, sizeof argument, "0x%x", *call.argument);
    log_.Write(Severity::kInfo, "system call refused",
               {{"execution", request.id},
                {"runtime", request.runtime},
                {"call", call.name},
                {"number", std::int64_t{call.number}},
                {"argument", argument},
                {"answer", call.error},
                {"count", static_cast<std::int64_t>(std::min(call.count, kMostCount))},
                {"trace", request.trace.trace_id}});
  }
  if (verdict.end == RunEnd::kSignal && verdict.signal == SIGSYS) {
    log_.Write(Severity::kInfo, "program killed for a system call",
               {{"execution", request.id}, {"runtime", request.runtime}, {"trace", request.trace.trace_id}});
  }
}

bool ExecutionOutcome::stored_files() const {
  return std::ranges::any_of(parts.files, [](const AnswerFile& file) { return !file.inherited; });
}

void Executor::LogEnd(const ExecutionRequest& request, const Verdict& verdict) {
  log_.Write(Severity::kInfo, "execution ended",
             {{"execution", request.id},
              {"tenant", request.log_tenant},
              {"trace", request.trace.trace_id},
              {"runtime", request.runtime},
              {"end", RunEndName(verdict.end)},
              {"code", static_cast<std::int64_t>(verdict.code)},
              {"wall_ms", static_cast<std::int64_t>(verdict.wall_us / 1000)},
              {"cpu_ms", static_cast<std::int64_t>(verdict.cpu_us / 1000)},
              {"memory", static_cast<std::int64_t>(verdict.memory_peak)},
              {"compile_ms", static_cast<std::int64_t>(verdict.compile_us / 1000)}});
  LogRefusedCalls(request, verdict);
}

asio::awaitable<ExecutionOutcome> Executor::Run(ExecutionRequest request, ToolSupply* tools) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const ExecutionAnswer lacking =
      ErrorAnswer(400, "Unsupported language: " + request.runtime + " (it is not installed in this sandbox)");
  if (Lacks(request.runtime)) co_return ExecutionOutcome{lacking, {}};
  ObjectStore& store = request.objects ? *request.objects : objects_;
  const auto traced = store.traced(request.trace.Header());
  ObjectStore& objects = traced ? *traced : store;
  InputStreams streams(co_await asio::this_coro::executor, objects, inputs_, request);
  streams.Start();
  const std::string source_name = FreeSourceName(request);
  auto inputs = MakeInputs(request, source_name, streams);
  AnswerSink sink(objects, request, limits_);
  RunRequest run = MakeRun(request, source_name);
  std::optional<PeerWithOutput> peer;
  if (tools != nullptr) {
    run.tool_calls = tools->max_calls;
    for (RunInput& file : tools->support) inputs.push_back(std::move(file));
    peer.emplace(tools->peer, sink.parts);
  }
  auto verdict = co_await sandbox_.Run(std::move(run), std::move(inputs), sink, peer ? &*peer : nullptr);
  co_await streams.Stop();
  co_await sink.Settle();
  Result<void> ended = verdict ? Result<void>() : std::unexpected(verdict.error());
  if (ended) ended = AddInputs(request, verdict->harvest, sink.parts);
  if (!ended) {
    co_await sink.Discard();
    co_return ExecutionOutcome{Lacks(request.runtime) ? lacking : Refuse(request, ended.error()), {}};
  }
  if (sink.store_error()) {
    log_.Write(Severity::kError, "output not stored",
               {{"execution", request.id},
                {"trace", request.trace.trace_id},
                {"detail", sink.store_error()->message}});
  }
  LogEnd(request, *verdict);
  sink.parts.session = request.id;
  sink.parts.verdict = std::move(*verdict);
  sink.parts.output_limit = limits_.output_bytes;
  co_return ExecutionOutcome{std::nullopt, std::move(sink.parts)};
}

asio::awaitable<ExecutionAnswer> Executor::Execute(ExecutionRequest request) {
  ExecutionOutcome outcome = co_await Run(std::move(request), nullptr);
  if (outcome.refusal) co_return std::move(*outcome.refusal);
  const bool stored = outcome.stored_files();
  co_return ExecutionAnswer{200, stored, RenderAnswer(std::move(outcome.parts))};
}

}  // namespace codeapi
