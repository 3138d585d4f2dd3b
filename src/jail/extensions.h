// Which file names are kept as outputs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace codeapi {

/// Whether a file of this base name is kept: its last extension, or its whole name, or (without an extension)
/// "." plus its name, is in the built-in list or in `extra` (lower case, no dot); ASCII case is ignored. So
/// `a.CSV`, `.env` and `Dockerfile` count and `Makefile` does not. The list is what LibreChat promises the
/// model.
bool IsKeptName(std::string_view base_name, const std::vector<std::string>& extra);

}  // namespace codeapi
