#include "app/queue_watch.h"

#include <bit>
#include <utility>

#include "app/process.h"

namespace codeapi {

namespace asio = boost::asio;

namespace {

constexpr auto kWhileAway = std::chrono::seconds(1);
constexpr auto kWhileThere = std::chrono::seconds(5);

}  // namespace

QueueWatch::QueueWatch(asio::any_io_executor executor, JobQueue& queue, std::function<void(bool)> changed)
    : queue_(queue),
      changed_(std::move(changed)),
      periodic_(std::move(executor), [this] { return Turn(); }) {}

asio::awaitable<bool> QueueWatch::Answers() {
  co_return (co_await queue_.depth()).has_value();
}

asio::awaitable<std::chrono::milliseconds> QueueWatch::Turn() {
  const auto depth = co_await queue_.depth();
  if (depth) {
    if (failures_ > 0) Say("the queue answers");
    failures_ = 0;
    if (!std::exchange(answers_, true)) changed_(true);
    co_return kWhileThere;
  }
  // After 1, 2, 4, 8… looks: often enough for whoever watches, seldom enough for a log.
  if (std::has_single_bit(static_cast<unsigned>(++failures_)))
    Say("waiting for the queue: " + depth.error().message);
  if (std::exchange(answers_, false)) changed_(false);
  co_return kWhileAway;
}

}  // namespace codeapi
