#include "manifest/text_seal.h"

#include <gtest/gtest.h>

#include "manifest/testing.h"

namespace codeapi {
namespace {

const TextSeal kSeal(testing::TestSigner(), testing::TestVerifier());

TEST(TextSeal, OpensItsOwn) {
  for (const std::string& text : {std::string("{}"), std::string(), std::string("a\0b", 3)}) {
    EXPECT_EQ(kSeal.Open("place", kSeal.Seal("place", text)), text);
  }
}

TEST(TextSeal, BindsPlaceTextAndKey) {
  const std::string sealed = kSeal.Seal("place", "text");
  EXPECT_FALSE(kSeal.Open("plac", sealed));
  EXPECT_FALSE(kSeal.Open("placetext", kSeal.Seal("place", "texttext"))) << "the parts are kept apart";
  EXPECT_FALSE(TextSeal(testing::TestSigner(), testing::TestVerifier(testing::kOtherManifestKey))
                   .Open("place", sealed));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(kSeal.Open("place", changed)) << i;
  }
  for (const std::string& none : {std::string(), std::string("text"), std::string(86, 'A') + " text"}) {
    EXPECT_FALSE(kSeal.Open("place", none));
  }
}

// What is kept must not pass for a manifest, nor a manifest for what is kept.
TEST(TextSeal, IsNoManifest) {
  const std::string json = *testing::TestManifest().ToJson();
  const std::string sealed = kSeal.Seal("place", json), token = testing::TestSigner().SignText(json);
  EXPECT_FALSE(testing::TestVerifier().Verify(token.substr(0, token.find('.') + 1) + sealed.substr(0, 86),
                                              testing::ManifestTime()));
  EXPECT_FALSE(kSeal.Open("place", token.substr(token.find('.') + 1) + " " + json));
}

}  // namespace
}  // namespace codeapi
