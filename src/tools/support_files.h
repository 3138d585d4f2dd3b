// What a program with tools finds in its cell, besides its own files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/tool_list.h"

namespace codeapi {

/// Where the support files are in a cell: made by root, for everybody to read and execute.
inline constexpr std::string_view kSupportDirectory = "/tmp/.codeapi";

struct SupportFile {
  std::string name;  ///< without a directory
  std::string bytes;
};

/// The support files of a program in `language` that may call `tools`, to be put into `directory`, an
/// absolute path without anything that a shell would have to be told to leave alone.
///
/// A Python program is started with `python3 DIRECTORY/run.py PROGRAM [ARGUMENTS]`; a bash program as ever,
/// with BASH_ENV=DIRECTORY/functions.sh. Of a tool's name nothing but ToolFunctionName gets into source; the
/// rest is data of `tools.json`.
std::vector<SupportFile> SupportFiles(ToolLanguage language, const std::vector<Tool>& tools,
                                      std::string_view directory = kSupportDirectory);

}  // namespace codeapi
