// What a root holds beside Debian's packages: npm's and PyPI's.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "packages/progress.h"
#include "packages/root_inputs.h"
#include "packages/root_manifest.h"

namespace codeapi {

/// Where programs find packages to require and import, in the root.
inline constexpr const char* kNodeModules = "/usr/local/lib/node_modules";

/// Installs the npm groups of `inputs` into the tree `target`: libraries below kNodeModules, binaries where
/// the lists say. npm verifies what it gets by the lock files; no script of any package runs. `work` is an
/// empty directory. Returns the packages that binaries were taken from.
Result<std::vector<InstalledPackage>> InstallNpm(const RootInputs& inputs, const std::string& target,
                                                 const std::string& cache, const std::string& work,
                                                 Progress& progress);

/// Installs the wheels of `inputs` with pip, whose own settings (PIP_INDEX_URL, PIP_FIND_LINKS…) say where
/// from. What has no known checksum or cannot be had is left out and returned. A file with a wrong checksum
/// is an error.
Result<std::vector<LeftOutPackage>> InstallWheels(const RootInputs& inputs, const std::string& target,
                                                  const std::string& cache, Progress& progress);

/// The tree's directory for PyPI's packages; empty when it has no Python.
std::string SitePackages(const std::string& target);

/// `text` matches `pattern`, in which each `*` stands for any characters but `/`.
bool MatchesPattern(std::string_view pattern, std::string_view text);

}  // namespace codeapi
