// The users and groups that a cell knows by name: root, nobody, and the program itself.
#pragma once

#include <cstdint>
#include <string>

namespace codeapi {

/// Text for /etc/passwd of a cell whose program runs as `uid` and `gid`. It is the only user called
/// `sandbox`, so that the name leads back to it.
std::string PasswdText(std::uint32_t uid, std::uint32_t gid);

/// Text for /etc/group of such a cell.
std::string GroupText(std::uint32_t gid);

}  // namespace codeapi
