// What every long-running command does at its start.
#pragma once

#include <cstdint>
#include <string>

namespace codeapi {

/// A line for the operator on stderr, at once.
void Say(const std::string& line);

/// Every connection, pipe and file of every program's run needs a descriptor: allows as many as the system
/// lets us have.
void RaiseFileLimit();

/// `http://127.0.0.1:3000`, with an IPv6 address in brackets.
std::string ListeningUrl(const std::string& address, std::uint16_t port);

/// Whether a numeric address is one that only this machine reaches. False for anything else.
bool IsLoopbackAddress(const std::string& address);

}  // namespace codeapi
