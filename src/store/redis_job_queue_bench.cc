// What the queue by itself carries: one process that submits and one that takes, with a real Redis between
// them and no work to do. The floor beside it is what the same connection carries when it only asks Redis to
// answer. Besides the rate each prints how much CPU a job costs here and in Redis, which a busy machine
// changes less.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio.hpp>

#include "net/redis_client.h"
#include "net/redis_test_server.h"
#include "store/redis_job_queue.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr int kJobs = 4000;  // of one iteration

// Microseconds of CPU that a process has used.
double CpuOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_ends = text.rfind(')');
  if (name_ends == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_ends + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) * 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

class CpuMeter {
 public:
  explicit CpuMeter(const RedisTestServer& redis)
      : redis_(redis.pid()), here_began_(CpuOf(::getpid())), redis_began_(CpuOf(redis_)) {}

  void report(benchmark::State& state) const {
    const auto jobs = static_cast<double>(state.iterations() * kJobs);
    state.SetItemsProcessed(state.iterations() * kJobs);
    state.counters["redis_us"] = (CpuOf(redis_) - redis_began_) / jobs;
    state.counters["here_us"] = (CpuOf(::getpid()) - here_began_) / jobs;
  }

 private:
  pid_t redis_;
  double here_began_, redis_began_;
};

awaitable<void> Ask(RedisClient& client, int& left, int& failed) {
  while (left > 0) {
    --left;
    if (!co_await client.Command({"PING"})) ++failed;
  }
}

void BM_Ping(benchmark::State& state) {
  const RedisTestServer redis;
  asio::io_context context;
  auto client = *RedisClient::Make(context.get_executor(), redis.options());
  auto work = asio::make_work_guard(context);
  std::thread thread([&] { context.run(); });
  const CpuMeter cpu(redis);
  for (auto _ : state) {
    int left = kJobs, failed = 0;
    asio::io_context askers;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      asio::co_spawn(askers, Ask(*client, left, failed), asio::detached);
    }
    askers.run();
    if (failed > 0) state.SkipWithError("Redis did not answer");
  }
  cpu.report(state);
  client->close();
  work.reset();
  thread.join();
}
BENCHMARK(BM_Ping)->Name("ping (floor)")->ArgName("at_once")->Arg(1)->Arg(64)->UseRealTime();

awaitable<void> SubmitJobs(JobQueue& queue, std::size_t payload, int number, int& left, int& failed) {
  while (left > 0) {
    const std::string id = "job-" + std::to_string(left--);
    const auto answer =
        co_await queue.submit({.id = id,
                               .tenant = "tenant-" + std::to_string(number % 16),
                               .payload = std::string(payload, 'p'),
                               .deadline = std::chrono::system_clock::now() + std::chrono::minutes(5)});
    if (!answer || *answer != id) ++failed;
  }
}

awaitable<void> TakeJobs(JobQueue& queue) {
  for (;;) {
    auto lease = co_await queue.take();
    if (!lease) co_return;
    co_await lease->complete(lease->job().id);
  }
}

// Arguments: how many submit at once, how many take at once, bytes of a payload.
void BM_Jobs(benchmark::State& state) {
  const RedisTestServer redis;
  const auto submitting = *RedisJobQueue::Make(redis.options());
  const auto taking = *RedisJobQueue::Make(redis.options());
  asio::io_context takers;
  for (std::int64_t i = 0; i < state.range(1); ++i) {
    asio::co_spawn(takers, TakeJobs(*taking), asio::detached);
  }
  std::thread thread([&] { takers.run(); });
  while (!submitting->connected() || !taking->connected()) std::this_thread::yield();
  const CpuMeter cpu(redis);
  for (auto _ : state) {
    int left = kJobs, failed = 0;
    asio::io_context submitters;
    for (int i = 0; i < state.range(0); ++i) {
      asio::co_spawn(submitters,
                     SubmitJobs(*submitting, static_cast<std::size_t>(state.range(2)), i, left, failed),
                     asio::detached);
    }
    submitters.run();
    if (failed > 0) state.SkipWithError("a job was answered wrongly");
  }
  cpu.report(state);
  taking->stop();
  thread.join();
}
BENCHMARK(BM_Jobs)
    ->Name("jobs")
    ->ArgNames({"submit", "take", "bytes"})
    ->Args({1, 1, 500})
    ->Args({16, 8, 500})
    ->Args({64, 32, 500})
    ->Args({256, 64, 500})
    ->Args({64, 32, 20'000})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace codeapi
