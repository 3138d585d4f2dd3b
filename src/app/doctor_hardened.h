// `codeapi doctor --hardened`: hardened mode's start-up rules before anything is started.
#pragma once

#include <optional>
#include <string>

#include "base/settings.h"

namespace codeapi {

/// Prints what would keep `role`, or each role, from starting with these settings, as this user, on this
/// machine. The exit status: 0 when `role`, or at least one of them, could start.
int DoctorHardened(const Settings& settings, const std::optional<std::string>& role);

}  // namespace codeapi
