// packages.json: what a root holds.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace codeapi {

struct InstalledPackage {
  std::string name, version, architecture;
  std::string source;  ///< debian, npm or pypi
};

/// A package that was declared and is not there.
struct LeftOutPackage {
  std::string name, version, reason;
};

struct RootManifest {
  std::string address;  ///< of the inputs
  std::string profile, suite, architecture;
  std::string built;  ///< UTC, as in 2025-01-31T12:00:00Z
  std::vector<InstalledPackage> packages;
  std::vector<LeftOutPackage> left_out;

  std::string ToJson() const;
  /// A table for people: one line a package, then what was left out.
  std::string ToText() const;
};

/// kInvalid for what ToJson did not make.
Result<RootManifest> ParseRootManifest(const std::string& text);

/// Reads `root`/packages.json. kNotFound when the root is not complete.
Result<RootManifest> ReadRootManifest(const std::string& root);

/// Installed packages out of dpkg's status file.
std::vector<InstalledPackage> ParseDpkgStatus(const std::string& text);

/// Packages below `node_modules`, scoped and nested ones too.
std::vector<InstalledPackage> ListNodeModules(const std::string& node_modules);

/// Distributions that pip installed in `directory`.
std::vector<InstalledPackage> ListDistInfo(const std::string& directory);

}  // namespace codeapi
