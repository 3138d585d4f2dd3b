// How far a build is, told to whoever waits for it.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace codeapi {

/// One part of a build and how much of the whole time it usually takes.
struct ProgressStep {
  std::string name;
  double weight;
};

/// Prints steps, percent and time left: on a terminal as one line that is rewritten, otherwise as plain
/// lines, a new one for each step and then not more often than every few seconds. Not thread-safe.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  using Write = std::function<void(std::string_view)>;

  Progress(std::vector<ProgressStep> steps, bool terminal, Write write,
           std::function<Clock::time_point()> now = Clock::now);

  /// The next step begins.
  void Step();
  /// How much of the current step is done, 0 to 1, and what it is at.
  void Update(double fraction, std::string_view detail = {});
  /// A line of its own, such as a warning.
  void Say(std::string_view line);
  /// Nothing follows.
  void Finish();

 private:
  void Print(std::string_view detail, bool always);
  std::string TimeLeft(double done) const;

  std::vector<ProgressStep> steps_;
  bool terminal_;
  Write write_;
  std::function<Clock::time_point()> now_;
  double total_ = 0, before_ = 0, fraction_ = 0;
  std::size_t next_ = 0;
  Clock::time_point begin_, printed_;
  bool line_open_ = false;
};

}  // namespace codeapi
