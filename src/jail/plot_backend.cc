#include "jail/plot_backend.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace codeapi {

namespace fs = std::filesystem;

std::vector<std::string> PythonDirectories(const std::string& root) {
  // As Debian's Pythons are built; a Python of another make in /usr/local has site-packages.
  const fs::path parent = "usr/local/lib";
  std::vector<std::string> out;
  std::error_code ec;
  for (fs::directory_iterator it(fs::path(root) / parent, ec), end; !ec && it != end; it.increment(ec)) {
    const fs::path name = it->path().filename();
    if (!name.string().starts_with("python3")) continue;
    for (const char* kind : {"dist-packages", "site-packages"}) {
      std::error_code missing;
      if (fs::is_directory(it->path() / kind, missing)) out.push_back(parent / name / kind);
    }
  }
  std::ranges::sort(out);
  return out;
}

bool HasPlotBackend() {
  const auto directories = PythonDirectories("/");
  return !directories.empty() && std::ranges::all_of(directories, [](const std::string& directory) {
    return ::access(("/" + directory + "/" + kPlotBackendFile).c_str(), R_OK) == 0;
  });
}

}  // namespace codeapi
