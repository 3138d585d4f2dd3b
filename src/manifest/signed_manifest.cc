#include "manifest/signed_manifest.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/base64url.h"
#include "manifest/manifest_keys.h"

namespace codeapi {
namespace {

constexpr std::size_t kSignatureSize = 64;
constexpr std::size_t kMostKeys = 2;

using Reason = ManifestProblem::Reason;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// By the key's own algorithm: nothing that a token says has a part in choosing one.
bool IsSignedBy(const ManifestKey& key, std::string_view text, std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  const bool valid = context != nullptr &&
                     EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                     EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                                      signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                                      text.size()) == 1;
  if (!valid) ERR_clear_error();
  return valid;
}

}  // namespace

const char* ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kMalformed:
      return "malformed";
    case Reason::kInvalidSignature:
      return "invalid_signature";
    case Reason::kExpired:
      return "expired";
    case Reason::kNotYetValid:
      return "not_yet_valid";
    case Reason::kScopeMismatch:
      break;
  }
  return "scope_mismatch";
}

std::unexpected<ManifestProblem> RefuseManifest(Reason reason, std::string_view predicate) {
  return std::unexpected(ManifestProblem{reason, "Execution manifest " + std::string(predicate)});
}

Result<ManifestSigner> ManifestSigner::FromText(std::string_view text) {
  auto key = ReadPrivateKey(text);
  if (!key) return std::unexpected(key.error());
  return ManifestSigner(std::move(*key));
}

Result<std::string> ManifestSigner::Sign(const ExecutionManifest& manifest) const {
  auto json = manifest.ToJson();
  if (!json) return json;
  return SignText(*json);
}

std::string ManifestSigner::SignText(std::string_view json) const {
  return EncodeBase64Url(json) + "." + EncodeBase64Url(Signature(json));
}

std::string ManifestSigner::Signature(std::string_view text) const {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  std::string signature(kSignatureSize, '\0');
  std::size_t size = signature.size();
  if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
    std::abort();  // without memory only
  }
  return signature;
}

std::string ManifestSigner::PublicKey() const {
  return PublicBase64(key_);
}

Result<ManifestVerifier> ManifestVerifier::FromText(std::string_view text) {
  std::vector<ManifestKey> keys;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (keys.size() == kMostKeys) return Fail(ErrorCode::kInvalid, "has more than two keys");
    auto key = ReadPublicKey(text.substr(begin, end - begin));
    if (!key) return std::unexpected(key.error());
    keys.push_back(std::move(*key));
    begin = end + 1;
  }
  return ManifestVerifier(std::move(keys));
}

std::expected<ExecutionManifest, ManifestProblem> ManifestVerifier::Verify(
    std::string_view token, std::chrono::system_clock::time_point now) const {
  if (token.size() > kMaxManifestToken) return RefuseManifest(Reason::kMalformed, "is too large");
  const std::size_t dot = token.find('.');
  if (dot == std::string_view::npos || token.find('.', dot + 1) != std::string_view::npos)
    return RefuseManifest(Reason::kMalformed, "token is malformed");
  const auto text = DecodeBase64Url(token.substr(0, dot));
  const auto signature = DecodeBase64Url(token.substr(dot + 1));
  if (!text || !signature) return RefuseManifest(Reason::kMalformed, "is not valid base64url");
  if (!IsSigned(*text, *signature)) return RefuseManifest(Reason::kInvalidSignature, "signature is invalid");
  auto claims = ExecutionManifest::FromJson(*text);
  if (!claims) return std::unexpected(ManifestProblem{Reason::kMalformed, std::move(claims.error().message)});
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  if (claims->exp <= seconds - kManifestClockTolerance.count())
    return RefuseManifest(Reason::kExpired, "is expired");
  if (claims->iat > seconds + kManifestClockTolerance.count())
    return RefuseManifest(Reason::kNotYetValid, "is not valid yet");
  return std::move(*claims);
}

bool ManifestVerifier::IsSigned(std::string_view text, std::string_view signature) const {
  return signature.size() == kSignatureSize &&
         std::ranges::any_of(keys_, [&](const ManifestKey& key) { return IsSignedBy(key, text, signature); });
}

Result<ManifestKeyPair> ManifestKeyPair::Make() {
  auto key = MakePrivateKey();
  if (!key) return std::unexpected(key.error());
  return ManifestKeyPair{PrivatePem(*key), PrivateBase64(*key), PublicPem(*key), PublicBase64(*key)};
}

}  // namespace codeapi
