// Whom a worker becomes once nothing is left to do that needs root.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "app/wiring.h"
#include "base/result.h"
#include "base/settings.h"
#include "base/unique_fd.h"
#include "jailer/jailer_process.h"

namespace codeapi {

struct WorkerUser {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// The user that CODEAPI_WORKER_USER names: NAME or NAME:GID or UID or UID:GID, where the user database has
/// the group if it is not given. kInvalid when there is no such user, it is root or in root's group, or one
/// of the users that programs run as, of which there are `cells` from `uid_base` on.
Result<WorkerUser> ParseWorkerUser(const std::string& text, std::uint32_t uid_base, std::uint32_t cells);

/// What is left of root.
struct Unprivileged {
  std::shared_ptr<JailerProcess> launcher;  ///< none: this process starts its jailers itself
  UniqueFd bound;                           ///< BindTcp()'s answer; none: there is no need
};

/// Makes the process what CODEAPI_WORKER_USER says, for good: another user without groups, capabilities (not
/// even in the bounding set), ways to gain any (no_new_privs), or core files; nobody but root may look into
/// it. Before that, starts what will start its jailers, binds `address` and `port`, and makes the data
/// directory if it is missing. Without that setting, does nothing. The process must be single-threaded.
///
/// kInvalid, with what to do about it, when the user cannot use what it will have to. After an error the
/// process may be half-way and must end.
Result<Unprivileged> LeavePrivileges(const Settings& settings, const JailerCommand& jailer,
                                     const RootChoice& root, const std::string& address, std::uint16_t port);

}  // namespace codeapi
