// Calls that finish whatever becomes of their caller.
#pragma once

#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace codeapi {

/// Runs `work` on a strand of the caller's executor, out of reach of the caller's cancellation, and returns
/// on the caller's executor what it returned.
template <typename T>
boost::asio::awaitable<T> Shielded(boost::asio::awaitable<T> work) {
  namespace asio = boost::asio;
  co_return co_await asio::co_spawn(
      asio::make_strand(co_await asio::this_coro::executor), std::move(work),
      asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
}

}  // namespace codeapi
