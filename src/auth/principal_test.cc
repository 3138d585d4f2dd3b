#include "auth/principal.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

const Principal kCaller{"acme", "u1"};

TEST(SessionKey, OfAUserIsTheCallersWhateverIdTheClientSends) {
  EXPECT_EQ(*SessionKey(kCaller, {"user", "someone-else", {}}), "acme:user:u1");
  EXPECT_EQ(*SessionKey(kCaller, {"user", "", {}}), "acme:user:u1");
}

TEST(SessionKey, OfAgentsAndSkillsNamesThem) {
  EXPECT_EQ(*SessionKey(kCaller, {"agent", "a-1", {}}), "acme:agent:a-1");
  EXPECT_EQ(*SessionKey(kCaller, {"skill", "s", 3}), "acme:skill:s:v:3");
}

TEST(SessionKey, NeedsTheVersionExactlyForSkills) {
  EXPECT_FALSE(SessionKey(kCaller, {"skill", "s", {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"agent", "a", 1}));
  EXPECT_FALSE(SessionKey(kCaller, {"user", "u", 1}));
}

TEST(SessionKey, AnIdCannotSpellAnotherOwner) {
  EXPECT_FALSE(SessionKey(kCaller, {"agent", "x:user:u2", {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"skill", "s:v:1", 2}));
  EXPECT_FALSE(SessionKey(kCaller, {"agent", "", {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"agent", std::string(257, 'a'), {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"group", "g", {}}));
}

}  // namespace
}  // namespace codeapi
