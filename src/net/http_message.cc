#include "net/http_message.h"

#include <algorithm>
#include <limits>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/ids.h"
#include "base/text.h"

namespace codeapi {
namespace {

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool SameName(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string DecodeQueryPart(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return PercentDecode(spaced);
}

// How much room to make when `filled` bytes are in: doubling, so that an announced length alone costs
// nothing, and never more than one byte past what may come, which is enough to notice the excess.
std::size_t NextSize(std::size_t filled, std::size_t most) {
  constexpr std::size_t kFirst = 64uz * 1024;
  const std::size_t room = most == std::numeric_limits<std::size_t>::max() ? most : most + 1;
  return std::min(std::max(kFirst, filled * 2), room);
}

}  // namespace

std::string_view Headers::get(std::string_view name) const {
  const auto it =
      std::ranges::find_if(fields_, [&](const Field& field) { return SameName(field.first, name); });
  return it == fields_.end() ? std::string_view{} : std::string_view(it->second);
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [&](const Field& field) { return SameName(field.first, name); }));
}

void Headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string name, std::string value) {
  std::erase_if(fields_, [&](const Field& field) { return SameName(field.first, name); });
  add(std::move(name), std::move(value));
}

std::optional<std::string_view> Params::find(std::string_view name) const {
  const auto it = std::ranges::find_if(params_, [&](const Param& param) { return param.first == name; });
  if (it == params_.end()) return std::nullopt;
  return it->second;
}

void Params::add(std::string name, std::string value) {
  params_.emplace_back(std::move(name), std::move(value));
}

Params ParseQuery(std::string_view query) {
  Params params;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    params.add(DecodeQueryPart(pair.substr(0, equals)),
               equals == std::string_view::npos ? std::string() : DecodeQueryPart(pair.substr(equals + 1)));
  }
  return params;
}

asio::awaitable<Result<std::string>> BodyReader::read_all(std::size_t limit) {
  const std::optional<std::uint64_t> announced = length();
  if (announced && *announced > limit) co_return Fail(ErrorCode::kTooLarge, "the body is too large");
  const std::size_t most = announced ? static_cast<std::size_t>(*announced) : limit;
  std::string body;
  std::size_t filled = 0;
  while (true) {
    if (filled == body.size()) body.resize(NextSize(filled, most));
    const Result<std::size_t> got = co_await read(std::span(body).subspan(filled));
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) break;
    filled += *got;
    if (filled > limit) co_return Fail(ErrorCode::kTooLarge, "the body is too large");
  }
  body.resize(filled);
  co_return body;
}

std::string Request::media_type() const {
  std::string_view type = header("Content-Type");
  type = type.substr(0, type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return AsciiLower(type);
}

std::string RequestId(std::string_view sent) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/+=-";
  const bool usable =
      !sent.empty() && sent.size() <= 128 && sent.find_first_not_of(kAllowed) == std::string_view::npos;
  return usable ? std::string(sent) : NewId();
}

Response JsonResponse(int status, const boost::json::value& value) {
  return TextResponse(status, boost::json::serialize(value), "application/json; charset=utf-8");
}

Response ErrorResponse(int status, std::string_view text) {
  return JsonResponse(status,
                      boost::json::object{{"error", boost::json::string_view(text.data(), text.size())}});
}

Response TextResponse(int status, std::string text, std::string content_type) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", std::move(content_type));
  response.body = std::move(text);
  return response;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace codeapi
