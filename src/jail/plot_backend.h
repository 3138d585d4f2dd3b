// Our backend of matplotlib, and where Pythons look for modules. It has to be found whatever a program does
// to PYTHONPATH and with `python3 -I` too, so it is in a directory that every Python of a root searches.
#pragma once

#include <string>
#include <vector>

namespace codeapi {

/// The text of the module (codeapi_matplotlib.py).
extern const char* const kPlotBackend;

inline constexpr const char* kPlotBackendFile = "codeapi_matplotlib.py";

/// The directories for a machine's own modules of the Pythons of `root` (a path without a slash at its end,
/// or empty), relative to it and without a slash in front.
std::vector<std::string> PythonDirectories(const std::string& root);

/// Whether every one of them in the root that this process lives in has the module, and there is one.
bool HasPlotBackend();

}  // namespace codeapi
