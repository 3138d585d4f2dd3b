// A cheap look at what a program imports, before it runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace codeapi {

/// Whether a Python program looks as if it imports one of the packages for working with data that a warm
/// interpreter has loaded. A guess by its lines: a wrong one costs time, and nothing else. Reads the source
/// once; any bytes will do.
bool LooksLikeDataWork(std::string_view python);

/// The name by which a Python program beside the file `name` (relative to its directory) would import it, or
/// empty: "helper" for helper.py, helper/__init__.py and helper.cpython-313-x86_64-linux-gnu.so.
std::string ImportedAs(std::string_view name);

}  // namespace codeapi
