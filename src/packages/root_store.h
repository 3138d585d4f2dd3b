// The directory that built roots are kept in:
//
//   roots/<address>        one complete root each; <address>.2, .3… when it was built again by force
//   roots/.build-<id>      one that is being built; removed by the next builder if its builder died
//   current                symbolic link to the root that new cells use
//   cache/                 downloads, kept between builds
//   lease                  who builds (lease.h)
//
// A root is complete when its packages.json exists, which is written last, before the rename.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace codeapi {

/// Paths and moves of one packages directory. Any process may read while another builds or switches.
class RootStore {
 public:
  explicit RootStore(std::string directory) : directory_(std::move(directory)) {}

  const std::string& directory() const { return directory_; }
  std::string roots() const { return directory_ + "/roots"; }
  std::string current_link() const { return directory_ + "/current"; }
  std::string cache() const { return directory_ + "/cache"; }
  std::string lease_path() const { return directory_ + "/lease"; }

  /// The absolute path of the root that `current` names, if that is complete.
  std::optional<std::string> Current() const;

  /// The newest complete root with this address.
  std::optional<std::string> Find(const std::string& address) const;

  /// Makes an empty directory for a build, after removing those that dead builders left. Only with the lease.
  Result<std::string> BeginBuild() const;

  /// Gives the finished build its name and returns that path. If somebody was faster, theirs is it.
  Result<std::string> Publish(const std::string& build, const std::string& address) const;

  /// Makes `current` name this root, in one step: whoever looks sees the old one or the new one.
  Result<void> Switch(const std::string& root) const;

  /// Removes complete roots that are neither current nor mounted in any process of this machine, and what
  /// dead builders left. Returns what was removed. Only with the lease.
  Result<std::vector<std::string>> Prune() const;

 private:
  std::vector<std::string> Names() const;

  std::string directory_;
};

/// Where a link `current` leads, if to a complete root.
std::optional<std::string> ResolveRoot(const std::string& link);

}  // namespace codeapi
