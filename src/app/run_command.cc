#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json.hpp>

#include "app/commands.h"
#include "app/terminal_sink.h"
#include "app/wiring.h"
#include "runtime/runtime.h"
#include "runtime/source.h"
#include "worker/answer.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;

// As `docker run`: the command itself failed, not the program.
constexpr int kNoCell = 125;
constexpr std::uint64_t kMaxReadBytes = 1ull << 30;

int Complain(const Error& error) {
  std::fprintf(stderr, "codeapi: %s\n", error.message.c_str());
  return kNoCell;
}

Result<std::string> ReadAll(int fd, const std::string& name) {
  std::string out;
  char buffer[65536];
  while (true) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read " + name);
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > kMaxReadBytes) return Fail(ErrorCode::kTooLarge, name + " is larger than 1 GiB");
  }
}

Result<std::string> ReadFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return FailErrno("open " + path);
  return ReadAll(fd.get(), path);
}

Result<const Runtime*> ChooseRuntime(const RunOptions& options) {
  const std::string extension = std::filesystem::path(options.file).extension();
  const Runtime* runtime =
      options.language ? FindRuntime(*options.language) : FindRuntimeByExtension(extension);
  if (runtime != nullptr) return runtime;
  std::string known;
  for (const Runtime& r : Runtimes()) known += (known.empty() ? "" : ", ") + r.id;
  if (options.language)
    return Fail(ErrorCode::kInvalid, "unknown language " + *options.language + "; known: " + known);
  return Fail(ErrorCode::kInvalid, "cannot tell the language of " + options.file +
                                       " from its name; use --lang with one of: " + known);
}

struct Prepared {
  RunRequest request;
  std::vector<RunInput> files;
};

Result<Prepared> Prepare(const RunOptions& options, const Settings& settings) {
  auto runtime = ChooseRuntime(options);
  if (!runtime) return std::unexpected(runtime.error());
  auto code = ReadFile(options.file);
  if (!code) return std::unexpected(code.error());
  Prepared out;
  ExecutionRequest naming;
  naming.runtime = (*runtime)->id;
  naming.code = SourceText(**runtime, std::move(*code));
  for (const std::string& path : options.inputs) {
    auto content = ReadFile(path);
    if (!content) return std::unexpected(content.error());
    const std::string name = std::filesystem::path(path).filename();
    const auto index = static_cast<std::uint32_t>(naming.files.size());
    naming.files.push_back({{}, {}, name});
    out.files.push_back({{CellFileKind::kInput, name, index, false}, std::move(*content)});
  }
  if (options.stdin_file) {
    auto content =
        *options.stdin_file == "-" ? ReadAll(STDIN_FILENO, "standard input") : ReadFile(*options.stdin_file);
    if (!content) return std::unexpected(content.error());
    out.files.push_back({{CellFileKind::kStdin, {}, 0, false}, std::move(*content)});
  }
  const ExecutorLimits limits = MakeExecutorLimits(settings);
  RunRequest& request = out.request;
  request.runtime = (*runtime)->id;
  request.source_name = FreeSourceName(naming);
  request.entry = NamesInSource(**runtime, naming.code).entry;
  request.args = options.args;
  request.wall_ms =
      static_cast<std::uint64_t>(options.timeout_ms ? *options.timeout_ms : settings.run_timeout.count());
  request.cpu_ms = settings.run_cpu_time.count() > 0
                       ? static_cast<std::uint64_t>(settings.run_cpu_time.count())
                       : request.wall_ms * 2;
  request.memory_bytes = static_cast<std::uint64_t>(settings.run_memory_limit);
  request.compile_wall_ms = limits.compile_wall_ms;
  request.compile_cpu_ms = limits.compile_cpu_ms;
  request.compile_memory_bytes = limits.compile_memory_bytes;
  request.processes = limits.processes;
  request.open_files = limits.open_files;
  request.file_size = limits.file_size;
  // Nothing of it is kept in memory here, so the terminal gets all of it.
  request.output_bytes = 1ull << 40;
  out.files.push_back({{CellFileKind::kSource, request.source_name, 0, false}, std::move(naming.code)});
  return out;
}

void PrintTimings(const Verdict& verdict) {
  boost::json::object steps;
  for (const auto& [step, us] : verdict.setup_us) steps[step] = static_cast<double>(us) / 1000;
  const boost::json::object line{{"setup", steps}, {"wall_ms", static_cast<double>(verdict.wall_us) / 1000}};
  std::fprintf(stderr, "%s\n", boost::json::serialize(line).c_str());
}

int ExitStatus(const Verdict& verdict, std::uint64_t output_limit) {
  const EndWords end = DescribeEnd(verdict, output_limit);
  if (!end.message.empty()) std::fprintf(stderr, "[sandbox] %s\n", end.message.c_str());
  for (const RefusedCallReport& call : verdict.refused) {
    std::fprintf(stderr, "codeapi: refused: %s (%d) %s, %llu times\n", call.name.c_str(), call.number,
                 call.error.c_str(), static_cast<unsigned long long>(call.count));
  }
  for (const std::string& name : verdict.harvest.skipped) {
    std::fprintf(stderr, "codeapi: not copied: %s\n", name.c_str());
  }
  return end.code;
}

asio::awaitable<int> RunInCell(LocalSandbox& sandbox, Prepared prepared, TerminalSink& sink, bool timings) {
  using namespace asio::experimental::awaitable_operators;  // NOLINT: the only way to get operator||
  asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
  const std::uint64_t output_limit = prepared.request.output_bytes;
  if (auto started = co_await sandbox.Start(); !started) {
    const Error error{started.error().code,
                      started.error().message + "\n`codeapi doctor` tells how to fix it"};
    co_return Complain(error);
  }
  auto outcome = co_await (sandbox.Run(std::move(prepared.request), std::move(prepared.files), sink) ||
                           signals.async_wait(asio::as_tuple(asio::use_awaitable)));
  int status = kNoCell;
  if (outcome.index() == 1) {
    status = 128 + std::get<1>(std::get<1>(outcome));
  } else if (const auto& verdict = std::get<0>(outcome); !verdict) {
    status = Complain(verdict.error());
  } else {
    if (timings) PrintTimings(*verdict);
    status = ExitStatus(*verdict, output_limit);
  }
  co_await sandbox.Stop();
  co_return status;
}

}  // namespace

int RunCommand(const RunOptions& options) {
  auto settings = LoadSettings();
  if (!settings) return Complain(settings.error());
  auto jailer = FindJailer(*settings);
  if (!jailer) return Complain(jailer.error());
  auto prepared = Prepare(options, *settings);
  if (!prepared) return Complain(prepared.error());
  if (::mkdir(options.out_dir.c_str(), 0777) != 0 && errno != EEXIST) {
    return Complain(FailErrno("make directory " + options.out_dir).error());
  }
  UniqueFd out(::open(options.out_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out) return Complain(FailErrno("open directory " + options.out_dir).error());

  ::signal(SIGPIPE, SIG_IGN);
  asio::io_context io(1);
  JailerSettings jailer_settings = MakeJailerSettings(*settings, ChooseRoot(*settings));
  jailer_settings.warm_memory = 0;  // there is no program after this one
  jailer_settings.max_cells = 1;
  jailer_settings.pool_size = 0;
  LocalSandbox sandbox(io.get_executor(), {{*jailer}, jailer_settings});
  TerminalSink sink(std::move(out), options.out_dir);
  int status = kNoCell;
  asio::co_spawn(io, RunInCell(sandbox, std::move(*prepared), sink, options.timings),
                 [&](std::exception_ptr error, int result) {
                   if (!error) status = result;
                   io.stop();
                 });
  io.run();
  return status;
}

}  // namespace codeapi
