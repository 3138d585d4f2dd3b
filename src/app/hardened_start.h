// Hardened mode's rules (app/hardened.h) asked of this process, on this machine.
#pragma once

#include <string>
#include <vector>

#include "app/hardened.h"
#include "base/result.h"
#include "base/settings.h"
#include "base/settings_table.h"

namespace codeapi {

/// What is true of this process and machine. With `cells` it tries to make a cgroup as the jailer will, and
/// removes it again. To be called before there are threads.
HostFacts ProbeHost(const Settings& settings, bool cells);

/// What must not be: the lines of HardenedFindings() for this process, as one text for Say(); kInvalid then.
/// Nothing unless hardened mode is on.
Result<void> CheckHardened(Role role, const Settings& settings);

}  // namespace codeapi
