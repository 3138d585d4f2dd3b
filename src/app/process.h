// What every long-running command does at its start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/settings.h"

namespace codeapi {

/// A line for the operator on stderr, at once.
void Say(const std::string& line);

/// Every connection, pipe and file of every program's run needs a descriptor: allows as many as the system
/// lets us have.
void RaiseFileLimit();

/// Makes buffers of a megabyte and more go back to the system as soon as they are freed.
void GiveLargeBuffersBack();

/// How many threads serve requests: as set, or one per core.
std::size_t ServingThreads(const Settings& settings);

/// Runs `main` on `io` with `threads` threads, this one among them, until it returns; its value, or 1 when it
/// threw. Whatever else runs on `io` is then stopped where it is.
int RunToEnd(boost::asio::io_context& io, std::size_t threads, boost::asio::awaitable<int> main);

/// `http://127.0.0.1:3000`, with an IPv6 address in brackets.
std::string ListeningUrl(const std::string& address, std::uint16_t port);

/// Whether a numeric address is one that only this machine reaches. False for anything else.
bool IsLoopbackAddress(const std::string& address);

}  // namespace codeapi
