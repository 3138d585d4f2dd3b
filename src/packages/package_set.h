// What a root is to hold, as declared in packages/*.yaml.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace codeapi {

/// One binary that is taken out of an npm package.
struct PlacedProgram {
  std::string group;    ///< the directory below packages/npm whose lock file names the package
  std::string pattern;  ///< path below its node_modules; `*` stands for any part of one name
  std::string to;       ///< absolute path in the root
};

/// A profile with everything it includes. Lists are sorted and without repetition, so that two ways of
/// declaring the same give the same root.
struct PackageSet {
  std::string profile;
  std::string suite;  ///< Debian's, such as "trixie"
  std::vector<std::string> components;
  std::vector<std::string> debian;   ///< package names
  std::vector<std::string> locales;  ///< beside C.UTF-8
  std::vector<PlacedProgram> programs;
  std::string npm;                ///< group whose node_modules programs can require and import; empty: none
  std::vector<std::string> pypi;  ///< files packages/pypi/<name>.txt
};

/// Reads `directory`/`profile`.yaml and what it includes. kNotFound for a profile that does not exist, with
/// those that do; kInvalid, with file and line, for a list that cannot be read.
Result<PackageSet> LoadPackageSet(const std::string& directory, const std::string& profile);

/// The profiles in `directory` that are complete in themselves (they lead to a suite), sorted.
std::vector<std::string> ListProfiles(const std::string& directory);

}  // namespace codeapi
