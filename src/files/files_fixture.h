// For tests: a file server over a directory.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "files/file_server.h"
#include "net/http_test_server.h"
#include "store/directory_object_store.h"
#include "store/testing.h"

namespace codeapi::testing {

/// Keeps what is logged, one event a line.
class LogOfTest final : public Log {
 public:
  void Write(Severity, std::string_view event, std::initializer_list<LogField>) override {
    const std::lock_guard lock(mutex_);
    text_.append(event).append("\n");
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

/// A file server on loopback with a store of its own, or one that is given.
class FileService {
 public:
  explicit FileService(std::string token = "", ObjectStore* store = nullptr, ServerOptions options = {})
      : context_{store ? *store : *own_, log_, metrics_, std::move(token)},
        server_(MakeFileRouter(context_), std::move(options)) {}

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }
  std::uint16_t port() const { return server_.port(); }
  ObjectStore& store() { return context_.objects; }
  LogOfTest& log() { return log_; }
  Metrics& metrics() { return metrics_; }

  /// One request on a connection of its own; `headers` end with CRLF each.
  RawClient::Answer request(const std::string& line, const std::string& headers = "",
                            const std::string& body = "") {
    RawClient client(port());
    client.send(line + " HTTP/1.1\r\nHost: x\r\n" + headers +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.read_answer(line.starts_with("HEAD "));
  }

 private:
  TempDir directory_;
  std::unique_ptr<DirectoryObjectStore> own_ = DirectoryObjectStore::Open(directory_ / "store").value();
  LogOfTest log_;
  Metrics metrics_;
  FileServerContext context_;
  TestServer server_;
};

}  // namespace codeapi::testing
