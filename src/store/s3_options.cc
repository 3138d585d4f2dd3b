#include "store/s3_options.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace codeapi {
namespace {

bool All(std::string_view text, std::string_view extra) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           extra.find(c) != std::string_view::npos;
  });
}

bool IsAmazon(std::string_view host) {
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

bool VirtualHost(const S3Options& options, bool amazon) {
  switch (options.addressing) {
    case S3Addressing::kPath:
      return false;
    case S3Addressing::kVirtualHost:
      return true;
    case S3Addressing::kAuto:
      break;
  }
  // A wildcard certificate covers no name with one more dot.
  return amazon && !(options.use_ssl && options.bucket.find('.') != std::string::npos);
}

Result<void> Check(const S3Options& options) {
  const auto fail = [](std::string why) { return Fail(ErrorCode::kInvalid, "S3: " + why); };
  const bool ipv6 = options.host.starts_with('[') && options.host.ends_with(']');
  if (options.host.empty() || options.host.size() > 253 || !All(options.host, ipv6 ? "[]:." : "-._")) {
    return fail("the endpoint is not a host name: " + options.host);
  }
  if (options.bucket.size() < 3 || options.bucket.size() > 255 || !All(options.bucket, "-._")) {
    return fail("not a bucket's name: " + options.bucket);
  }
  if (options.region.empty() || !All(options.region, "-_")) return fail("not a region: " + options.region);
  if (options.retry.attempts < 1 || options.retry.attempts > 100 || options.retry.total.count() <= 0 ||
      options.retry.base.count() < 0 || options.retry.cap > std::chrono::hours(1) ||
      options.retry.cap < options.retry.base) {
    return fail("bad numbers for repeated requests");
  }
  if (options.part_size < 1 || options.parallel_stats < 1 || options.parallel_stats > 64) {
    return fail("bad size of parts or number of requests at once");
  }
  return {};
}

}  // namespace

Result<S3Address> ResolveS3Address(const S3Options& options) {
  if (auto checked = Check(options); !checked) return std::unexpected(checked.error());
  S3Address address;
  std::string host = AsciiLower(options.host);
  address.amazon = IsAmazon(host);
  // The global name redirects to the region's own, and we follow no redirects.
  if (host == "s3.amazonaws.com" && options.region != "us-east-1")
    host = "s3." + options.region + ".amazonaws.com";
  if (VirtualHost(options, address.amazon)) {
    host = options.bucket + "." + host;
  } else {
    address.prefix = "/" + options.bucket;
  }
  const std::uint16_t own = options.use_ssl ? 443 : 80;
  address.host = options.port == 0 || options.port == own ? host : host + ":" + std::to_string(options.port);
  address.base = (options.use_ssl ? "https://" : "http://") + address.host;
  return address;
}

S3Options MakeS3Options(const Settings& settings) {
  S3Options options;
  options.host = settings.s3_endpoint;
  options.port = settings.s3_no_port ? 0 : settings.s3_port;
  options.use_ssl = settings.s3_use_ssl;
  options.bucket = settings.s3_bucket;
  options.region = settings.s3_region;
  options.addressing = settings.s3_addressing;
  options.create_bucket = settings.s3_create_bucket;
  options.http.ca_file = settings.s3_ca_file;
  options.keys = {settings.s3_access_key, settings.s3_secret_key, settings.s3_session_token};
  const bool named = !settings.aws_web_identity_token_file.empty() && !settings.aws_role_arn.empty();
  if (settings.s3_use_irsa || named) {
    WebIdentityOptions identity;
    identity.token_file = settings.aws_web_identity_token_file;
    identity.role_arn = settings.aws_role_arn;
    const bool china = settings.s3_region.starts_with("cn-");
    identity.sts_url = !settings.aws_sts_endpoint.empty()
                           ? settings.aws_sts_endpoint
                           : "https://sts." + settings.s3_region + ".amazonaws.com" + (china ? ".cn" : "");
    options.web_identity = std::move(identity);
  }
  return options;
}

}  // namespace codeapi
