#include "manifest/signed_manifest.h"

#include <gtest/gtest.h>

#include <string>

#include <boost/json.hpp>

#include "base/base64url.h"
#include "manifest/canonical_json.h"
#include "manifest/testing.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using testing::ManifestTime;
using testing::TestManifest;
using testing::TestSigner;
using testing::TestVerifier;
using Reason = ManifestProblem::Reason;

std::string Token() {
  return *TestSigner().Sign(TestManifest());
}

std::string Verdict(std::string_view token, std::int64_t later = 0,
                    const ManifestVerifier& verifier = TestVerifier()) {
  const auto claims = verifier.Verify(token, ManifestTime(later));
  return claims ? "valid" : ReasonName(claims.error().reason) + (": " + claims.error().message);
}

constexpr char kForged[] = "invalid_signature: Execution manifest signature is invalid";

TEST(SignedManifest, IsTheClaimsThatWereSigned) {
  const auto claims = TestVerifier().Verify(Token(), ManifestTime());
  ASSERT_TRUE(claims);
  EXPECT_EQ(*claims, TestManifest());
}

// RFC 8032, section 7.1, test 3.
TEST(SignedManifest, SignsAsTheRfcDoes) {
  const auto signer =
      ManifestSigner::FromText("MC4CAQAwBQYDK2VwBCIEIMWqjfQ/n4N77bdELzHct7Fm04U1B28JS4XOOi4LRFj3");
  ASSERT_TRUE(signer) << signer.error().message;
  EXPECT_EQ(signer->SignText("\xaf\x82"),
            "r4I.YpHWV97sJAJIJ-acOr4BowzlSKKEdDpEXjaA19taw6wY_5tTjRbykK5n92CYTcZZSnwV6XFu0o3AJ77O6h7ECg");
}

TEST(SignedManifest, EveryByteCounts) {
  const std::string token = Token();
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(Verdict(changed), "valid") << i;
  }
}

TEST(SignedManifest, EveryClaimIsUnderTheSignature) {
  const std::string token = Token();
  const std::string signature = token.substr(token.find('.'));
  const json::object claims = json::parse(*TestManifest().ToJson()).as_object();
  for (const auto& claim : claims) {
    json::object changed = claims;
    json::value& value = changed[claim.key()];
    if (value.is_string()) {
      std::string text(value.get_string());
      if (text.empty()) text = ContentDigest::Of("");
      text[0] = text[0] == 'x' ? 'y' : 'x';
      value = text;
    } else if (value.is_bool()) {
      value = !value.get_bool();
    } else if (value.is_array()) {
      value.get_array().pop_back();
    } else {
      value = value.to_number<std::int64_t>() + 1;
    }
    EXPECT_EQ(Verdict(EncodeBase64Url(*CanonicalJson(changed)) + signature), kForged) << claim.key();
  }
}

TEST(SignedManifest, AnotherKeyIsNotTaken) {
  EXPECT_EQ(Verdict(*TestSigner(testing::kOtherManifestKey).Sign(TestManifest())), kForged);
}

TEST(SignedManifest, TwoKeysAreTakenWhileOneReplacesTheOther) {
  const std::string mine = TestSigner().PublicKey(),
                    next = TestSigner(testing::kOtherManifestKey).PublicKey();
  for (const std::string& keys : {mine + "," + next, next + ", " + mine}) {
    const auto both = ManifestVerifier::FromText(keys);
    ASSERT_TRUE(both) << both.error().message;
    EXPECT_EQ(Verdict(Token(), 0, *both), "valid");
    EXPECT_EQ(Verdict(*TestSigner(testing::kOtherManifestKey).Sign(TestManifest()), 0, *both), "valid");
  }
  EXPECT_FALSE(ManifestVerifier::FromText(mine + "," + next + "," + mine));
  EXPECT_FALSE(ManifestVerifier::FromText(mine + ","));
  EXPECT_FALSE(ManifestVerifier::FromText(""));
}

TEST(SignedManifest, PartsCannotBeMixed) {
  ExecutionManifest other = TestManifest();
  other.round = 2;
  const std::string one = Token(), two = *TestSigner().Sign(other);
  const std::size_t dot = one.find('.'), dot2 = two.find('.');
  EXPECT_EQ(Verdict(one.substr(0, dot) + two.substr(dot2)), kForged);
  EXPECT_EQ(Verdict(one.substr(dot + 1) + "." + one.substr(0, dot)), kForged) << "the parts swapped";
}

TEST(SignedManifest, HasTwoPartsOfBase64Url) {
  const std::string token = Token();
  const std::size_t dot = token.find('.');
  EXPECT_EQ(Verdict(""), "malformed: Execution manifest token is malformed");
  EXPECT_EQ(Verdict(token.substr(0, dot)), "malformed: Execution manifest token is malformed");
  EXPECT_EQ(Verdict(token + "." + token), "malformed: Execution manifest token is malformed");
  EXPECT_EQ(Verdict(token + "."), "malformed: Execution manifest token is malformed");
  EXPECT_EQ(Verdict(token + "="), "malformed: Execution manifest is not valid base64url");
  EXPECT_EQ(Verdict(token + "AAAA"), kForged) << "trailing bytes";
  EXPECT_EQ(Verdict(token + "\n"), "malformed: Execution manifest is not valid base64url");
  EXPECT_EQ(Verdict(token.substr(0, dot + 1)), kForged) << "no signature";
  EXPECT_EQ(Verdict("."), kForged);
  EXPECT_EQ(Verdict(std::string(kMaxManifestToken + 1, 'A')), "malformed: Execution manifest is too large");
}

// What a token says of algorithms is claims like others, and not known.
TEST(SignedManifest, ChoosesNoAlgorithmByWhatATokenSays) {
  const std::string text = *TestManifest().ToJson();
  const std::string with = R"({"alg":"none",)" + text.substr(1);
  EXPECT_EQ(Verdict(TestSigner().SignText(with)),
            "malformed: Execution manifest has a claim that is not known");
  EXPECT_EQ(Verdict(EncodeBase64Url(with) + "."), kForged);
  // A MAC under the public key, as implementations fell for that let a token choose.
  EXPECT_EQ(Verdict(EncodeBase64Url(text) + "." + ContentDigest::Of(TestSigner().PublicKey() + text)),
            kForged);
}

TEST(SignedManifest, HoldsWhoSignsToTheFormToo) {
  const std::string text = *TestManifest().ToJson();
  EXPECT_EQ(Verdict(TestSigner().SignText(text)), "valid");
  EXPECT_EQ(Verdict(TestSigner().SignText(text + " ")),
            "malformed: Execution manifest payload is not canonical");
  EXPECT_EQ(Verdict(TestSigner().SignText("{}")), "malformed: Execution manifest v is invalid");
  EXPECT_EQ(Verdict(TestSigner().SignText("")), "malformed: Execution manifest payload is not valid JSON");
}

TEST(SignedManifest, IsGoodForItsTimeAndAHalfMinuteAround) {
  const std::string expired = "expired: Execution manifest is expired";
  const std::string early = "not_yet_valid: Execution manifest is not valid yet";
  EXPECT_EQ(Verdict(Token(), -30), "valid");
  EXPECT_EQ(Verdict(Token(), -31), early);
  EXPECT_EQ(Verdict(Token(), 360 + 29), "valid");
  EXPECT_EQ(Verdict(Token(), 360 + 30), expired);
  EXPECT_EQ(Verdict(Token(), 1'000'000), expired);
}

TEST(ManifestKeys, ArePemOrBase64) {
  const auto pair = ManifestKeyPair::Make();
  ASSERT_TRUE(pair);
  std::string one_line = pair->private_pem;
  for (std::size_t at; (at = one_line.find('\n')) != std::string::npos;) one_line.replace(at, 1, "\\n");
  for (const std::string& text :
       {pair->private_pem, pair->private_base64, one_line, pair->private_base64 + "\n"}) {
    const auto signer = ManifestSigner::FromText(text);
    ASSERT_TRUE(signer) << signer.error().message << text;
    EXPECT_EQ(signer->PublicKey(), pair->public_base64);
    for (const std::string& key : {pair->public_pem, pair->public_base64}) {
      const auto verifier = ManifestVerifier::FromText(key);
      ASSERT_TRUE(verifier) << verifier.error().message;
      EXPECT_EQ(Verdict(*signer->Sign(TestManifest()), 0, *verifier), "valid");
    }
  }
  EXPECT_NE(ManifestKeyPair::Make()->private_base64, pair->private_base64);
}

TEST(ManifestKeys, OneIsNotTakenForTheOther) {
  const auto pair = ManifestKeyPair::Make();
  const auto verifier = [](const std::string& text) {
    return ManifestVerifier::FromText(text).error().message;
  };
  EXPECT_EQ(verifier(pair->private_pem), "is a private key; only the public one belongs here");
  EXPECT_EQ(verifier(pair->private_base64), "is a private key; only the public one belongs here");
  EXPECT_EQ(ManifestSigner::FromText(pair->public_pem).error().message,
            "is a public key; the private one belongs here");
  EXPECT_FALSE(ManifestSigner::FromText(pair->public_base64));
}

TEST(ManifestKeys, OthersAreRefused) {
  // X25519: of the same size, but not for signatures.
  EXPECT_EQ(ManifestVerifier::FromText("MCowBQYDK2VuAyEAAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
                .error()
                .message,
            "is not an Ed25519 key");
  const std::string good = TestSigner().PublicKey();
  for (const std::string& bad :
       {std::string("not a key"), good.substr(4), good + "AAAA", std::string(5000, 'A'),
        std::string("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), std::string("====")}) {
    EXPECT_FALSE(ManifestVerifier::FromText(bad)) << bad;
    EXPECT_FALSE(ManifestSigner::FromText(bad)) << bad;
  }
}

}  // namespace
}  // namespace codeapi
