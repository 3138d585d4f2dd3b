// For tests: a small S3 in memory that can be told to fail, on our own HTTP server.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "net/http_test_server.h"
#include "store/s3_options.h"
#include "store/xml.h"

namespace codeapi::testing {

/// Speaks as much S3 as the store needs, for any bucket and any signature. Each request is one of the
/// operations "head bucket", "put bucket", "list", "head", "get", "put", "delete", "begin", "part",
/// "complete" and "abort".
class FakeS3 {
 public:
  struct Object {
    std::string data;
    Headers headers;
  };

  /// How one request goes wrong.
  struct Fault {
    int status = 503;              ///< of the answer
    std::string body;              ///< of the answer
    bool act = false;              ///< does what it was asked before
    bool truncate = false;         ///< answers 200, announces more than it sends, and closes
    std::function<void()> before;  ///< called first
  };

  FakeS3() { start(); }
  ~FakeS3() { stop(); }

  static std::string Error(const std::string& code) {
    return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>secret-key</Message></Error>";
  }

  /// What the next requests of an operation do, one each.
  void fail(const std::string& operation, std::vector<Fault> faults) {
    const std::lock_guard lock(mutex_);
    for (Fault& fault : faults) faults_[operation].push_back(std::move(fault));
  }

  int count(const std::string& operation) {
    const std::lock_guard lock(mutex_);
    return counts_[operation];
  }

  void wait_for(const std::string& operation, int times) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] {
      return counts_[operation] >= times;
    })) << operation;
  }

  std::optional<std::string> data(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    return found == objects_.end() ? std::nullopt : std::optional(found->second.data);
  }

  void put(const std::string& key, const std::string& data) {
    const std::lock_guard lock(mutex_);
    objects_[key] = {data, {{"Content-Type", "text/plain"}}};
  }

  std::size_t uploads() {
    const std::lock_guard lock(mutex_);
    return uploads_.size();
  }

  Headers last_headers(const std::string& operation) {
    const std::lock_guard lock(mutex_);
    return last_headers_[operation];
  }

  std::string last_body(const std::string& operation) {
    const std::lock_guard lock(mutex_);
    return last_bodies_[operation];
  }

  /// Takes the server away.
  void stop() { server_.reset(); }
  TestServer& server() { return *server_; }

  /// For a store here: quick to repeat, with small parts.
  S3Options options() {
    S3Options options;
    options.host = "127.0.0.1";
    options.port = server_->port();
    options.bucket = "bucket";
    options.keys = {"KEY", "secret-key", ""};
    options.retry = {
        .attempts = 4, .base = std::chrono::milliseconds(1), .cap = std::chrono::milliseconds(4)};
    options.part_size = 100'000;
    return options;
  }

  std::atomic<bool> conditions = true;  ///< knows If-None-Match
  std::atomic<bool> has_bucket = true;
  std::atomic<std::size_t> page = 1000;  ///< keys or prefixes in one page of a list

 private:
  struct Upload {
    std::string key;
    Headers headers;
    std::map<int, std::string> parts;
  };

  static Response Say(int status, std::string body = {}) {
    return TextResponse(status, std::move(body), "application/xml");
  }

  void start() {
    Router router;
    const auto serve = [this](Request& request) { return handle(request); };
    for (const char* method : {"GET", "PUT", "POST", "DELETE"}) {
      router.add(method, "/{bucket}", serve);
      router.add(method, "/{bucket}/{session}/{id}", serve);
    }
    server_ = std::make_unique<TestServer>(std::move(router));
  }

  static std::string Operation(const Request& request) {
    const bool object = !request.params.get("id").empty();
    const auto has = [&](std::string_view name) { return request.query.find(name).has_value(); };
    if (!object)
      return request.method == "GET" ? "list" : request.method == "HEAD" ? "head bucket" : "put bucket";
    if (request.method == "POST") return has("uploads") ? "begin" : "complete";
    if (has("uploadId")) return request.method == "PUT" ? "part" : "abort";
    return AsciiLower(request.method);
  }

  asio::awaitable<Response> handle(Request& request) {
    const std::string operation = Operation(request);
    auto body = co_await request.body.read_all(64uz << 20);
    std::optional<Fault> fault;
    {
      const std::lock_guard lock(mutex_);
      last_headers_[operation] = request.headers;
      last_bodies_[operation] = body.value_or("");
      if (auto& queue = faults_[operation]; !queue.empty()) {
        fault = std::move(queue.front());
        queue.pop_front();
      }
    }
    if (fault && fault->before) fault->before();
    Response response = Say(400, Error("IncompleteBody"));
    if (body && (!fault || fault->act || fault->status == 0)) response = act(operation, request, *body);
    {
      const std::lock_guard lock(mutex_);
      ++counts_[operation];
      changed_.notify_all();
    }
    if (!fault || fault->status == 0) co_return response;
    if (!fault->truncate) co_return Say(fault->status, fault->body);
    co_return Cut(fault->body);
  }

  static Response Cut(std::string body) {
    class Source final : public BodySource {
     public:
      explicit Source(std::string data) : data_(std::move(data)) {}
      asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
        if (std::exchange(told_, true)) co_return Fail(ErrorCode::kInternal, "cut");
        std::ranges::copy(data_, into.begin());
        co_return data_.size();
      }
      std::optional<std::uint64_t> length() const override { return data_.size() + 1000; }

     private:
      std::string data_;
      bool told_ = false;
    };
    Response response;
    response.headers = {{"ETag", "\"cut\""}, {"Last-Modified", std::string(kTime)}};
    response.body = std::make_unique<Source>(body.empty() ? "x" : std::move(body));
    return response;
  }

  Response act(const std::string& operation, Request& request, const std::string& body) {
    const std::lock_guard lock(mutex_);
    if (operation == "put bucket") has_bucket = true;
    if (!has_bucket) return Say(404, request.method == "HEAD" ? "" : Error("NoSuchBucket"));
    if (operation.ends_with("bucket")) return Say(200);
    if (operation == "list") return list(request);
    const std::string key =
        std::string(request.params.get("session")) + "/" + std::string(request.params.get("id"));
    if (operation == "get" || operation == "head") return get(key);
    if (operation == "put") return store(key, {body, request.headers}, request);
    if (operation == "delete") return objects_.erase(key), Say(204);
    if (operation == "begin") return begin(key, request);
    const auto upload = uploads_.find(std::string(request.query.get("uploadId")));
    if (upload == uploads_.end() || upload->second.key != key) return Say(404, Error("NoSuchUpload"));
    if (operation == "abort") return uploads_.erase(upload), Say(204);
    if (operation == "part") {
      upload->second.parts[std::atoi(std::string(request.query.get("partNumber")).c_str())] = body;
      Response response = Say(200);
      response.headers.add("ETag", "\"" + Sha256Hex(body).substr(0, 32) + "\"");
      return response;
    }
    return complete(upload, body, request);
  }

  Response get(const std::string& key) {
    const auto found = objects_.find(key);
    if (found == objects_.end()) return Say(404, Error("NoSuchKey"));
    Response response;
    for (const auto& [name, value] : found->second.headers.all()) {
      const std::string lower = AsciiLower(name);
      if (lower == "content-type" || lower.starts_with("x-amz-meta-")) response.headers.add(name, value);
    }
    response.headers.add("ETag", "\"" + Sha256Hex(found->second.data).substr(0, 32) + "\"");
    response.headers.add("Last-Modified", std::string(kTime));
    response.body = found->second.data;
    return response;
  }

  Response store(const std::string& key, Object object, const Request& request) {
    if (conditions && request.header("If-None-Match") == "*" && objects_.contains(key)) {
      return Say(412, Error("PreconditionFailed"));
    }
    Response response = Say(200);
    response.headers.add("ETag", "\"" + Sha256Hex(object.data).substr(0, 32) + "\"");
    objects_[key] = std::move(object);
    return response;
  }

  Response begin(const std::string& key, const Request& request) {
    const std::string id = "upload+/" + std::to_string(++last_upload_);
    uploads_[id] = {key, request.headers, {}};
    return Say(200, "<InitiateMultipartUploadResult><UploadId>" + id +
                        "</UploadId></InitiateMultipartUploadResult>");
  }

  Response complete(std::map<std::string, Upload>::iterator upload, const std::string& body,
                    const Request& request) {
    const auto wanted = ParseXml(body);
    if (!wanted || wanted->children.size() != upload->second.parts.size())
      return Say(400, Error("MalformedXML"));
    std::string data;
    for (const XmlElement& part : wanted->children) {
      const std::string& piece = upload->second.parts[std::atoi(part.get("PartNumber").c_str())];
      if (part.get("ETag") != "\"" + Sha256Hex(piece).substr(0, 32) + "\"")
        return Say(400, Error("InvalidPart"));
      data += piece;
    }
    Response stored = store(upload->second.key, {data, upload->second.headers}, request);
    if (stored.status != 200) return stored;
    uploads_.erase(upload);
    return Say(200, "\n<?xml version=\"1.0\"?><CompleteMultipartUploadResult><ETag>&quot;" +
                        Sha256Hex(data).substr(0, 32) + "&quot;</ETag></CompleteMultipartUploadResult>");
  }

  // Keys, or with a delimiter prefixes, after where the last page ended.
  Response list(const Request& request) {
    const std::string prefix(request.query.get("prefix"));
    const bool grouped = request.query.find("delimiter").has_value();
    std::string from(request.query.get("continuation-token"));
    if (from.empty()) from = request.query.get("start-after");
    std::string out;
    std::string last;
    std::size_t listed = 0;
    for (const auto& [key, object] : objects_) {
      if (!key.starts_with(prefix) || key <= from) continue;
      const std::string name = grouped ? key.substr(0, key.find('/') + 1) : key;
      if (name == last) {
        from = key;
        continue;
      }
      if (listed++ == page) {
        out += "<IsTruncated>true</IsTruncated><NextContinuationToken>" + XmlEscape(from) +
               "</NextContinuationToken>";
        break;
      }
      last = name;
      from = key;
      const std::string text = PercentEncode(name);
      out += grouped ? "<CommonPrefixes><Prefix>" + text + "</Prefix></CommonPrefixes>"
                     : "<Contents><Key>" + text + "</Key></Contents>";
    }
    return Say(
        200, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><EncodingType>url</EncodingType>" +
                 out + "</ListBucketResult>");
  }

  static constexpr std::string_view kTime = "Wed, 21 Oct 2037 07:28:00 GMT";

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::map<std::string, Object> objects_;
  std::map<std::string, Upload> uploads_;
  int last_upload_ = 0;
  std::map<std::string, std::deque<Fault>> faults_;
  std::map<std::string, int> counts_;
  std::map<std::string, Headers> last_headers_;
  std::map<std::string, std::string> last_bodies_;
  std::unique_ptr<TestServer> server_;
};

}  // namespace codeapi::testing
