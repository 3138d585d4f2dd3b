// JobQueue for submitters and workers of many processes, over Redis.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "net/redis_options.h"
#include "store/job_queue.h"

namespace codeapi {

struct RedisJobQueueOptions {
  std::string prefix = "codeapi:";  ///< of all keys and channels
  std::string name;                 ///< taker(); unique among processes; empty: a fresh id
  std::size_t max_waiting = 1000;   ///< jobs no worker has taken yet, of all processes; one more is refused

  /// A process that has not been heard of for this long is taken for dead. It reports three times as often.
  std::chrono::milliseconds lease{15'000};
  int max_attempts = 2;  ///< how often a job is run before it is given up

  /// Largest payload and largest answer.
  std::size_t max_bytes = 64uz << 20;
};

/// See JobQueue. What Redis keeps outlives every process: a job whose worker dies is taken over, one whose
/// submitter dies is cancelled. While Redis is away submit() fails with kUnavailable at once; those that wait
/// go on waiting and have their answer when it is back, and complete() tries until the job's deadline and at
/// least for one lease. A lease that is lost, because this process was taken for dead, is cancelled, and its
/// complete() says kConflict. submit() also fails with kTooLarge, and with kUnavailable when Redis lost the
/// job or stays away for longer than a lease after its deadline.
///
/// It has one thread, one connection for commands and one for messages. Submitting and taking coroutines, and
/// leases, may outlive the queue; they end as after stop(), and leases can no longer be completed.
class RedisJobQueue final : public JobQueue {
 public:
  /// Begins to connect; does not wait for it. kInvalid for certificates that cannot be read.
  static Result<std::unique_ptr<RedisJobQueue>> Make(RedisOptions redis, RedisJobQueueOptions options = {});

  /// Stops, hands everything that is still held to other processes and waits until that is done, or Redis
  /// away.
  ~RedisJobQueue() override;

  boost::asio::awaitable<Result<std::string>> submit(JobSpec spec) override;
  boost::asio::awaitable<Result<Lease>> take() override;
  void stop() override;
  std::string taker() const override;
  boost::asio::awaitable<Result<std::size_t>> depth() override;
  boost::asio::awaitable<Result<QueueStats>> stats() override;

  /// Whether Redis can be reached now.
  bool connected() const;

  struct Core;  ///< private to the .cc files

 private:
  explicit RedisJobQueue(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace codeapi
