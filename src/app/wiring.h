// How settings become parts: the one place that knows every implementation.
#pragma once

#include <string>

#include "base/result.h"
#include "base/settings.h"
#include "sandbox/local_sandbox.h"
#include "worker/executor.h"

namespace codeapi {

/// The settings from this process's environment. Warnings are printed to stderr; an error names every
/// variable that cannot be used.
Result<Settings> LoadSettings();

/// What the jailer is told.
JailerSettings MakeJailerSettings(const Settings& settings);

/// What every execution is limited to.
ExecutorLimits MakeExecutorLimits(const Settings& settings);

/// Where codeapi-jailer is: CODEAPI_LIBEXEC_DIR, or beside this program. kSetupFailed when it, or
/// codeapi-init beside it, cannot be executed.
Result<std::string> FindJailer(const Settings& settings);

/// kForbidden, in one line that says what to do, unless this process is root.
Result<void> CheckPrivileges();

}  // namespace codeapi
