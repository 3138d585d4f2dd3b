// Fuzzes the jailer's own states: class Jailer with its cells, between a worker that sends frames in any
// order and inits that say and do anything, on a machine that fails at any step. The input is a script: a
// first byte for the settings, then one byte per step and what the step takes. Frames and messages come
// well-formed (so that a script gets far), with any payload, or as raw bytes.
//
// What must hold is checked at the worker's end (fuzzed_worker.h) after each step; at the end every open job
// must end when it is cancelled, and everything must go when the worker does: processes, groups, descriptors.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/fuzzing.h"
#include "jail/cell_wire.h"
#include "jailer/fuzzed_host.h"
#include "jailer/fuzzed_worker.h"
#include "jailer/jailer.h"

namespace codeapi {
namespace {

// Longer scripts show nothing that shorter ones do not.
constexpr std::size_t kMaxSteps = 400;

/// Takes the input apart. Zeroes and empty strings behind its end.
class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t U8() { return static_cast<std::uint8_t>(Take(1)[0]); }
  std::uint32_t U16() { return U8() | static_cast<std::uint32_t>(U8()) << 8; }
  std::uint32_t U32() { return U16() | U16() << 16; }
  std::string Bytes() {
    const std::size_t size = std::min<std::size_t>(U8(), rest_.size());
    return size == 0 ? std::string() : Take(size);
  }
  std::string Name() {
    // Mostly names that can be.
    static constexpr std::array kNames{"a.txt", "b.txt", "script.sh", "d/e.txt", "../x", "/x", ""};
    const std::uint8_t which = U8();
    return which < kNames.size() ? kNames.at(which) : Bytes();
  }

 private:
  std::string Take(std::size_t size) {
    std::string out(rest_.substr(0, size));
    rest_.remove_prefix(out.size());
    out.resize(size);
    return out;
  }
  std::string_view rest_;
};

struct Streams {
  Streams() {
    int fds[2];
    Require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "there is a socket");
    worker.reset(fds[0]);
    jailer.reset(fds[1]);
  }
  UniqueFd worker, jailer;
};

class Story {
 public:
  Story(Script& script, Streams streams)
      : script_(script),
        settings_(Settings(script.U8())),
        worker_(std::move(streams.worker), settings_.rules),
        jailer_(std::move(streams.jailer), host_, loop_) {}

  void Tell() {
    Require(jailer_.Start(), "the jailer starts");
    worker_.Greeted();
    for (std::size_t step = 0; step < kMaxSteps && !script_.empty() && !worker_.gone(); ++step) {
      Step(script_.U8());
      Settle();
    }
    CancelEverything();
    End();
  }

  static JailerSettings Settings(std::uint8_t how) {
    JailerSettings settings;
    settings.max_cells = 1 + (how & 3);
    settings.pool_size = how >> 2 & 3;
    settings.cpu_hundredths = (how & 16) != 0 ? 100 : 0;
    settings.rules.max_files = 2;
    settings.rules.max_file_size = 200'000;
    return settings;
  }

 private:
  void Settle() {
    do loop_.RunReady();
    while (std::ranges::count_if(host_.inits(), [](const auto& init) { return init->AwaitEnd(); }) > 0);
  }

  void Step(std::uint8_t which) {
    switch (which % 8) {
      case 0:
        return WorkerRuns();
      case 1:
        return WorkerSends();
      case 2:
        worker_.Read();
        return;
      case 3:
        return InitSpeaks();
      case 4:
        return InitSays();
      case 5:
        return InitActs();
      case 6:
        loop_.FireNext();
        return;
      default:
        return MachineActs();
    }
  }

  // -- the worker
  // ---------------------------------------------------------------------------------------------

  void ToJailer(std::string_view bytes) {
    // What it has not read would make it believe that jobs are under way that have ended.
    ReadAll();
    while (!bytes.empty() && !worker_.gone()) {
      const std::size_t sent = worker_.Send(bytes);
      if (sent == 0) return worker_.HungUp();
      bytes.remove_prefix(sent);
      ReadAll();
    }
  }
  void ReadAll() {
    do Settle();
    while (worker_.Read() > 0);
  }
  void ToJailer(FrameType type, std::uint32_t job, std::string_view payload) {
    ToJailer(EncodeFrame(type, job, payload));
  }

  void WorkerRuns() {
    const std::uint32_t job = script_.U8() & 3;
    const std::uint8_t how = script_.U8();
    RunRequest run;
    run.runtime = (how & 64) != 0 ? "cobol" : "bash";
    run.source_name = "script.sh";
    run.files = how & 3;
    if ((how & 4) != 0) run.output_bytes = 10;
    if ((how & 8) != 0) run.output_bytes = 64 << 20;
    if ((how & 16) != 0) run.tool_calls = 5;
    ToJailer(FrameType::kRun, job, run.Encode());
  }

  void WorkerSends() {
    const std::uint8_t how = script_.U8();
    const std::uint32_t job = how >> 4 & 3;
    switch (how % 8) {
      case 0: {
        const auto kind = static_cast<CellFileKind>(script_.U8() % 4);
        return ToJailer(FrameType::kFileBegin, job, RunFile{kind, script_.Name(), 0, false}.Encode());
      }
      case 1:
        return ToJailer(FrameType::kFileData, job, std::string(script_.U16(), 'x'));
      case 2:
        return ToJailer(FrameType::kFileEnd, job, "");
      case 3:
        return ToJailer(FrameType::kCredit, job, EncodeCredit(script_.U32()));
      case 4:
        return ToJailer(FrameType::kCancel, job, "");
      case 5:
        return ToJailer(script_.Bytes());
      case 6:
        for (std::uint8_t repeat = script_.U8(); repeat > 0; --repeat)
          ToJailer(FrameType::kFileData, job, std::string(kMaxDataPayload, 'x'));
        return;
      default: {
        const std::uint8_t which = script_.U8();
        if (which == 0xff) {
          const std::uint32_t call = script_.U8();
          return ToJailer(FrameType::kToolResult, job,
                          CellToolResult{call, script_.U8() % 2 == 0, '0', script_.Bytes()}.Encode());
        }
        return ToJailer(static_cast<FrameType>(1 + which % 14), job, script_.Bytes());
      }
    }
  }

  // -- the inits
  // ----------------------------------------------------------------------------------------------

  /// The init that a step is about; by the low bits of `which`, from the oldest. Null when there is none.
  std::shared_ptr<FuzzedInit> Init(std::uint8_t which) const {
    const FuzzedInits& all = host_.inits();
    return all.empty() ? nullptr : all[(which & 3) % all.size()];
  }

  static std::string Message(CellMessage type, std::string_view payload) {
    std::string out = WireWriter().U32(static_cast<std::uint32_t>(payload.size())).payload();
    out.push_back(static_cast<char>(type));
    return out.append(payload);
  }

  // What an init says in its life, each part well-formed and in any order.
  void InitSpeaks() {
    const std::uint8_t which = script_.U8();
    const auto init = Init(which);
    if (!init) return;
    const auto say = [&](CellMessage type, std::string_view payload) {
      init->Write(init->control, Message(type, payload));
    };
    switch (which >> 2 & 7) {
      case 0: {
        WireWriter timings;
        for (std::size_t i = 0; i < kSetupSteps; ++i) timings.U32(1);
        return say(CellMessage::kReady, timings.payload());
      }
      case 1:
        return say(CellMessage::kExited, CellExit{script_.U16(), 1000, 500, 4096}.Encode());
      case 2: {
        const std::uint32_t input = script_.U8();
        const std::uint64_t size = script_.U16() * 4ull;
        return say(CellMessage::kOutputBegin,
                   CellOutput{input > 3 ? CellOutput::kNew : input, size, script_.Name()}.Encode());
      }
      case 3:
        return say(CellMessage::kOutputData, std::string(script_.U16(), 'y'));
      case 4:
        return say(CellMessage::kOutputEnd, WireWriter().U8(script_.U8()).payload());
      case 5: {
        HarvestSummary summary;
        summary.unchanged.assign(script_.U8() & 3, 0);
        if (const std::string name = script_.Bytes(); !name.empty()) summary.skipped = {name};
        return say(CellMessage::kSummary, summary.Encode());
      }
      case 6: {
        const bool input = script_.U8() % 2 == 0;
        return say(CellMessage::kFailed, CellFailure{input, script_.U8(), script_.Bytes()}.Encode());
      }
      default:
        return init->Listen();
    }
  }

  void InitSays() {
    const std::uint8_t which = script_.U8();
    if ((which & 8) != 0) return InitOfTools(which);
    const auto type = static_cast<CellMessage>(script_.U8());
    const std::string bytes = script_.Bytes();
    const auto init = Init(which);
    if (!init) return;
    const bool raw = (which & 4) != 0;
    init->Write(init->control, raw ? bytes : Message(type, bytes));
  }

  void InitOfTools(std::uint8_t which) {
    const std::uint32_t number = script_.U8();
    const std::string input = (which & 16) != 0 ? std::string(kMaxToolInput, 'z') : script_.Bytes();
    const auto init = Init(which);
    if (!init) return;
    const bool calls = (which & 4) != 0;
    init->Write(init->control, calls
                                   ? Message(CellMessage::kToolCall, CellToolCall{number, 1, input}.Encode())
                                   : Message(CellMessage::kToolWait, CellToolWait{number}.Encode()));
  }

  void InitActs() {
    const std::uint8_t which = script_.U8();
    const auto init = Init(which);
    if (!init) return;
    switch (which >> 2 & 7) {
      case 0:
        return init->Write(init->out, std::string(script_.U16(), 'o'));
      case 1:
        return init->Write(init->err, std::string(script_.U16(), 'e'));
      case 2:
        return init->out.reset();
      case 3:
        return init->err.reset();
      case 4:
        return init->control.reset();
      case 5:
        if (init->control) ::shutdown(init->control.get(), script_.U8() % 2 == 0 ? SHUT_RD : SHUT_WR);
        return;
      default:
        // A death takes the descriptors along.
        init->Signal(script_.U8() % 2 == 0 ? SIGKILL : SIGHUP);
        init->control.reset();
        init->out.reset();
        return init->err.reset();
    }
  }

  void MachineActs() {
    const std::uint8_t which = script_.U8();
    switch (which >> 2 & 3) {
      case 0:
        host_.failing_groups = which >> 4;
        return;
      case 1:
        host_.failing_starts = which >> 4;
        return;
      default:
        break;
    }
    const auto init = Init(which);
    if (!init) return;
    init->usage.cpu_us += script_.U32() * 100ull;
    init->busy = which >> 4 & 3;
    init->refuses_limits = (which & 64) != 0;
    if ((which & 128) == 0) return;
    init->usage.oom_kills += script_.U8() % 2;
    const std::uint64_t one = 1;
    Require(::write(init->oom.get(), &one, sizeof one) == sizeof one, "the event can be raised");
  }

  // -- the end
  // ------------------------------------------------------------------------------------------------

  void CancelEverything() {
    ReadAll();
    // A frame that was begun would swallow what comes next.
    if (!worker_.between_frames()) return;
    for (const std::uint32_t job : worker_.open_jobs()) ToJailer(FrameType::kCancel, job, "");
    Require(worker_.gone() || worker_.open_jobs().empty(), "a cancelled job ends at once");
  }

  void End() {
    worker_.HangUp();
    for (Settle(); loop_.FireNext(); Settle()) continue;
    Require(loop_.stopped(), "the jailer ends with its worker");
    Require(host_.inits().empty(), "no cell is left");
    Require(::waitpid(-1, nullptr, WNOHANG) < 0, "no process is left");
  }

  Script& script_;
  JailerSettings settings_;
  FuzzedWorker worker_;
  EventLoop loop_;
  FuzzedHost host_;
  Jailer jailer_;
};

// The lowest free descriptor is another one when something was left open.
int LowestFreeDescriptor() {
  const UniqueFd probe(::dup(STDERR_FILENO));
  return probe.get();
}

void Fuzz(Script script) {
  Streams streams;
  // The jailer waits for the greeting, so it is there before.
  const std::uint8_t how = Script(script).U8();
  const std::string hello = EncodeFrame(FrameType::kHello, 0, Story::Settings(how).Encode());
  Require(::send(streams.worker.get(), hello.data(), hello.size(), 0) > 0, "the greeting has room");
  Story(script, std::move(streams)).Tell();
}

}  // namespace
}  // namespace codeapi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int before = codeapi::LowestFreeDescriptor();
  codeapi::Fuzz(codeapi::Script(data, size));
  codeapi::Require(codeapi::LowestFreeDescriptor() == before, "no descriptor is left open");
  return 0;
}
