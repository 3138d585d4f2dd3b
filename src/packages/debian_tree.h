// The Debian part of a root: packages are downloaded by apt into a cache that stays, then installed from it
// by mmdebstrap without any network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "packages/debian_sources.h"
#include "packages/package_set.h"
#include "packages/progress.h"

namespace codeapi {

/// What apt found to be needed.
struct DebianPlan {
  std::size_t packages = 0;   ///< to be installed
  std::size_t downloads = 0;  ///< those that the cache does not have
  std::uint64_t bytes = 0;    ///< their size
};

/// One suite on one set of mirrors, with its lists and packages kept below `cache`. Signatures of lists and
/// checksums of packages are verified by apt.
class DebianTree {
 public:
  DebianTree(std::string cache, DebianMirrors mirrors, const PackageSet& set, std::string architecture);

  /// Gets the suite's lists. What fails is told with a way out.
  Result<void> UpdateLists(Progress& progress);

  /// What installing needs. kInvalid when a package does not exist in the suite.
  Result<DebianPlan> Plan();

  /// Downloads what the cache lacks; goes on where an earlier try stopped.
  Result<void> Download(Progress& progress);

  /// Installs into the empty directory `target`.
  Result<void> Install(const std::string& target, const DebianPlan& plan, Progress& progress);

 private:
  Result<std::string> Apt(const std::vector<std::string>& arguments, Progress* progress);
  Result<void> WriteConfiguration() const;
  std::vector<std::string> Wanted() const;

  const std::string cache_;
  const DebianMirrors mirrors_;
  const PackageSet& set_;
  const std::string architecture_;
};

/// A command line that runs `argv` with mounts and processes of its own, which end with it, where this
/// process may make such; otherwise `argv` itself.
std::vector<std::string> Isolated(std::vector<std::string> argv);

}  // namespace codeapi
