// One request on its way: libcurl on one side, the coroutine that asked on the other.
#pragma once

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/http_client.h"
#include "net/http_message.h"
#include "net/wake.h"

namespace codeapi {

/// Theory of operation. libcurl calls on_header(), on_body() and on_upload() on the client's strand. What
/// comes is put into a buffer, what goes is taken from one; a full or an empty one pauses that direction. The
/// coroutine fills and empties the buffers on its own executor and asks the loop to go on with whatever was
/// paused.
class HttpTransfer {
 public:
  using Clock = std::chrono::steady_clock;

  /// What the coroutine has to do next before it has a response.
  enum class Need { kWait, kUpload, kNothing };

  struct Head {
    int status = 0;
    Headers headers;
    std::optional<std::uint64_t> length;  ///< of the body, when announced
  };

  /// kInvalid if libcurl or HTTP would not take the request. Takes over the body unless it is a BodySource.
  static Result<std::shared_ptr<HttpTransfer>> Make(const HttpClientOptions& options, ClientRequest& request);
  ~HttpTransfer();
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  // For the loop, on its strand.

  CURL* easy() const { return easy_; }

  /// Method and address, for messages.
  const std::string& what() const { return what_; }

  /// The last call, however the transfer ends. Later ones do nothing.
  void finish(CURLcode code);
  void finish(std::optional<Error> error);

  /// Goes on with what is paused and need not be any more.
  void resume();

  /// Whether the peer has let the time since `then` pass without doing anything.
  bool idle_since(Clock::time_point then) const;

  /// Says that something has happened just now.
  void touch() { last_progress_ = Clock::now(); }

  // For the coroutine, one call at a time.

  /// What is to be done, or how the transfer failed.
  Result<Need> need();

  /// Waits until need() or take() may say something else.
  asio::awaitable<void> wait() { return wake_.wait(); }

  /// Gives the next bytes of the body; none: that was all.
  void provide(std::string chunk);

  /// Whether libcurl still waits for bytes of a body that nobody wants any more, and has to be resumed.
  bool upload_stands() const;

  /// The response's head; once, after need() said kNothing.
  Head take_head();

  /// Bytes of the body, if there are some; 0 at its end; nothing: wait. Sets `resume` when the loop is to go
  /// on.
  std::optional<Result<std::size_t>> take(std::span<char> into, bool& resume);

 private:
  HttpTransfer() = default;
  Result<void> set_up(const HttpClientOptions& options, ClientRequest& request);
  Result<void> set_headers(const ClientRequest& request);
  void set_body(ClientRequest& request);
  void set_limits(const HttpClientOptions& options, const ClientRequest& request);

  template <typename T>
  void set(CURLoption option, T value) {
    if (const CURLcode code = curl_easy_setopt(easy_, option, value); code != CURLE_OK) refused_ = code;
  }

  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnUpload(char* data, std::size_t size, std::size_t count, void* self);
  static int OnSeek(void* self, curl_off_t offset, int origin);
  bool on_header(std::string_view line);
  bool end_head();
  std::size_t on_body(std::string_view data);
  std::size_t on_upload(std::span<char> into);
  bool refuse(std::string why);

  // On the strand.
  CURL* easy_ = nullptr;
  curl_slist* fields_ = nullptr;
  CURLcode refused_ = CURLE_OK;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  std::string what_;     // for messages: method and address without the query
  std::string problem_;  // what we did not like, when libcurl only knows that we stopped
  bool head_request_ = false;
  std::size_t header_bytes_ = 0;
  bool head_over_ = false;
  Clock::time_point last_progress_ = Clock::now();

  Wake wake_;

  mutable std::mutex mutex_;  // guards what follows
  Head head_;
  bool head_ready_ = false;
  bool ended_ = false;
  std::optional<Error> error_;
  std::string received_;  // from taken_ on
  std::size_t taken_ = 0;
  bool receive_paused_ = false;
  std::shared_ptr<const std::string> fixed_;  // the whole body, if it is not a source
  std::string chunk_;
  std::string_view rest_;  // of fixed_ or chunk_: not yet given to libcurl
  bool upload_ended_ = true;
  bool upload_paused_ = false;
};

}  // namespace codeapi
