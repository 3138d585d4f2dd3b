// Builds the root that cells see as `/`, from declared lists.
//
// Theory of operation. Everything declared is read first and gives an address; a root with that address is
// complete and never changes, so the second run has nothing to do. Otherwise the builder takes the lease,
// looks again (somebody else may just have built it), and works in a directory of its own beside the other
// roots: Debian packages, npm packages, wheels, then packages/finish.sh inside of the tree. Only the complete
// tree is renamed to its address, and only then is `current` switched, so whatever fails or is killed
// half-way leaves the old root in place. Downloads are kept in the cache, where the next try finds them.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "packages/debian_sources.h"
#include "packages/lease.h"
#include "packages/progress.h"
#include "packages/root_inputs.h"
#include "packages/root_manifest.h"
#include "packages/root_store.h"

namespace codeapi {

struct RootBuildOptions {
  std::string directory;  ///< the packages directory, see root_store.h
  DebianMirrors mirrors;  ///< empty members: this machine's own
  bool force = false;     ///< build even what is there
  bool terminal = false;  ///< how progress is shown
  LeaseTimes lease = {};
};

struct RootBuildOutcome {
  std::string root;    ///< what `current` names now
  bool built = false;  ///< false: there was nothing to build
  RootManifest manifest;
};

/// Makes `current` lead to a root of these inputs, building it if need be. Only root may build. Lines for
/// people go to stderr.
Result<RootBuildOutcome> BuildRoot(const RootInputs& inputs, const RootBuildOptions& options);

/// What BuildRoot would do, as text: asks the mirrors, but builds nothing.
Result<std::string> DescribeBuild(const RootInputs& inputs, const RootBuildOptions& options);

}  // namespace codeapi
