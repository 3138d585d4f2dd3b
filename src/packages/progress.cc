#include "packages/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace codeapi {
namespace {

constexpr auto kTerminalPause = std::chrono::milliseconds(200);
constexpr auto kPlainPause = std::chrono::seconds(5);
constexpr int kBarWidth = 24;
constexpr std::size_t kDetailWidth = 32;
constexpr double kEnoughToGuess = 0.04;

}  // namespace

Progress::Progress(std::vector<ProgressStep> steps, bool terminal, Write write,
                   std::function<Clock::time_point()> now)
    : steps_(std::move(steps)), terminal_(terminal), write_(std::move(write)), now_(std::move(now)) {
  for (const ProgressStep& step : steps_) total_ += step.weight;
  begin_ = printed_ = now_();
}

void Progress::Step() {
  if (next_ > 0) before_ += steps_[next_ - 1].weight;
  next_ = std::min(next_ + 1, steps_.size());
  fraction_ = 0;
  Print("", true);
}

void Progress::Update(double fraction, std::string_view detail) {
  fraction_ = std::clamp(fraction, fraction_, 1.0);
  Print(detail, false);
}

void Progress::Say(std::string_view line) {
  if (line_open_) write_("\r\033[K");
  line_open_ = false;
  write_(fmt::format("package-init: {}\n", line));
}

void Progress::Finish() {
  if (line_open_) write_("\r\033[K");
  line_open_ = false;
}

std::string Progress::TimeLeft(double done) const {
  if (done < kEnoughToGuess) return "";
  const double elapsed = std::chrono::duration<double>(now_() - begin_).count();
  const long left = std::lround(elapsed * (1 - done) / done);
  return fmt::format(", about {}:{:02} left", left / 60, left % 60);
}

void Progress::Print(std::string_view detail, bool always) {
  if (next_ == 0) return;
  const auto now = now_();
  if (!always &&
      now - printed_ < (terminal_ ? Clock::duration(kTerminalPause) : Clock::duration(kPlainPause)))
    return;
  printed_ = now;
  const ProgressStep& step = steps_[next_ - 1];
  const double done = (before_ + step.weight * fraction_) / total_;
  const int percent = static_cast<int>(done * 100);
  if (!terminal_) {
    write_(fmt::format("package-init: [{}/{}] {}: {}%{}\n", next_, steps_.size(), step.name, percent,
                       TimeLeft(done)));
    return;
  }
  const int full = static_cast<int>(done * kBarWidth);
  write_(fmt::format("\r\033[K[{:#<{}}{:.<{}}] {:3}% {}{} {}", "", full, "", kBarWidth - full, percent,
                     step.name, TimeLeft(done), detail.substr(0, kDetailWidth)));
  line_open_ = true;
}

}  // namespace codeapi
