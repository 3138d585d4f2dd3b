#include "manifest/text_seal.h"

#include "base/base64url.h"

namespace codeapi {
namespace {

constexpr std::size_t kLength = 86;  // of 64 bytes in base64url

// Never the text of a manifest, which begins with a brace.
std::string Bound(std::string_view place, std::string_view text) {
  std::string out = "codeapi text " + std::to_string(place.size()) + ":";
  out += place;
  out += text;
  return out;
}

}  // namespace

// `<signature> <text>`
std::string TextSeal::Seal(std::string_view place, std::string_view text) const {
  std::string out = EncodeBase64Url(signer_.Signature(Bound(place, text)));
  out += ' ';
  out += text;
  return out;
}

std::optional<std::string> TextSeal::Open(std::string_view place, std::string_view sealed) const {
  if (sealed.size() <= kLength || sealed[kLength] != ' ') return {};
  const auto signature = DecodeBase64Url(sealed.substr(0, kLength));
  const std::string_view text = sealed.substr(kLength + 1);
  if (!signature || !verifier_.IsSigned(Bound(place, text), *signature)) return {};
  return std::string(text);
}

}  // namespace codeapi
