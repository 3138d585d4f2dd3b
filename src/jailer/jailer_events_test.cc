// What jailer_fuzz.cc has found, as tests: orders of events that real inits do not give.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <string>

#include "jail/cell_wire.h"
#include "jailer/fuzzed_host.h"
#include "jailer/fuzzed_worker.h"
#include "jailer/jailer.h"

namespace codeapi {
namespace {

class JailerEventsTest : public ::testing::Test {
 protected:
  JailerEventsTest() {
    int fds[2];
    Require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "there is a socket");
    worker_.emplace(UniqueFd(fds[0]), HarvestRules{});
    jailer_.emplace(UniqueFd(fds[1]), host_, loop_);
    worker_->Send(EncodeFrame(FrameType::kHello, 0, JailerSettings{}.Encode()));
    Require(jailer_->Start(), "the jailer starts");
    worker_->Greeted();
  }
  // No process may be left to the next test.
  ~JailerEventsTest() override {
    worker_->HangUp();
    for (Settle(); loop_.FireNext(); Settle()) continue;
  }

  void Settle() {
    do loop_.RunReady();
    while (std::ranges::count_if(host_.inits(), [](const auto& init) { return init->AwaitEnd(); }) > 0);
  }
  void ToJailer(FrameType type, std::uint32_t job, std::string_view payload) {
    const std::string frame = EncodeFrame(type, job, payload);
    ASSERT_EQ(worker_->Send(frame), frame.size());
    Settle();
  }

  EventLoop loop_;
  FuzzedHost host_;
  std::optional<FuzzedWorker> worker_;
  std::optional<Jailer> jailer_;
};

// ThreadSanitizer cannot follow processes that share memory; nothing here has threads.
#if !__has_feature(thread_sanitizer)

TEST_F(JailerEventsTest, AnInitThatStopsListeningKeepsNobodyBusy) {
  RunRequest run;
  run.runtime = "bash";
  run.source_name = "script.sh";
  run.files = 1;
  ToJailer(FrameType::kRun, 1, run.Encode());
  FuzzedInit& init = *host_.inits().at(0);
  std::string ready = WireWriter().U32(4 * kSetupSteps).payload();
  ready.push_back(static_cast<char>(CellMessage::kReady));
  init.Write(init.control, ready + std::string(4 * kSetupSteps, '\0'));
  Settle();
  ToJailer(FrameType::kFileBegin, 1, RunFile{CellFileKind::kSource, "script.sh", 0, false}.Encode());
  // More than fits into the stream to init, so that the jailer waits for room there.
  for (int i = 0; i < 12; ++i) ToJailer(FrameType::kFileData, 1, std::string(kMaxDataPayload, 'x'));
  ASSERT_EQ(::shutdown(init.control.get(), SHUT_RD), 0);
  // Ends once nothing is ready; it did not, since the stream stays writable and takes nothing.
  Settle();
  ToJailer(FrameType::kCancel, 1, "");
  worker_->Read();
  EXPECT_TRUE(worker_->open_jobs().empty());
}

#endif

}  // namespace
}  // namespace codeapi
