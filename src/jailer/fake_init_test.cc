// The test program as a cell's init: the jailer's tests start it in place of codeapi-init, and it misbehaves
// as the settings say. It runs before main(), as PID 1 of a cell, where nothing of GoogleTest belongs.

#include <linux/prctl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "jail/init.h"
#include "jail/init_channel.h"
#include "jailer/jailer_fixture.h"

namespace codeapi {
namespace {

class FakeInit {
 public:
  [[noreturn]] void Run();

 private:
  using Behaviour = InitBehaviour;

  void BeforeReady();
  void BeforeGo();
  void Compile();
  void Program();
  void Tools();
  void Harvest();

  void Ready() {
    WireWriter timings;
    for (std::size_t i = 0; i < kSetupSteps; ++i) timings.U32(1);
    channel_.Send(CellMessage::kReady, timings.payload());
  }
  void Begin(const std::string& name, std::uint64_t size) {
    channel_.Send(CellMessage::kOutputBegin, CellOutput{CellOutput::kNew, size, name}.Encode());
  }
  void Data(const std::string& bytes) { channel_.Send(CellMessage::kOutputData, bytes); }
  void End() { channel_.Send(CellMessage::kOutputEnd, WireWriter().U8(1).payload()); }
  // Takes what comes until it is killed.
  [[noreturn]] void Listen() {
    while (channel_.Receive()) continue;
    ::_exit(0);
  }

  InitChannel channel_{kInitControlFd};
  Behaviour behaviour_{};
  HarvestSummary summary_;
};

void FakeInit::Run() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  const auto first = channel_.Receive();
  const auto setup = first ? CellSetup::Decode(first->payload) : std::nullopt;
  if (!setup) ::_exit(1);
  behaviour_ = static_cast<Behaviour>(setup->workspace_inodes);
  BeforeReady();
  Ready();
  BeforeGo();
  while (auto message = channel_.Receive()) {
    if (message->type == CellMessage::kGo) break;
  }
  Compile();
  Tools();
  Program();
  Harvest();
  channel_.Send(CellMessage::kSummary, summary_.Encode());
  Listen();
}

void FakeInit::BeforeReady() {
  switch (behaviour_) {
    case Behaviour::kSilent:
      Listen();
    case Behaviour::kQuits:
      ::_exit(7);
    case Behaviour::kAnnouncesTooMuch: {
      char header[kCellHeaderSize];
      std::memset(header, 0xff, sizeof header);
      if (::write(kInitControlFd, header, sizeof header) < 0) ::_exit(1);
      Listen();
    }
    case Behaviour::kBadReady:
      channel_.Send(CellMessage::kReady, "abc");
      Listen();
    default:
      return;
  }
}

void FakeInit::BeforeGo() {
  switch (behaviour_) {
    case Behaviour::kFailsLoudly: {
      std::string noise(1 << 20, '\x01');
      noise[100] = '\xff';
      // After the job has come, or the message would be about no job.
      channel_.Receive();
      channel_.Send(CellMessage::kFailed, CellFailure{true, EINVAL, noise}.Encode());
      Listen();
    }
    case Behaviour::kReadyTwice:
      return Ready();
    case Behaviour::kExitsTooEarly:
      channel_.Receive();
      channel_.Send(CellMessage::kExited, CellExit{}.Encode());
      Listen();
    case Behaviour::kUnknownMessage:
      channel_.Receive();
      channel_.Send(static_cast<CellMessage>(200), "x");
      Listen();
    default:
      return;
  }
}

void FakeInit::Compile() {
  const std::string compiled = CellExit{0, 7000, 6000, 4096}.Encode();
  switch (behaviour_) {
    case Behaviour::kCompiles: {
      channel_.Send(CellMessage::kCompiled, compiled);
      const auto answer = channel_.Receive();
      if (!answer || answer->type != CellMessage::kGo) Listen();
      return;
    }
    case Behaviour::kCompilesTwice:
      channel_.Send(CellMessage::kCompiled, compiled);
      channel_.Receive();
      [[fallthrough]];
    case Behaviour::kCompilesUnasked:
      channel_.Send(CellMessage::kCompiled, compiled);
      Listen();
    case Behaviour::kBadCompiled:
      channel_.Send(CellMessage::kCompiled, "abc");
      Listen();
    default:
      return;
  }
}

void FakeInit::Tools() {
  const auto call = [&](std::uint32_t number, std::uint32_t tool = 3, std::size_t size = 2) {
    channel_.Send(CellMessage::kToolCall, CellToolCall{number, tool, std::string(size, 'x')}.Encode());
  };
  const auto wait = [&](std::uint32_t answers) {
    channel_.Send(CellMessage::kToolWait, CellToolWait{answers}.Encode());
  };
  const auto print = [&](std::string_view text) {
    if (::write(kInitStdoutFd, text.data(), text.size()) < 0) ::_exit(1);
  };
  // The whole answer to a call.
  const auto answer = [&] {
    std::string out;
    while (const auto message = channel_.Receive()) {
      const auto part = CellToolResult::Decode(message->payload);
      if (message->type != CellMessage::kToolResult || !part) Listen();
      out += part->bytes;
      if (part->last) return out + part->kind;
    }
    Listen();
  };
  switch (behaviour_) {
    case Behaviour::kCallsATool:
      print("before");
      call(1);
      wait(0);
      return print(answer());
    case Behaviour::kWaitsTooEarly: {
      call(1);
      call(2);
      wait(0);
      const std::string first = answer();
      call(3);
      wait(0);  // as if it had been sent before that answer came
      wait(1);
      return print(first + answer() + answer());
    }
    case Behaviour::kSkipsACall:
      call(2);
      Listen();
    case Behaviour::kCallsTooOften:
      for (std::uint32_t number = 1; number <= 6; ++number) call(number);
      Listen();
    case Behaviour::kCallsNoTool:
      call(1, kMaxTools);
      Listen();
    case Behaviour::kInputTooLarge:
      call(1, 0, kMaxToolInput + 1);
      Listen();
    case Behaviour::kBadCall:
      channel_.Send(CellMessage::kToolCall, "abc");
      Listen();
    case Behaviour::kBadWait:
      call(1);
      channel_.Send(CellMessage::kToolWait, "abc");
      Listen();
    case Behaviour::kWaitsForNothing:
      wait(0);
      Listen();
    case Behaviour::kWaitsTwice:
      call(1);
      wait(0);
      wait(0);
      Listen();
    case Behaviour::kWaitsWithAnswersThatNobodyGave:
      call(1);
      call(2);
      wait(1);
      Listen();
    default:
      return;
  }
}

void FakeInit::Program() {
  const std::string hello = behaviour_ == Behaviour::kPrintsALot ? std::string(3 << 20, 'x') : "hello";
  for (std::size_t sent = 0; sent < hello.size();) {
    const ssize_t n = ::write(kInitStdoutFd, hello.data() + sent, hello.size() - sent);
    if (n <= 0) ::_exit(1);
    sent += static_cast<std::size_t>(n);
  }
  if (behaviour_ == Behaviour::kHarvestsBeforeTheExit) {
    Begin("a.txt", 1);
    Listen();
  }
  if (behaviour_ == Behaviour::kBadExit) {
    channel_.Send(CellMessage::kExited, "abc");
    Listen();
  }
  ::close(kInitStdoutFd);
  ::close(kInitStderrFd);
  channel_.Send(CellMessage::kExited, CellExit{3 << 8, 1000, 500, 4096}.Encode());
}

void FakeInit::Harvest() {
  switch (behaviour_) {
    case Behaviour::kWellBehaved:
      Begin("a.txt", 3);
      Data("abc");
      End();
      summary_.unchanged = {0};
      return;
    case Behaviour::kEvilName:
      return Begin("../a.txt", 1);
    case Behaviour::kOutputTooLarge:
      return Begin("a.txt", 1001);
    case Behaviour::kTooManyOutputs:
      for (const char* name : {"a.txt", "b.txt", "c.txt"}) {
        Begin(name, 0);
        End();
      }
      return;
    case Behaviour::kMoreThanAnnounced:
      Begin("a.txt", 3);
      Data("ab");
      return Data("cd");
    case Behaviour::kDataWithoutOutput:
      return Data("abc");
    case Behaviour::kEndWithoutOutput:
      return End();
    case Behaviour::kNestedOutputs:
      Begin("a.txt", 3);
      return Begin("b.txt", 3);
    case Behaviour::kLessThanAnnounced:
      Begin("a.txt", 3);
      Data("ab");
      return End();
    case Behaviour::kSummaryInAnOutput:
      return Begin("a.txt", 3);
    case Behaviour::kSummaryThatIsNoText:
      summary_.skipped = {"\xff"};
      return;
    case Behaviour::kSummaryOfMoreThanThereWas:
      summary_.unchanged.assign(1'000'000, 4'000'000'000);
      return;
    case Behaviour::kQuitsInTheHarvest:
      ::_exit(9);
    default:
      return;
  }
}

__attribute__((constructor)) void BecomeInitIfStartedAsOne(int, char** argv, char**) {
  if (::getpid() == 1 && std::strcmp(argv[0], "init") == 0) FakeInit().Run();
}

}  // namespace
}  // namespace codeapi
