#include "app/process.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>

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
