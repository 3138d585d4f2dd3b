#include "store/s3_listing.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "base/text.h"
#include "store/s3_object.h"
#include "store/xml.h"

namespace codeapi {
namespace {

using asio::awaitable;

constexpr int kMaxPages = 1000;  // of 1000 keys: also the end of a server that never says it

awaitable<Result<S3Page>> Page(S3Client& client, AwsQuery query, const std::string& next) {
  query.emplace_back("list-type", "2");
  query.emplace_back("encoding-type", "url");  // a key may hold what XML cannot
  query.emplace_back("max-keys", "1000");
  if (!next.empty()) query.emplace_back("continuation-token", next);
  auto answer = co_await client.call(
      {.what = "list the bucket", .method = "GET", .query = std::move(query), .may_hold_error = true});
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->ok()) co_return ParseS3Page(answer->body);
  Error error = S3Client::Failure("list the bucket", *answer);
  if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kUnavailable;  // the bucket
  co_return std::unexpected(std::move(error));
}

void SortAndDropRepeated(std::vector<std::string>& names) {
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
}

}  // namespace

Result<S3Page> ParseS3Page(std::string_view body) {
  const auto root = ParseXml(body);
  if (!root || root->name != "ListBucketResult") {
    return Fail(ErrorCode::kUnavailable, "S3: the answer is no list of a bucket");
  }
  const bool encoded = root->get("EncodingType") == "url";
  const auto decode = [&](const std::string& text) { return encoded ? PercentDecode(text) : text; };
  S3Page page;
  for (const XmlElement& child : root->children) {
    if (child.name == "Contents") page.keys.push_back(decode(child.get("Key")));
    if (child.name == "CommonPrefixes") page.prefixes.push_back(decode(child.get("Prefix")));
  }
  if (root->get("IsTruncated") == "true") {
    page.next = root->get("NextContinuationToken");
    if (page.next.empty()) return Fail(ErrorCode::kUnavailable, "S3: a part of a list names no next one");
  }
  return page;
}

awaitable<Result<std::vector<std::string>>> ListS3Ids(S3Client& client, std::string session) {
  std::vector<std::string> ids;
  std::string next;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    auto page = co_await Page(client, {{"prefix", session + "/"}}, next);
    if (!page) co_return std::unexpected(page.error());
    for (const std::string& key : page->keys) {
      auto parsed = ParseS3Key(key);
      if (parsed && parsed->session == session) ids.push_back(std::move(parsed->id));
    }
    next = std::move(page->next);
    if (next.empty()) {
      SortAndDropRepeated(ids);
      co_return ids;
    }
  }
  co_return Fail(ErrorCode::kTooLarge, "S3: session " + session + " has too many objects");
}

awaitable<Result<std::vector<std::string>>> ListS3Sessions(S3Client& client, std::string after,
                                                           std::size_t limit) {
  AwsQuery query{{"delimiter", "/"}};
  // Everything below `after/` comes before this, and every later session after it, since '0' follows '/'.
  if (!after.empty()) query.emplace_back("start-after", after + "0");
  std::vector<std::string> found;
  std::string next;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    auto page = co_await Page(client, query, next);
    if (!page) co_return std::unexpected(page.error());
    for (std::string& prefix : page->prefixes) {
      if (!prefix.ends_with('/')) continue;
      prefix.pop_back();
      if (IsId(prefix) && prefix > after) found.push_back(std::move(prefix));
    }
    next = std::move(page->next);
    if (!next.empty() && found.size() < limit) continue;
    SortAndDropRepeated(found);
    found.resize(std::min(found.size(), limit));
    co_return found;
  }
  co_return Fail(ErrorCode::kTooLarge, "S3: the bucket has too many foreign prefixes");
}

}  // namespace codeapi
