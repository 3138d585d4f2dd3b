// How settings become parts: the one place that knows every implementation.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/settings.h"
#include "sandbox/local_sandbox.h"
#include "worker/executor.h"
#include "worker/job_admission.h"
#include "worker/tool_programs.h"

namespace codeapi {

/// The settings from this process's environment. Warnings are printed to stderr; an error names every
/// variable that cannot be used.
Result<Settings> LoadSettings();

/// Whether the environment, rather than a default, decided the setting of this name.
bool IsSet(const Settings& settings, std::string_view name);

/// What programs see as `/`.
struct RootChoice {
  std::string path;  ///< empty: this machine's own /usr
  std::string link;  ///< the link that led to it, or will once there is a root; empty: the path was set
};

/// CODEAPI_ROOT, or what package-init built, or this machine's own. Never fails: what it names may still be
/// no root, which shows when a cell is made.
RootChoice ChooseRoot(const Settings& settings);

/// One line for people that says which root it is, what made it so and, for the host's, what to do.
std::string DescribeRoot(const RootChoice& root);

/// Where package-init keeps roots: CODEAPI_PACKAGES_DIR, or `packages` in the data directory.
Result<std::string> PackagesDirectory(const Settings& settings);

/// What the jailer is told.
JailerSettings MakeJailerSettings(const Settings& settings, const RootChoice& root);

/// Asked before every run: the path of the root for new cells. Follows `link` to each new root, and keeps the
/// last one while there is none. Thread-safe only as far as one strand calls it.
std::function<std::string()> FollowRoot(const RootChoice& root);

/// What every execution is limited to.
ExecutorLimits MakeExecutorLimits(const Settings& settings);

/// How many programs may wait for their tools, and how long.
ToolProgramLimits MakeToolProgramLimits(const Settings& settings);

/// The keys that jobs must be signed with, as a text for ManifestVerifier: those of the setting, else the one
/// that belongs to this process's own private key, else none. kInvalid, naming the setting, for keys that
/// cannot be used.
Result<std::string> ManifestKeys(const Settings& settings);

/// What holds jobs to those keys.
JobAdmission MakeJobAdmission(const Settings& settings, const std::string& manifest_keys, Log& log);

/// Where codeapi-jailer is: CODEAPI_LIBEXEC_DIR, or beside this program. kSetupFailed when it, or
/// codeapi-init beside it, cannot be executed.
Result<std::string> FindJailer(const Settings& settings);

/// Where files and state are kept unless a setting says so: /var/lib/codeapi for root, else the user's own
/// data directory, whose parents are made. kInvalid when the user has no home.
Result<std::string> DefaultDataDirectory();

/// Sets `data_dir` to that.
Result<void> UseDefaultDataDirectory(Settings& settings);

/// Makes the data directory (mode 0700) unless it is there. Its parent must exist: a mistyped path should
/// fail, not grow.
Result<void> MakeDataDirectory(const std::string& path);

}  // namespace codeapi
