// Which mounts a template root is made of.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace codeapi {

/// Prepares the template root at `at` for cells with a private root (private_root.h): makes its kEmptyLayer,
/// and returns what to put overlays over, as paths in the template, `/` first and each after what it is in.
/// Each overlay has been tried. Needs CAP_SYS_ADMIN and a /proc; nothing may be mounted in the template
/// afterwards.
Result<std::vector<std::string>> FindRootMounts(const std::string& at);

}  // namespace codeapi
