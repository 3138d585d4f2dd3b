// Turns writes that arrive together into one transaction: an fsync costs the same for one as for a hundred.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/result.h"
#include "store/blocking_pool.h"

namespace codeapi {

/// What a group of writes runs in. Called from one thread at a time.
class Transactions {
 public:
  virtual ~Transactions() = default;
  virtual Result<void> begin() = 0;
  virtual Result<void> commit() = 0;  ///< after an error nothing of the transaction remains
  virtual bool active() const = 0;  ///< false once an operation's error has ended the transaction from within
};

/// Runs operations one after another on a thread of its own, in the order they came. Writes that queue up
/// while one group is committed share the next commit; no answer is given before what it rests on is
/// committed. Thread-safe.
class GroupCommit {
 public:
  enum class Access { kRead, kWrite };

  /// `transactions` must outlive this.
  explicit GroupCommit(Transactions& transactions) : transactions_(transactions), pool_(1) {}

  /// Finishes what was accepted.
  ~GroupCommit() { pool_.stop(); }

  /// Runs `fn`, which returns a Result and leaves nothing behind when that is an error, and resumes the
  /// coroutine on its own executor with what it returned; with the commit's error if the group cannot be
  /// committed.
  template <typename F>
  boost::asio::awaitable<std::invoke_result_t<F&>> run(Access access, F fn) {
    using R = std::invoke_result_t<F&>;
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(R)>(
        [this](auto handler, Access a, F work) {
          using H = std::decay_t<decltype(handler)>;
          this->enqueue(std::make_unique<Pending<R, H, F>>(a, std::move(handler), std::move(work)));
        },
        boost::asio::use_awaitable, access, std::move(fn));
  }

 private:
  struct Operation {
    explicit Operation(Access a) : access(a) {}
    virtual ~Operation() = default;
    virtual void execute() = 0;
    virtual void fail(const Error& error) = 0;
    virtual Error error() const = 0;  // of execute(); a general one if that gave none
    virtual void finish() = 0;        // gives the answer
    Access access;
  };
  using Group = std::vector<std::unique_ptr<Operation>>;

  template <typename R, typename Handler, typename F>
  struct Pending final : Operation {
    Pending(Access a, Handler h, F w) : Operation(a), handler(std::move(h)), work(std::move(w)) {}
    void execute() override { result.emplace(work()); }
    void fail(const Error& error) override { result.emplace(std::unexpected(error)); }
    Error error() const override {
      return result->has_value() ? Error{ErrorCode::kInternal, "the transaction ended"} : result->error();
    }
    void finish() override { ResumeElsewhere(std::move(handler), std::move(*result)); }
    Handler handler;
    F work;
    std::optional<R> result;
  };

  void enqueue(std::unique_ptr<Operation> operation);
  void drain();
  std::size_t runReads(std::span<std::unique_ptr<Operation>> group);
  std::size_t runTransaction(std::span<std::unique_ptr<Operation>> group);

  Transactions& transactions_;
  std::mutex mutex_;
  Group waiting_;          // guarded by mutex_
  bool draining_ = false;  // guarded by mutex_: drain() is posted or running
  BlockingPool pool_;      // last: its thread uses the rest until it has ended
};

}  // namespace codeapi
