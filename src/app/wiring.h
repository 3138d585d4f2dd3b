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

/// Where files and state are kept unless a setting says so: /var/lib/codeapi for root, else the user's own
/// data directory, whose parents are made. kInvalid when the user has no home.
Result<std::string> DefaultDataDirectory();

/// Makes the data directory (mode 0700) unless it is there. Its parent must exist: a mistyped path should
/// fail, not grow.
Result<void> MakeDataDirectory(const std::string& path);

}  // namespace codeapi
