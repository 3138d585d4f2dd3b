#include "net/http_transfer.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace codeapi {
namespace {

constexpr std::size_t kReceiveBuffer = 256uz * 1024;
constexpr std::size_t kMaxHeader = 64uz * 1024;
constexpr std::size_t kMaxUrl = 16uz * 1024;

bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

// A line break in a value would let its author write headers of their own.
bool IsFieldValue(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

std::optional<std::uint64_t> ParseLength(std::string_view text) {
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

std::string_view Trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Queries carry tokens and signatures: not for logs. Nor is a user's name before an `@`.
std::string Describe(const ClientRequest& request) {
  std::string_view url = request.url;
  url = url.substr(0, std::min({url.find('?'), url.find('#'), std::size_t{300}}));
  if (url.find('@') != std::string_view::npos) url = "(an address with a user name)";
  return request.method + " " + std::string(url);
}

ErrorCode CodeFor(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return ErrorCode::kInvalid;
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::kDeadline;
    default:
      return ErrorCode::kUnavailable;
  }
}

}  // namespace

Result<std::shared_ptr<HttpTransfer>> HttpTransfer::Make(const HttpClientOptions& options,
                                                         ClientRequest& request) {
  const std::shared_ptr<HttpTransfer> transfer(new HttpTransfer);
  if (auto done = transfer->set_up(options, request); !done) return std::unexpected(done.error());
  return transfer;
}

HttpTransfer::~HttpTransfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(fields_);
}

Result<void> HttpTransfer::set_up(const HttpClientOptions& options, ClientRequest& request) {
  what_ = Describe(request);
  if (!IsToken(request.method)) return Fail(ErrorCode::kInvalid, "bad HTTP method");
  if (request.url.size() > kMaxUrl || request.url.find('\0') != std::string::npos) {
    return Fail(ErrorCode::kInvalid, what_ + ": bad URL");
  }
  if (!request.url.starts_with("http://") && !request.url.starts_with("https://")) {
    return Fail(ErrorCode::kInvalid, what_ + ": neither http nor https");
  }
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return Fail(ErrorCode::kUnavailable, what_ + ": out of memory");
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);  // what was signed is what is sent
  set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  set_limits(options, request);
  set(CURLOPT_HEADERFUNCTION, &OnHeader);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &OnBody);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_ERRORBUFFER, error_text_.data());
  set(CURLOPT_PRIVATE, this);
  if (auto done = set_headers(request); !done) return done;
  set_body(request);
  if (refused_ == CURLE_OK) return {};
  return Fail(CodeFor(refused_), what_ + ": " + curl_easy_strerror(refused_));
}

void HttpTransfer::set_limits(const HttpClientOptions& options, const ClientRequest& request) {
  // Nothing from the environment and nothing but plain requests to the server that was named.
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (!options.ca_file.empty()) {
    set(CURLOPT_CAINFO, options.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  set(CURLOPT_NOSIGNAL, 1L);
  // An abandoned transfer must not wait for its name to be resolved: that would hold up the strand.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.total_timeout.count()));
  set(CURLOPT_BUFFERSIZE, 64L * 1024);
}

Result<void> HttpTransfer::set_headers(const ClientRequest& request) {
  const auto append = [this](const std::string& line) {
    curl_slist* longer = curl_slist_append(fields_, line.c_str());
    if (longer == nullptr) {
      refused_ = CURLE_OUT_OF_MEMORY;
    } else {
      fields_ = longer;
    }
  };
  append("Expect:");  // a round trip for nothing
  for (const auto& [name, value] : request.headers.all()) {
    if (!IsToken(name) || !IsFieldValue(value)) return Fail(ErrorCode::kInvalid, what_ + ": bad header");
    const std::string lower = AsciiLower(name);
    if (lower == "content-length" || lower == "transfer-encoding" || lower == "expect") continue;
    append(Trim(value).empty() ? name + ";" : name + ": " + value);  // libcurl's way to send an empty one
  }
  set(CURLOPT_HTTPHEADER, fields_);
  return {};
}

void HttpTransfer::set_body(ClientRequest& request) {
  head_request_ = request.method == "HEAD";
  std::optional<std::uint64_t> length;
  if (auto* source = std::get_if<std::unique_ptr<BodySource>>(&request.body); source && *source) {
    upload_ended_ = false;
    length = (*source)->length();
    if (!length) set(CURLOPT_INFILESIZE_LARGE, curl_off_t{-1});  // in chunks
  } else {
    if (auto* text = std::get_if<std::string>(&request.body)) {
      fixed_ = std::make_shared<const std::string>(std::move(*text));
    } else if (auto* kept = std::get_if<std::shared_ptr<const std::string>>(&request.body)) {
      fixed_ = std::move(*kept);
    }
    if (!fixed_) fixed_ = std::make_shared<const std::string>();
    rest_ = *fixed_;
    length = rest_.size();
    const std::string& method = request.method;
    const bool bodiless = length == 0 && method != "POST" && method != "PUT" && method != "PATCH";
    if (bodiless) {
      set(head_request_ ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
      return set(CURLOPT_CUSTOMREQUEST, head_request_ ? nullptr : method.c_str());
    }
  }
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (length) set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(*length));
  set(CURLOPT_READFUNCTION, &OnUpload);
  set(CURLOPT_READDATA, this);
  set(CURLOPT_SEEKFUNCTION, &OnSeek);
  set(CURLOPT_SEEKDATA, this);
}

void HttpTransfer::finish(CURLcode code) {
  if (code == CURLE_OK) return finish(std::nullopt);
  const char* text = error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(code);
  finish(Error{CodeFor(code), what_ + ": " + (problem_.empty() ? text : problem_)});
}

void HttpTransfer::finish(std::optional<Error> error) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    error_ = std::move(error);
    if (!error_ && !head_ready_) error_ = Error{ErrorCode::kUnavailable, what_ + ": no response"};
  }
  wake_.notify();
}

void HttpTransfer::resume() {
  int still = 0;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    receive_paused_ = receive_paused_ && received_.size() - taken_ > kReceiveBuffer / 2;
    const bool refused = head_ready_ && head_.status >= 400;
    upload_paused_ = upload_paused_ && rest_.empty() && !upload_ended_ && !refused;
    still = (receive_paused_ ? CURLPAUSE_RECV : 0) | (upload_paused_ ? CURLPAUSE_SEND : 0);
  }
  touch();
  curl_easy_pause(easy_, still);
}

bool HttpTransfer::idle_since(Clock::time_point then) const {
  const std::lock_guard lock(mutex_);
  return last_progress_ < then && !receive_paused_ && !upload_paused_;
}

Result<HttpTransfer::Need> HttpTransfer::need() {
  const std::lock_guard lock(mutex_);
  // A head that came is told even if the connection broke right after it: then reading the body fails.
  const bool sent = upload_ended_ && rest_.empty();
  if (head_ready_ && (sent || head_.status >= 400)) return Need::kNothing;
  if (error_) return std::unexpected(*error_);
  if (ended_) return Need::kNothing;
  return upload_paused_ && rest_.empty() && !upload_ended_ ? Need::kUpload : Need::kWait;
}

void HttpTransfer::provide(std::string chunk) {
  const std::lock_guard lock(mutex_);
  upload_ended_ = chunk.empty();
  chunk_ = std::move(chunk);
  rest_ = chunk_;
}

bool HttpTransfer::upload_stands() const {
  const std::lock_guard lock(mutex_);
  return upload_paused_ && !ended_;
}

HttpTransfer::Head HttpTransfer::take_head() {
  const std::lock_guard lock(mutex_);
  Head head = std::move(head_);  // its status stays, too
  head_.headers = {};
  return head;
}

std::optional<Result<std::size_t>> HttpTransfer::take(std::span<char> into, bool& resume) {
  const std::lock_guard lock(mutex_);
  const std::size_t size = std::min(into.size(), received_.size() - taken_);
  if (size > 0) {
    std::memcpy(into.data(), received_.data() + taken_, size);
    taken_ += size;
    if (taken_ == received_.size()) {
      received_.clear();
      taken_ = 0;
    }
    resume = receive_paused_ && received_.size() - taken_ <= kReceiveBuffer / 2;
    return size;
  }
  if (into.empty()) return 0;
  if (error_) return std::unexpected(*error_);
  if (ended_) return 0;
  return std::nullopt;
}

std::size_t HttpTransfer::OnHeader(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<HttpTransfer*>(self)->on_header({data, size * count}) ? size * count : 0;
}

std::size_t HttpTransfer::OnBody(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<HttpTransfer*>(self)->on_body({data, size * count});
}

std::size_t HttpTransfer::OnUpload(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<HttpTransfer*>(self)->on_upload({data, size * count});
}

int HttpTransfer::OnSeek(void* self, curl_off_t offset, int origin) {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const std::lock_guard lock(transfer->mutex_);
  const auto& fixed = transfer->fixed_;
  if (!fixed || origin != SEEK_SET || offset < 0 || static_cast<std::size_t>(offset) > fixed->size()) {
    return CURL_SEEKFUNC_FAIL;
  }
  transfer->rest_ = std::string_view(*fixed).substr(static_cast<std::size_t>(offset));
  return CURL_SEEKFUNC_OK;
}

bool HttpTransfer::refuse(std::string why) {
  problem_ = std::move(why);
  return false;
}

bool HttpTransfer::on_header(std::string_view line) {
  touch();
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeader) return refuse("the response's header is too large");
  if (head_over_) return true;  // a trailer
  const std::string_view text = Trim(line);
  if (text.empty()) return end_head();
  const std::lock_guard lock(mutex_);
  if (line.starts_with("HTTP/")) {
    head_.headers = {};
    return true;
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return refuse("the response's header is malformed");
  head_.headers.add(std::string(text.substr(0, colon)), std::string(Trim(text.substr(colon + 1))));
  return true;
}

bool HttpTransfer::end_head() {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return true;  // another one follows
  head_over_ = true;
  {
    const std::lock_guard lock(mutex_);
    head_.status = static_cast<int>(status);
    const bool chunked = AsciiLower(head_.headers.get("Transfer-Encoding")).ends_with("chunked");
    if (head_request_ || status == 204 || status == 304) {
      head_.length = 0;
    } else if (!chunked) {
      head_.length = ParseLength(head_.headers.get("Content-Length"));
      if (!head_.length) return refuse("the response says nothing of its length");
    }
    head_ready_ = true;
  }
  wake_.notify();
  return true;
}

std::size_t HttpTransfer::on_body(std::string_view data) {
  touch();
  {
    const std::lock_guard lock(mutex_);
    if (received_.size() - taken_ + data.size() > kReceiveBuffer) {
      receive_paused_ = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    if (taken_ > kReceiveBuffer / 2) {
      received_.erase(0, taken_);
      taken_ = 0;
    }
    received_.append(data);
  }
  wake_.notify();
  return data.size();
}

std::size_t HttpTransfer::on_upload(std::span<char> into) {
  touch();
  const std::lock_guard lock(mutex_);
  if (rest_.empty() && !upload_ended_) {
    upload_paused_ = true;
    wake_.notify();
    return CURL_READFUNC_PAUSE;
  }
  const std::size_t size = std::min(into.size(), rest_.size());
  if (size > 0) std::memcpy(into.data(), rest_.data(), size);
  rest_.remove_prefix(size);
  return size;
}

}  // namespace codeapi
