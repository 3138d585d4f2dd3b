// Everything a root is made from, and the address that follows from it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "packages/package_set.h"

namespace codeapi {

/// One line of packages/pypi/<name>.txt.
struct PypiPackage {
  std::string name, version;
  std::vector<std::string> hashes;  ///< "sha256:…", one for each file that is accepted; empty: not known yet
};

/// The declared lists and the files beside them that take part in building.
struct RootInputs {
  PackageSet set;
  std::string architecture;                  ///< Debian's name: amd64, arm64
  std::map<std::string, std::string> files;  ///< path below the lists' directory → content
  std::vector<PypiPackage> pypi;

  /// 64 lower-case hex characters: the same for the same inputs, whatever the machine.
  std::string Address() const;
};

/// Reads the lists of `profile` and every file that they name. Errors as LoadPackageSet, and kInvalid for a
/// line that cannot be read.
Result<RootInputs> LoadRootInputs(const std::string& directory, const std::string& profile,
                                  const std::string& architecture);

/// Debian's name for the machine this program was built for.
std::string DebianArchitecture();

/// Parses lines of `name==version --hash=sha256:…`; `#` begins a comment. kInvalid names the line.
Result<std::vector<PypiPackage>> ParsePypiList(const std::string& file, const std::string& text);

}  // namespace codeapi
