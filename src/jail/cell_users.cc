#include "jail/cell_users.h"

namespace codeapi {

std::string PasswdText(std::uint32_t uid, std::uint32_t gid) {
  return "root:x:0:0:root:/:/usr/sbin/nologin\nsandbox:x:" + std::to_string(uid) + ":" + std::to_string(gid) +
         ":sandbox:/mnt/data:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
}

std::string GroupText(std::uint32_t gid) {
  return "root:x:0:\nsandbox:x:" + std::to_string(gid) + ":\nnogroup:x:65534:\n";
}

}  // namespace codeapi
