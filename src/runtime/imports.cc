#include "runtime/imports.h"

#include <algorithm>
#include <array>

namespace codeapi {
namespace {

// What the zygote for data has loaded, and what imports it.
constexpr std::array<std::string_view, 14> kDataPackages = {
    "PIL",    "geopandas", "matplotlib", "networkx", "numpy",       "openpyxl", "pandas",
    "plotly", "pylab",     "scipy",      "seaborn",  "statsmodels", "sklearn",  "xarray"};

std::string_view Trim(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\f");
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

bool IsNamePart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The first part of the dotted name at the front of `text`, which is then behind the whole of it.
std::string_view TakeName(std::string_view& text) {
  text = Trim(text);
  const auto end = std::ranges::find_if_not(text, IsNamePart);
  const std::string_view first = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  const auto whole = std::ranges::find_if_not(text, [](char c) { return IsNamePart(c) || c == '.'; });
  text.remove_prefix(static_cast<std::size_t>(whole - text.begin()));
  return first;
}

bool ImportsData(std::string_view statement) {
  statement = Trim(statement);
  const bool from = statement.starts_with("from ");
  if (!from && !statement.starts_with("import ")) return false;
  statement.remove_prefix(from ? 5 : 7);
  while (true) {
    if (std::ranges::find(kDataPackages, TakeName(statement)) != kDataPackages.end()) return true;
    const std::size_t comma = statement.find(',');
    if (from || comma == std::string_view::npos) return false;
    statement.remove_prefix(comma + 1);
  }
}

}  // namespace

bool LooksLikeDataWork(std::string_view python) {
  while (!python.empty()) {
    const std::size_t end = std::min(python.find_first_of("\n;"), python.size());
    if (ImportsData(python.substr(0, end))) return true;
    python.remove_prefix(std::min(end + 1, python.size()));
  }
  return false;
}

std::string ImportedAs(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view rest = name.substr(slash + 1);
    return rest.starts_with("__init__.") ? std::string(name.substr(0, slash)) : std::string();
  }
  for (const std::string_view suffix : {".py", ".pyc", ".so"}) {
    if (name.ends_with(suffix)) return std::string(name.substr(0, name.find('.')));
  }
  return {};
}

}  // namespace codeapi
