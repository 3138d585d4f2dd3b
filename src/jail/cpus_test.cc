#include "jail/cpus.h"

#include <gtest/gtest.h>
#include <sched.h>

#include "jail/testing.h"

namespace codeapi {
namespace {

using testing::Report;

std::string Text(const std::vector<std::uint32_t>& cpus) {
  std::string out;
  for (const std::uint32_t cpu : cpus) out += std::to_string(cpu) + " ";
  return out;
}

TEST(Cpus, AreAllThatTheKernelGivesThisProcess) {
  cpu_set_t set;
  ASSERT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  const auto cpus = UsableCpus();
  EXPECT_EQ(cpus.size(), static_cast<std::size_t>(CPU_COUNT(&set)));
  for (const std::uint32_t cpu : cpus) EXPECT_TRUE(CPU_ISSET(cpu, &set));
}

TEST(Cpus, BindingLeavesOnlyThese) {
  const std::uint32_t last = UsableCpus().back();
  EXPECT_EQ(testing::RunInChild([&](int out) {
              BindToCpus({last});
              Report(out, Text(UsableCpus()));
            }).output,
            Text({last}));
}

TEST(Cpus, BindingToNoneOrToWhatIsNotThereChangesNothing) {
  const auto before = UsableCpus();
  EXPECT_EQ(testing::RunInChild([](int out) {
              BindToCpus({});
              BindToCpus({CPU_SETSIZE - 1});
              BindToCpus({CPU_SETSIZE, 0xffffffff});
              Report(out, Text(UsableCpus()));
            }).output,
            Text(before));
}

}  // namespace
}  // namespace codeapi
