// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html: a canonical form of the
// request is hashed, the hash is put into a string with time and scope, and that is signed with a key that
// was derived from the secret key, day, region and service.
#include "store/aws_sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>

#include "base/text.h"
#include "store/sha256.h"

namespace codeapi {
namespace {

std::string Hmac(std::string_view key, std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  // Fails only without memory; a wrong signature would be taken for wrong keys.
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data(),
           &size) == nullptr) {
    std::abort();
  }
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return hex;
}

// Without blanks at the ends, and one for several inside.
std::string Squeeze(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

// Lower-case names in order, the values of one name joined.
std::map<std::string, std::string> CanonicalHeaders(const Headers& headers) {
  std::map<std::string, std::string> canonical;
  for (const auto& [name, value] : headers.all()) {
    const auto [at, fresh] = canonical.try_emplace(AsciiLower(name), Squeeze(value));
    if (!fresh) at->second += "," + Squeeze(value);
  }
  return canonical;
}

}  // namespace

std::string Sha256Hex(std::span<const char> data) {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

std::string AwsEncode(std::string_view text, bool keep_slashes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slashes);
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      out.push_back(c);
    } else {
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

std::string AwsQueryString(const AwsQuery& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query)
    encoded.emplace_back(AwsEncode(name, false), AwsEncode(value, false));
  std::ranges::sort(encoded);
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out.push_back('&');
    out.append(name).append("=").append(value);
  }
  return out;
}

std::string AwsTime(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc)};
}

std::string AwsAuthorization(const AwsRequest& request, const AwsCredentials& credentials,
                             const AwsScope& scope) {
  std::string fields;
  std::string names;
  for (const auto& [name, value] : CanonicalHeaders(request.headers)) {
    fields += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = request.method + "\n" + request.path + "\n" + AwsQueryString(request.query) +
                                "\n" + fields + "\n" + names + "\n" + request.payload_hash;
  const std::string time(request.headers.get("X-Amz-Date"));
  const std::string day = time.substr(0, 8);
  const std::string where = day + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + where + "\n" + Sha256Hex(canonical);
  const std::string key = Hmac(
      Hmac(Hmac(Hmac("AWS4" + credentials.secret_key, day), scope.region), scope.service), "aws4_request");
  return "AWS4-HMAC-SHA256 Credential=" + credentials.access_key + "/" + where + ",SignedHeaders=" + names +
         ",Signature=" + Hex(Hmac(key, to_sign));
}

}  // namespace codeapi
