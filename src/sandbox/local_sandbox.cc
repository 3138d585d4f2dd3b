#include "sandbox/local_sandbox.h"

#include <sys/wait.h>

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/unique_fd.h"
#include "jailer/jailer_process.h"
#include "sandbox/jailer_client.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::as_tuple;
using asio::use_awaitable;
using namespace asio::experimental::awaitable_operators;  // NOLINT: the only way to get operator||

// Starting a process takes a millisecond; who does not answer in so long is stopped or worse.
constexpr auto kLauncherPatience = std::chrono::seconds(30);

}  // namespace

class LocalSandbox::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, LocalSandboxOptions options)
      : strand_(asio::make_strand(std::move(executor))),
        options_(std::move(options)),
        launcher_(strand_),
        changed_(strand_) {}

  // On the strand. One start at a time; whoever comes meanwhile waits for it, so it is nobody's to cancel.
  asio::awaitable<Result<std::shared_ptr<JailerClient>>> Client() {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    while (starting_) {
      changed_.expires_at(asio::steady_timer::time_point::max());
      co_await changed_.async_wait(as_tuple(use_awaitable));
    }
    const bool moved = RootMoved();
    if (client_ && client_->alive() && !moved) co_return client_;
    if (stopped_) co_return Fail(ErrorCode::kUnavailable, "shutting down");
    WatchLauncher();
    starting_ = true;
    const auto before = client_;
    auto started = co_await Launch();
    starting_ = false;
    if (before && before->alive()) {
      // A root in which no cell can be made is worse than the old one.
      if (!started && !stopped_) started = before;
      if (started && *started != before) Retire(before);
    }
    changed_.cancel();
    if (stopped_) {
      if (started) (*started)->Close();
      CloseAll();
      co_return Fail(ErrorCode::kUnavailable, "shutting down");
    }
    co_return started;
  }

  asio::awaitable<void> Stop() {
    stopped_ = true;
    CloseAll();
    while (starting_ || running_processes_ > 0) {
      changed_.expires_at(asio::steady_timer::time_point::max());
      co_await changed_.async_wait(as_tuple(use_awaitable));
    }
  }

  void CloseNow() {
    asio::post(strand_, [self = shared_from_this()] {
      self->stopped_ = true;
      self->CloseAll();
    });
  }

  asio::strand<asio::any_io_executor> strand() { return strand_; }

  JailerInfo info() const {
    const std::lock_guard lock(info_mutex_);
    return info_;
  }

 private:
  void CloseAll() {
    if (client_) client_->Close();
    client_.reset();
    for (const auto& retired : retired_) {
      if (const auto client = retired.lock()) client->Close();
    }
    retired_.clear();
    boost::system::error_code ignored;
    launcher_.close(ignored);
    options_.launcher.reset();
  }

  // Once.
  void WatchLauncher() {
    if (!options_.launcher || std::exchange(launcher_watched_, true)) return;
    launcher_.assign(options_.launcher->stream.release());
    ++running_processes_;
    asio::co_spawn(strand_, Reap(shared_from_this(), std::move(options_.launcher->pidfd), true),
                   asio::detached);
  }

  asio::awaitable<Result<JailerProcess>> Spawn() {
    if (!options_.launcher) co_return SpawnJailer(options_.jailer);
    if (!launcher_.is_open()) co_return Fail(ErrorCode::kSetupFailed, "nobody is left who starts jailers");
    if (auto asked = AskLauncher(launcher_.native_handle()); !asked) co_return std::unexpected(asked.error());
    asio::steady_timer timeout(strand_, kLauncherPatience);
    const auto answered =
        co_await (launcher_.async_wait(asio::posix::stream_descriptor::wait_read, as_tuple(use_awaitable)) ||
                  timeout.async_wait(as_tuple(use_awaitable)));
    Result<JailerProcess> jailer = Fail(ErrorCode::kSetupFailed, "no answer from who starts jailers");
    if (launcher_.is_open() && answered.index() == 0) jailer = TakeFromLauncher(launcher_.native_handle());
    // A later answer would be taken for that to another question.
    boost::system::error_code ignored;
    if (answered.index() == 1) launcher_.close(ignored);
    co_return jailer;
  }

  // The runs under way hold the old client, which takes its jailer along when the last of them is done.
  void Retire(const std::shared_ptr<JailerClient>& client) {
    std::erase_if(retired_, [](const auto& retired) { return retired.expired(); });
    retired_.push_back(client);
  }

  // Whether new cells need another jailer. For a while there may be two, so neighbouring ones use different
  // user ids.
  bool RootMoved() {
    if (!options_.root) return false;
    std::string root = options_.root();
    if (root == options_.settings.root) return false;
    options_.settings.root = std::move(root);
    if (client_) {
      options_.settings.uid_base += odd_ ? 0 - options_.settings.max_cells : options_.settings.max_cells;
      odd_ = !odd_;
    }
    return true;
  }

  asio::awaitable<Result<std::shared_ptr<JailerClient>>> Launch() {
    auto process = co_await Spawn();
    if (!process) co_return std::unexpected(process.error());
    ++running_processes_;
    asio::co_spawn(strand_, Reap(shared_from_this(), std::move(process->pidfd), false), asio::detached);
    auto client = co_await JailerClient::Connect(strand_.get_inner_executor(), std::move(process->stream),
                                                 options_.settings, ObserverOfNext());
    if (!client) co_return std::unexpected(client.error());
    client_ = *client;
    const std::lock_guard lock(info_mutex_);
    info_ = client_->info();
    co_return client_;
  }

  // One that new runs no longer go to has nothing to say.
  PoolObserver ObserverOfNext() {
    if (!options_.on_pool) return {};
    return [self = weak_from_this(), mine = ++launches_](const std::vector<PoolState>& states) {
      const auto impl = self.lock();
      if (impl && impl->launches_ == mine) impl->options_.on_pool(states);
    };
  }

  // The end of what a launcher has started shows all the same; only it can reap that.
  static asio::awaitable<void> Reap(std::shared_ptr<Impl> self, UniqueFd pidfd, bool launcher) {
    asio::posix::stream_descriptor watch(self->strand_, pidfd.release());
    co_await watch.async_wait(asio::posix::stream_descriptor::wait_read, as_tuple(use_awaitable));
    siginfo_t info{};
    ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(watch.native_handle()), &info, WEXITED);
    --self->running_processes_;
    self->changed_.cancel();
    if (!launcher || self->stopped_) co_return;
    boost::system::error_code ignored;
    self->launcher_.close(ignored);
    if (self->options_.launcher_lost) self->options_.launcher_lost();
  }

  asio::strand<asio::any_io_executor> strand_;
  LocalSandboxOptions options_;
  asio::posix::stream_descriptor launcher_;  ///< open while it can be asked
  std::shared_ptr<JailerClient> client_;
  std::vector<std::weak_ptr<JailerClient>> retired_;  ///< of older roots, as long as runs hold them
  bool starting_ = false, stopped_ = false, odd_ = false, launcher_watched_ = false;
  int running_processes_ = 0;
  std::atomic<std::uint64_t> launches_ = 0;
  asio::steady_timer changed_;
  mutable std::mutex info_mutex_;
  JailerInfo info_;
};

LocalSandbox::LocalSandbox(asio::any_io_executor executor, LocalSandboxOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}

LocalSandbox::~LocalSandbox() {
  impl_->CloseNow();
}

asio::awaitable<Result<Verdict>> LocalSandbox::Run(RunRequest request, std::vector<RunInput> files,
                                                   RunSink& sink, ToolPeer* tools) {
  auto client = co_await asio::co_spawn(impl_->strand(), impl_->Client(), use_awaitable);
  if (!client) co_return Fail(ErrorCode::kSetupFailed, client.error().message);
  if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
    co_return Fail(ErrorCode::kCancelled, "cancelled");
  }
  co_return co_await (*client)->Run(std::move(request), std::move(files), sink, tools);
}

JailerInfo LocalSandbox::info() const {
  return impl_->info();
}

asio::awaitable<Result<void>> LocalSandbox::Start() {
  auto client = co_await asio::co_spawn(impl_->strand(), impl_->Client(), use_awaitable);
  if (!client) co_return std::unexpected(client.error());
  co_return Result<void>();
}

asio::awaitable<void> LocalSandbox::Stop() {
  co_await asio::co_spawn(impl_->strand(), impl_->Stop(), use_awaitable);
}

}  // namespace codeapi
