#include "worker/pool_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace codeapi {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PoolState State(const std::string& runtime, std::uint32_t ready, std::uint64_t hits, std::uint64_t misses) {
  return {runtime, ready, 1, 3, ready * 1000ull, hits, misses};
}

TEST(PoolMetricsTest, ShowsWhatThereIs) {
  Metrics metrics;
  PoolMetrics pool(metrics);
  pool.Observe({State("node", 2, 5, 1), State(PoolState::kPlain, 4, 0, 0)});
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("codeapi_warm_cells{runtime=\"node\",state=\"ready\"} 2"));
  EXPECT_THAT(text, HasSubstr("codeapi_warm_cells{runtime=\"node\",state=\"starting\"} 1"));
  EXPECT_THAT(text, HasSubstr("codeapi_warm_cells{runtime=\"node\",state=\"target\"} 3"));
  EXPECT_THAT(text, HasSubstr("codeapi_warm_cells{runtime=\"plain\",state=\"ready\"} 4"));
  EXPECT_THAT(text, HasSubstr("codeapi_warm_memory_bytes{runtime=\"node\"} 2000"));
  EXPECT_THAT(text, Not(HasSubstr("codeapi_warm_memory_bytes{runtime=\"plain\"}")));
  EXPECT_THAT(text, HasSubstr("codeapi_warm_requests_total{result=\"hit\",runtime=\"node\"} 5"));
}

TEST(PoolMetricsTest, CountersGoOnWhenTheJailerIsAnotherOne) {
  Metrics metrics;
  PoolMetrics pool(metrics);
  pool.Observe({State("node", 2, 5, 1)});
  pool.Observe({State("node", 2, 7, 1)});
  pool.Observe({});
  EXPECT_THAT(metrics.text(), HasSubstr("codeapi_warm_cells{runtime=\"node\",state=\"ready\"} 0"));
  pool.Observe({State("node", 1, 3, 2)});
  EXPECT_THAT(metrics.text(), HasSubstr("codeapi_warm_requests_total{result=\"hit\",runtime=\"node\"} 10"));
  EXPECT_THAT(metrics.text(), HasSubstr("codeapi_warm_requests_total{result=\"miss\",runtime=\"node\"} 3"));
}

TEST(PoolMetricsTest, LabelsAreOfAFixedSet) {
  Metrics metrics;
  PoolMetrics pool(metrics);
  pool.Observe({State("nobody knows", 1, 0, 0)});
  EXPECT_THAT(metrics.text(), HasSubstr("runtime=\"other\""));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("nobody")));
}

}  // namespace
}  // namespace codeapi
