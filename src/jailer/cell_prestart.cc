// A cell whose interpreter is started ahead of its program (jail/prestart.h), or forked, and what programs
// are begun with. See cell.h.

#include <utility>

#include "jail/cell_mounts.h"
#include "jailer/cell.h"

namespace codeapi {
namespace {

// An interpreter that takes longer is on a machine that cannot do anything else either.
constexpr auto kPrestartDeadline = std::chrono::seconds(30);

}  // namespace

CellBegin MakeBegin(const CellEnvironment& environment, const InstalledRuntime& installed,
                    const RunRequest& request) {
  ProgramStartSpec start = MakeProgramStart(
      *installed.runtime, *installed.command,
      {std::string(kWorkspacePath) + "/" + request.source_name, request.entry, request.args,
       request.memory_bytes, request.compile_memory_bytes, environment.plot_backend, request.tool_calls > 0});
  CellBegin begin;
  begin.argv = std::move(start.argv);
  begin.compile = std::move(start.compile);
  begin.build_directory = kBuildDirectory;
  begin.env = std::move(start.env);
  begin.open_files = request.open_files;
  begin.processes = request.processes;
  begin.file_size = request.file_size;
  begin.data_limit = environment.limits_memory ? 0 : request.memory_bytes;
  begin.compile_data_limit = environment.limits_memory ? 0 : request.compile_memory_bytes;
  begin.memory = request.memory_bytes;
  begin.tool_calls = request.tool_calls;
  begin.rules = environment.rules;
  return begin;
}

void Cell::Prestart(const CellPrestart& prestart, std::vector<std::uint32_t> cpus) {
  state_ = State::kPrestarting;
  cpus_ = std::move(cpus);
  deadline_ =
      loop_.At(Clock::now() + kPrestartDeadline, [this] { BrokenInit("its interpreter took too long"); });
  CellPrestart sent = prestart;
  sent.begin.cpus = cpus_;
  Send(CellMessage::kPrestart, sent.Encode());
}

bool Cell::ForkAhead(const ZygoteProgram& program) {
  forked_ = AskForFork(program);
  if (!forked_) return false;
  process_.link.reset();
  cgroup_->CloseJoinFds();
  return true;
}

void Cell::OnPrestarted(std::string_view payload) {
  WireReader in(payload);
  const std::uint64_t memory = in.U64();
  if (!in.done()) return BrokenInit("bad prestarted message");
  loop_.Cancel(std::exchange(deadline_, 0));
  state_ = State::kIdle;
  events_.CellWaits(*this, memory);
}

}  // namespace codeapi
