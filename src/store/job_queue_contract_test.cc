// Both queues keep the same promises.
#include "store/job_queue_contract.h"

#include <optional>

#include "net/redis_test_server.h"
#include "store/in_process_job_queue.h"
#include "store/redis_job_queue.h"

namespace codeapi::testing {
namespace {

class InProcessBackend {
 public:
  JobQueue& queue() { return *queue_; }
  void reset(std::size_t max_waiting) {
    queue_.emplace(InProcessJobQueueOptions{.max_waiting = max_waiting});
  }

 private:
  std::optional<InProcessJobQueue> queue_{InProcessJobQueueOptions{}};
};

class RedisBackend {
 public:
  RedisBackend() { reset(1000); }
  // Whatever was in the queue is gone with it.
  ~RedisBackend() {
    queue_.reset();
    // Marks that a job must not come in any more are meant to stay for a minute.
    EXPECT_EQ(server_.raw("EVAL \"local n = 0 for _, k in ipairs(redis.call('KEYS', '*job:*')) do "
                          "if redis.call('HGET', k, 'state') ~= 'x' then n = n + 1 end end return n\" 0"),
              ":0\r\n");
  }
  JobQueue& queue() { return *queue_; }
  void reset(std::size_t max_waiting) {
    queue_.reset();
    queue_ = *RedisJobQueue::Make(server_.options(), {.max_waiting = max_waiting});
  }

 private:
  RedisTestServer server_;
  std::unique_ptr<RedisJobQueue> queue_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(InProcess, JobQueueContract, InProcessBackend);
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, JobQueueContract, RedisBackend);

}  // namespace
}  // namespace codeapi::testing
