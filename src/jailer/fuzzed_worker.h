// The worker's end in the jailer's fuzz target (jailer_fuzz.cc): sends whatever the fuzzer wants, and holds
// all that the jailer says to what jailer.h and protocol.h promise. Nothing else includes this.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fuzzing.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "jailer/messages.h"
#include "jailer/protocol.h"

namespace codeapi {

class FuzzedWorker {
 public:
  FuzzedWorker(UniqueFd stream, HarvestRules rules) : stream_(std::move(stream)), rules_(std::move(rules)) {}

  /// Once the jailer has hung up.
  bool gone() const { return gone_; }
  /// Whether the next bytes that are sent begin a frame.
  bool between_frames() const { return sent_bytes_ == sent_frames_; }
  std::vector<std::uint32_t> open_jobs() const {
    std::vector<std::uint32_t> out;
    for (const auto& [id, job] : jobs_) out.push_back(id);
    return out;
  }
  /// Takes the jailer's answer to the greeting, and never blocks from then on.
  void Greeted() {
    std::array<char, 4096> buffer;
    const ssize_t n = ::recv(stream_.get(), buffer.data(), buffer.size(), 0);
    received_.Feed({buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))});
    const auto hello = received_.Next();
    Require(hello && hello->type == FrameType::kHello, "the jailer answers the greeting");
    ::fcntl(stream_.get(), F_SETFL, O_NONBLOCK);
  }
  void HangUp() { stream_.reset(); }

  /// Sends what there is room for; how much that was.
  std::size_t Send(std::string_view bytes) {
    const ssize_t n = gone_ ? -1 : ::send(stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return 0;
    // What the jailer makes of these bytes, whatever they were meant to be.
    sent_.Feed(bytes.substr(0, static_cast<std::size_t>(n)));
    sent_bytes_ += static_cast<std::size_t>(n);
    while (const auto frame = sent_.Next()) Sent(*frame);
    if (!sent_.error().empty()) may_hang_up_ = true;
    return static_cast<std::size_t>(n);
  }

  /// Takes everything that has arrived; how many bytes that was.
  std::size_t Read() {
    std::array<char, 65536> buffer;
    std::size_t all = 0;
    while (!gone_) {
      const ssize_t n = ::recv(stream_.get(), buffer.data(), buffer.size(), 0);
      if (n < 0 && errno == EAGAIN) break;
      if (n <= 0) {
        HungUp();
        break;
      }
      all += static_cast<std::size_t>(n);
      received_.Feed({buffer.data(), static_cast<std::size_t>(n)});
      while (const auto frame = received_.Next()) Received(*frame);
      Require(received_.error().empty(), "the jailer sends frames");
    }
    return all;
  }

  /// The jailer does not listen any more.
  void HungUp() {
    gone_ = true;
    Require(may_hang_up_, "the jailer hangs up on who broke the protocol only");
  }

 private:
  static constexpr std::int64_t kPipe = 1 << 20;  // the largest that an ordinary user's may be
  struct Job {
    // How far the jailer may go. It reads before it counts: one piece of each stream is beyond the credit,
    // and before a tool call all that is in the two pipes.
    std::int64_t allowance = std::int64_t{kInitialCredit} + 4 * kMaxDataPayload + kMaxToolInput + 2 * kPipe;
    std::uint64_t fed = 0, fed_with_headers = 0, credited = 0;
    std::uint64_t file_left = 0;
    std::uint32_t files = 0;
    bool in_file = false;
    std::uint32_t most_calls = 0, calls = 0, waits = 0, answers = 0;  // of tools
  };

  void Sent(const Frame& frame) {
    sent_frames_ += kFrameHeaderSize + frame.payload.size();
    if (frame.type == FrameType::kRun) {
      const auto [job, first] = jobs_.try_emplace(frame.job);
      const auto run = RunRequest::Decode(frame.payload);
      if (first && run) job->second.most_calls = run->tool_calls;
    }
    const auto it = jobs_.find(frame.job);
    if (it == jobs_.end()) return;
    Job& job = it->second;
    if (frame.type == FrameType::kCredit) job.allowance += DecodeCredit(frame.payload).value_or(0);
    if (frame.type == FrameType::kFileData || frame.type == FrameType::kToolResult)
      job.fed += frame.payload.size();
    if (frame.type == FrameType::kToolResult) ++job.answers;
    job.fed_with_headers += frame.payload.size() + sizeof(Frame);
    if (job.fed_with_headers > kInitialCredit + kMaxControlPayload) may_hang_up_ = true;
  }

  void Received(const Frame& frame) {
    const auto it = jobs_.find(frame.job);
    Require(it != jobs_.end(), "every frame is about a job that is under way");
    Job& job = it->second;
    if (TakesCredit(frame.type)) {
      job.allowance -= static_cast<std::int64_t>(frame.payload.size());
      Require(job.allowance >= 0, "no more data comes than there was credit for");
    }
    switch (frame.type) {
      case FrameType::kStdout:
      case FrameType::kStderr:
        return;
      case FrameType::kToolCall: {
        const auto call = CellToolCall::Decode(frame.payload);
        return Require(call && call->call == ++job.calls && call->call <= job.most_calls,
                       "calls are numbered and bounded");
      }
      case FrameType::kToolWait: {
        const auto wait = CellToolWait::Decode(frame.payload);
        return Require(wait && wait->answers < job.calls && ++job.waits <= job.calls + job.answers,
                       "a program waits for answers");
      }
      case FrameType::kCredit:
        job.credited += DecodeCredit(frame.payload).value_or(kMaxControlPayload);
        return Require(job.credited <= job.fed, "credit is for what was sent");
      case FrameType::kVerdict:
        Require(Verdict::Decode(frame.payload).has_value(), "a verdict can be read");
        return Ended(it);
      case FrameType::kError:
        Require(RunFailure::Decode(frame.payload).has_value(), "an error can be read");
        Require(frame.payload.size() < 4096, "an error is short");
        return Ended(it);
      default:
        return ReceivedFile(job, frame);
    }
  }
  void Ended(std::map<std::uint32_t, Job>::iterator it) { jobs_.erase(it); }

  void ReceivedFile(Job& job, const Frame& frame) {
    if (frame.type == FrameType::kFileBegin) {
      const auto output = RunOutput::Decode(frame.payload);
      Require(output.has_value() && !job.in_file, "an output is announced");
      Require(++job.files <= rules_.max_files && output->size <= rules_.max_file_size, "outputs are bounded");
      Require(WorkspaceNameProblem(output->name, rules_.max_path, rules_.max_depth).empty(),
              "an output's name is harmless");
      job.in_file = true;
      job.file_left = output->size;
      return;
    }
    Require(job.in_file, "only an announced output has bytes and an end");
    if (frame.type == FrameType::kFileData) {
      Require(frame.payload.size() <= job.file_left, "an output is no larger than announced");
      job.file_left -= frame.payload.size();
      return;
    }
    Require(frame.type == FrameType::kFileEnd, "the jailer sends what a jailer sends");
    Require(frame.payload == R"({"ok":false})" || (frame.payload == R"({"ok":true})" && job.file_left == 0),
            "an output that is called whole is whole");
    job.in_file = false;
  }

  UniqueFd stream_;
  HarvestRules rules_;
  FrameParser sent_, received_;
  std::size_t sent_bytes_ = 0, sent_frames_ = 0;  // the frames: whole ones only
  std::map<std::uint32_t, Job> jobs_;             // run, and not ended
  bool may_hang_up_ = false;                      // the protocol was broken by what was sent
  bool gone_ = false;
};

}  // namespace codeapi
