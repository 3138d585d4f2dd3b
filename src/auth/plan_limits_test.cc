#include "auth/plan_limits.h"

#include <gtest/gtest.h>

#include "auth/testing.h"

namespace codeapi {
namespace {

class PlanLimitsTest : public ::testing::Test {
 protected:
  Result<PlanLimits> Parse(const std::string& text) {
    settings_.plan_limits = text;
    return PlanLimits::Parse(settings_, log_);
  }
  static std::string Show(const Plan& plan) {
    return std::to_string(plan.run_memory_limit) + " " + std::to_string(plan.max_file_size);
  }

  PlanLimitsTest() {
    settings_.run_memory_limit = 256 << 20;
    settings_.max_upload_size = 1000;
  }
  Settings settings_;
  testing::EventLog log_;
};

TEST_F(PlanLimitsTest, WithoutPlansEveryoneHasTheDefaults) {
  for (const char* text : {"", "{}"}) {
    const auto limits = Parse(text);
    ASSERT_TRUE(limits) << limits.error().message;
    EXPECT_EQ(Show(limits->For("")), "268435456 1000");
    EXPECT_EQ(Show(limits->For("gold")), "268435456 1000");
  }
}

TEST_F(PlanLimitsTest, WhatAPlanDoesNotSayIsTheDefault) {
  const auto limits = Parse(R"({"gold":{"run_memory_limit":1073741824,"max_file_size":5e7},
                                "small":{"max_file_size":10},"big":{"run_memory_limit":536870912},"same":{}})");
  ASSERT_TRUE(limits) << limits.error().message;
  EXPECT_EQ(Show(limits->For("gold")), "1073741824 50000000");
  EXPECT_EQ(Show(limits->For("small")), "268435456 10");
  EXPECT_EQ(Show(limits->For("big")), "536870912 1000");
  EXPECT_EQ(Show(limits->For("same")), "268435456 1000");
  EXPECT_EQ(Show(limits->For("Gold")), "268435456 1000");
  EXPECT_EQ(log_.text(), "");
}

TEST_F(PlanLimitsTest, TheDefaultIsNotForThisSettingToChange) {
  const auto limits = Parse(R"({"default":{"max_file_size":7}})");
  ASSERT_TRUE(limits);
  EXPECT_EQ(Show(limits->For("default")), "268435456 1000");
  EXPECT_TRUE(log_.Has("warning: limits of the plan called default ignored"));
}

TEST_F(PlanLimitsTest, UnknownLimitsAreToldOf) {
  ASSERT_TRUE(Parse(R"({"gold":{"max_file_sise":7}})"));
  EXPECT_TRUE(log_.Has("limit=max_file_sise"));
}

TEST_F(PlanLimitsTest, WhatCannotBeUsedIsNamed) {
  for (const char* text :
       {"x", "[]", "null", "{\"a\":1}", "{\"a\":null}", "{\"\":{}}", R"({"a":{},"a":{}})",
        R"({"a":{"max_file_size":"10mb"}})", R"({"a":{"max_file_size":0}})", R"({"a":{"max_file_size":-1}})",
        R"({"a":{"max_file_size":1.5}})", R"({"a":{"max_file_size":1e300}})",
        R"({"a":{"max_file_size":1099511627777}})", R"({"a":{"max_file_size":18446744073709551615}})",
        R"({"a":{"max_file_size":null}})", R"({"a":{"run_memory_limit":1048576}})",
        R"({"a":{"run_memory_limit":true}})"}) {
    const auto limits = Parse(text);
    ASSERT_FALSE(limits) << text;
    EXPECT_EQ(limits.error().message.find("CODEAPI_PLAN_LIMITS: "), 0u) << limits.error().message;
  }
}

}  // namespace
}  // namespace codeapi
