#include "net/curl_loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>

#include "base/unique_fd.h"

namespace codeapi {

Result<std::shared_ptr<CurlLoop>> CurlLoop::Make(const asio::any_io_executor& executor,
                                                 const HttpClientOptions& options) {
  if (options.max_transfers < 1 || options.connect_timeout.count() <= 0 ||
      options.idle_timeout.count() <= 0) {
    return Fail(ErrorCode::kInvalid, "bad options for an HTTP client");
  }
  // Counted and thread-safe since libcurl 7.84. Never undone: threads that resolve names may still run.
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return Fail(ErrorCode::kUnavailable, "libcurl does not start");
  }
  const std::shared_ptr<CurlLoop> loop(new CurlLoop(executor, options));
  if (auto opened = loop->open(); !opened) return std::unexpected(opened.error());
  return loop;
}

CurlLoop::CurlLoop(const asio::any_io_executor& executor, const HttpClientOptions& options)
    : strand_(asio::make_strand(executor)),
      options_(options),
      sockets_(strand_),
      timer_(strand_),
      tick_(strand_) {}

// Every handler holds the loop, so nothing runs here any more.
CurlLoop::~CurlLoop() {
  for (const auto& [key, transfer] : transfers_) {
    curl_multi_remove_handle(multi_, transfer->easy());
    transfer->finish(Error{ErrorCode::kUnavailable, "the HTTP client is gone"});
  }
  curl_multi_cleanup(multi_);
}

Result<void> CurlLoop::open() {
  multi_ = curl_multi_init();
  if (multi_ == nullptr) return Fail(ErrorCode::kUnavailable, "libcurl does not start");
  UniqueFd set(::epoll_create1(EPOLL_CLOEXEC));
  if (!set) return FailErrno("epoll_create1", errno, ErrorCode::kUnavailable);
  boost::system::error_code error;
  sockets_.assign(set.get(), error);
  if (error) return Fail(ErrorCode::kUnavailable, "cannot watch sockets: " + error.message());
  (void)set.release();  // Asio's now
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &OnSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &OnTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, long{CURLPIPE_NOTHING});
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.max_idle_connections));
  return {};
}

template <typename F>
void CurlLoop::post(F&& work) {
  asio::post(strand_, [self = shared_from_this(), w = std::forward<F>(work)]() mutable { w(*self); });
}

void CurlLoop::start(std::shared_ptr<HttpTransfer> transfer) {
  post([t = std::move(transfer)](CurlLoop& self) mutable { self.enter(std::move(t)); });
}

void CurlLoop::resume(std::shared_ptr<HttpTransfer> transfer) {
  post([t = std::move(transfer)](CurlLoop& self) {
    if (!self.transfers_.contains(t.get())) return;
    t->resume();
    self.act(CURL_SOCKET_TIMEOUT, 0);
  });
}

void CurlLoop::abandon(std::shared_ptr<HttpTransfer> transfer) {
  post([t = std::move(transfer)](CurlLoop& self) {
    if (!self.transfers_.contains(t.get())) return;
    self.remove(*t);
    t->finish(Error{ErrorCode::kCancelled, "the request was given up"});
    self.settle();
  });
}

void CurlLoop::close() {
  post([](CurlLoop& self) {
    self.closed_ = true;
    while (!self.transfers_.empty()) {
      const std::shared_ptr<HttpTransfer> transfer = self.transfers_.begin()->second;
      self.remove(*transfer);
      transfer->finish(Error{ErrorCode::kUnavailable, "the HTTP client is closed"});
    }
    self.settle();
  });
}

int CurlLoop::OnSocket(CURL* /*easy*/, curl_socket_t socket, int what, void* self, void* /*known*/) {
  const int set = static_cast<CurlLoop*>(self)->sockets_.native_handle();
  if (what == CURL_POLL_REMOVE) {
    ::epoll_ctl(set, EPOLL_CTL_DEL, socket, nullptr);  // may be closed already, and then is not in the set
    return 0;
  }
  epoll_event event{};
  event.events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
  event.data.fd = socket;
  if (::epoll_ctl(set, EPOLL_CTL_MOD, socket, &event) == 0) return 0;
  return errno == ENOENT && ::epoll_ctl(set, EPOLL_CTL_ADD, socket, &event) == 0 ? 0 : -1;
}

int CurlLoop::OnTimer(CURLM* /*multi*/, long milliseconds, void* self) {
  static_cast<CurlLoop*>(self)->schedule(milliseconds);
  return 0;
}

void CurlLoop::enter(std::shared_ptr<HttpTransfer> transfer) {
  if (closed_) return transfer->finish(Error{ErrorCode::kUnavailable, "the HTTP client is closed"});
  HttpTransfer* key = transfer.get();
  key->touch();
  transfers_.emplace(key, std::move(transfer));
  waiting_.push_back(key);
  settle();
}

void CurlLoop::launch(HttpTransfer& transfer) {
  ++running_;
  const CURLMcode code = curl_multi_add_handle(multi_, transfer.easy());
  if (code == CURLM_OK) return;
  const std::shared_ptr<HttpTransfer> held = transfers_.at(&transfer);
  remove(transfer);
  held->finish(Error{ErrorCode::kUnavailable, curl_multi_strerror(code)});
}

// Drops the loop's reference.
void CurlLoop::remove(HttpTransfer& transfer) {
  const auto waiting = std::ranges::find(waiting_, &transfer);
  if (waiting != waiting_.end()) {
    waiting_.erase(waiting);
  } else {
    curl_multi_remove_handle(multi_, transfer.easy());
    --running_;
  }
  transfers_.erase(&transfer);
}

void CurlLoop::take_events() {
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(sockets_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    const int mask = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                     ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    curl_multi_socket_action(multi_, event.data.fd, mask, &running);
  }
  settle();
}

void CurlLoop::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
  settle();
}

// After anything has happened: tells the transfers that ended, lets waiting ones begin, and watches on.
void CurlLoop::settle() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // the message goes with its handle
    char* mark = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &mark);
    const auto found = transfers_.find(reinterpret_cast<HttpTransfer*>(mark));
    if (found == transfers_.end()) continue;
    const std::shared_ptr<HttpTransfer> transfer = found->second;
    remove(*transfer);
    transfer->finish(code);
  }
  while (!waiting_.empty() && running_ < options_.max_transfers) {
    HttpTransfer* next = waiting_.front();
    waiting_.pop_front();
    launch(*next);
  }
  if (running_ == 0) {
    sockets_.cancel();
    schedule(-1);
  } else if (!watching_) {
    watch_sockets();
  }
  if (transfers_.empty()) {
    tick_.cancel();
  } else if (!ticking_) {
    watch_idlers();
  }
}

void CurlLoop::watch_sockets() {
  watching_ = true;
  sockets_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        self->watching_ = false;
                        if (!error || self->running_ > 0) self->take_events();
                      });
}

void CurlLoop::schedule(long milliseconds) {
  const std::uint64_t generation = ++timer_generation_;
  if (milliseconds < 0) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::milliseconds(milliseconds));
  timer_.async_wait([self = shared_from_this(), generation](const boost::system::error_code& error) {
    if (!error && generation == self->timer_generation_) self->act(CURL_SOCKET_TIMEOUT, 0);
  });
}

void CurlLoop::watch_idlers() {
  ticking_ = true;
  tick_.expires_after(std::max(options_.idle_timeout / 4, std::chrono::milliseconds(1)));
  tick_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    self->ticking_ = false;
    if (!error) self->end_idlers();
    self->settle();
  });
}

void CurlLoop::end_idlers() {
  const Clock::time_point then = Clock::now() - options_.idle_timeout;
  std::vector<std::shared_ptr<HttpTransfer>> idle;
  for (const auto& [key, transfer] : transfers_) {
    if (transfer->idle_since(then)) idle.push_back(transfer);
  }
  for (const auto& transfer : idle) {
    remove(*transfer);
    transfer->finish(Error{ErrorCode::kDeadline, transfer->what() + ": the server makes no progress"});
  }
}

}  // namespace codeapi
