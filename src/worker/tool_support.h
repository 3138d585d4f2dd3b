// What a program with tools finds in its cell, as the inputs of its run.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace codeapi {

/// The support files of a program of `runtime` (py or bash) with the list `tools`, JSON text as ToolsToJson
/// makes it. kInternal for anything else.
Result<std::vector<RunInput>> ToolSupport(std::string_view runtime, std::string_view tools);

}  // namespace codeapi
