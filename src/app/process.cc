#include "app/process.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>

namespace codeapi {

void Say(const std::string& line) {
  std::fprintf(stderr, "codeapi: %s\n", line.c_str());
  std::fflush(stderr);
}

void RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void GiveLargeBuffersBack() {
  // Or glibc raises the bound with the first large body, and keeps the memory of all that come after it.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

std::size_t ServingThreads(const Settings& settings) {
  return settings.threads > 0 ? static_cast<std::size_t>(settings.threads)
                              : std::max(1u, std::thread::hardware_concurrency());
}

int RunToEnd(boost::asio::io_context& io, std::size_t threads, boost::asio::awaitable<int> main) {
  int status = 1;
  boost::asio::co_spawn(io, std::move(main), [&](const std::exception_ptr& error, int value) {
    status = error ? 1 : value;
    io.stop();
  });
  std::vector<std::thread> pool;
  for (std::size_t i = 1; i < threads; ++i) pool.emplace_back([&io] { io.run(); });
  io.run();
  for (std::thread& thread : pool) thread.join();
  return status;
}

std::string ListeningUrl(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", port);
}

bool IsLoopbackAddress(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(address, error);
  return !error && parsed.is_loopback();
}

}  // namespace codeapi
