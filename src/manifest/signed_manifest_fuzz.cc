// Fuzzes what whoever writes to the queue, or a hostile worker, can send as a manifest, and what an operator
// can give as a key. Signatures cannot be guessed, so besides taking the input as a token and as a job this
// signs what the input says: then the rules for claims are reached.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "base/fuzzing.h"
#include "manifest/answer_mac.h"
#include "manifest/canonical_json.h"
#include "manifest/signed_job.h"
#include "manifest/signed_manifest.h"
#include "manifest/testing.h"

namespace codeapi {
namespace {

namespace json = boost::json;

const ManifestSigner& Signer() {
  static const ManifestSigner signer = testing::TestSigner();
  return signer;
}

const ManifestVerifier& Verifier() {
  static const ManifestVerifier verifier = testing::TestVerifier();
  return verifier;
}

void FuzzStrangers(std::string_view input) {
  Require(!Verifier().Verify(input, testing::ManifestTime()), "nobody can sign for the public key");
  const auto job = SignedJob::Decode(input);
  if (!job) return;
  Require(job->Encode() == input, "a signed job has one spelling");
  Require(!Open(*job, Verifier(), testing::ManifestTime()), "nobody can sign a job");
}

void FuzzSigned(std::string_view input) {
  const auto claims = ExecutionManifest::FromJson(input);
  if (!claims) return;
  Require(*claims->ToJson() == input, "claims have one spelling");
  Require(*Signer().Sign(*claims) == Signer().SignText(input), "what is signed is what was read");
  const auto at = [](std::int64_t second) {
    return std::chrono::system_clock::time_point(std::chrono::seconds(second));
  };
  const std::string token = Signer().SignText(input);
  if (claims->exp > 8'000'000'000) return;  // beyond what a time point holds
  Require(Verifier().Verify(token, at(claims->iat)).has_value(), "a manifest is good when it is issued");
  Require(!Verifier().Verify(token, at(claims->exp + 30)), "a manifest ends");
  Require(!Verifier().Verify(token, at(claims->iat - 31)), "a manifest is not good before its time");
  Require(!Verifier().Verify(token + "A", at(claims->iat)), "a token has one spelling");
}

// The parser rounds some of them to a neighbour, which is none of our text's doing.
bool HasFraction(const json::value& value) {
  if (value.is_double()) return true;
  bool found = false;
  if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) found = found || HasFraction(item);
  } else if (const json::object* object = value.if_object()) {
    for (const auto& member : *object) found = found || HasFraction(member.value());
  }
  return found;
}

void FuzzCanonical(std::string_view input) {
  boost::system::error_code ec;
  const json::value value = json::parse(json::string_view(input.data(), input.size()), ec);
  if (ec) return;
  const auto text = CanonicalJson(value);
  if (!text || HasFraction(value)) return;
  const auto again = CanonicalJson(json::parse(*text, ec));
  Require(!ec && again && *again == *text, "canonical text is stable");
}

void FuzzKeys(std::string_view input) {
  const auto signer = ManifestSigner::FromText(input);
  const auto verifier = ManifestVerifier::FromText(input);
  Require(!signer || !verifier, "a key is private or public");
  if (signer)
    Require(ManifestVerifier::FromText(signer->PublicKey()).has_value(), "a private key has a public one");
}

}  // namespace
}  // namespace codeapi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  codeapi::FuzzStrangers(input);
  codeapi::FuzzSigned(input);
  codeapi::FuzzCanonical(input);
  codeapi::FuzzKeys(input);
  static const codeapi::AnswerMac kMac("token");
  codeapi::Require(!kMac.Open("execution", 1, input), "nobody can make an answer");
  return 0;
}
