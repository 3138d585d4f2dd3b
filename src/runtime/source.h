// What has to be known of a program's text before it is stored: its name, and what it lacks to be a program.
#pragma once

#include <string>
#include <string_view>

#include "runtime/runtime.h"

namespace codeapi {

/// How a program is called.
struct SourceNames {
  std::string stem;  ///< of its file
  std::string
      entry;  ///< the class that is started, with its package; empty where a language has no such thing
};

/// The names a source asks for. Java wants a public class to be in a file of its name, and starts a class: of
/// those at the top level a public one with a main method, else the first with a main method, else the public
/// one, else the first. A look at tokens, no parser: of a text that is no program the names are any.
SourceNames NamesInSource(const Runtime& runtime, std::string_view code);

/// The text as it is stored: with the runtime's opening where it has none of its marks. Line numbers stay.
std::string SourceText(const Runtime& runtime, std::string code);

/// Whether `entry` can be given to a runtime as an argument: letters, digits, `_`, `$`, `.` and what is not
/// ASCII; of bounded length.
bool IsEntryName(std::string_view entry);

}  // namespace codeapi
