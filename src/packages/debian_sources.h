// Where Debian's packages come from: this machine's own mirrors, with another release.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace codeapi {

struct DebianMirrors {
  std::string archive;   ///< URI of the archive
  std::string security;  ///< URI of the security archive; empty: none is known
  std::string keyring;   ///< file with the keys that both are signed with
};

/// Out of lines of `URI RELEASE`, as `apt-get indextargets` prints this machine's sources. `codename` is this
/// machine's own release. kNotFound when none of them is Debian's archive.
Result<DebianMirrors> ChooseMirrors(const std::string& targets, const std::string& codename);

/// The machine's mirrors, unless given here (empty: not given).
Result<DebianMirrors> FindMirrors(const DebianMirrors& given);

/// Lines for sources.list: the suite, its updates and its security updates.
std::string MakeSourcesList(const DebianMirrors& mirrors, const std::string& suite,
                            const std::vector<std::string>& components);

/// Settings of this machine's apt that say how mirrors are reached (proxies, time-outs, credentials), as
/// lines of an apt.conf, out of what `apt-config dump` prints.
std::string NetworkSettings(const std::string& dump);

}  // namespace codeapi
