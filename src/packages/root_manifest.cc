#include "packages/root_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <tuple>

#include <boost/json.hpp>

#include "packages/files.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr int kFormat = 1;

std::string Text(const json::value& object, const char* key) {
  return json::value_to<std::string>(object.at(key));
}

void AddNodePackages(const fs::path& node_modules, std::vector<InstalledPackage>& out) {
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(node_modules, ec)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(".") || !entry.is_directory()) continue;
    if (name.starts_with("@")) {
      AddNodePackages(entry.path(), out);
      continue;
    }
    const auto text = ReadWholeFile(entry.path() / "package.json");
    if (!text) continue;
    json::error_code bad;
    const json::value package = json::parse(*text, bad);
    if (bad || !package.is_object()) continue;
    const auto* full = package.as_object().if_contains("name");
    const auto* version = package.as_object().if_contains("version");
    if (full != nullptr && version != nullptr && full->is_string() && version->is_string()) {
      out.push_back({json::value_to<std::string>(*full), json::value_to<std::string>(*version), "", "npm"});
    }
    AddNodePackages(entry.path() / "node_modules", out);
  }
}

}  // namespace

std::string RootManifest::ToJson() const {
  json::array list, missing;
  for (const InstalledPackage& p : packages) {
    list.push_back(
        {{"name", p.name}, {"version", p.version}, {"architecture", p.architecture}, {"source", p.source}});
  }
  for (const LeftOutPackage& p : left_out) {
    missing.push_back({{"name", p.name}, {"version", p.version}, {"reason", p.reason}});
  }
  const json::object all = {{"format", kFormat}, {"address", address},           {"profile", profile},
                            {"suite", suite},    {"architecture", architecture}, {"built", built},
                            {"packages", list},  {"left_out", missing}};
  return json::serialize(all) + "\n";
}

std::string RootManifest::ToText() const {
  std::size_t width = 0, version_width = 0;
  for (const InstalledPackage& p : packages) {
    width = std::max(width, p.name.size());
    version_width = std::max(version_width, p.version.size());
  }
  std::string out = fmt::format("profile {}, {} on {}, built {}, {} packages, address {}\n", profile, suite,
                                architecture, built, packages.size(), address);
  for (const InstalledPackage& p : packages) {
    out += fmt::format("{:<{}}  {:<{}}  {:<6}  {}\n", p.name, width, p.version, version_width, p.source,
                       p.architecture.empty() ? "all" : p.architecture);
  }
  for (const LeftOutPackage& p : left_out)
    out += fmt::format("left out: {} {}: {}\n", p.name, p.version, p.reason);
  return out;
}

Result<RootManifest> ParseRootManifest(const std::string& text) {
  // Boost.JSON's own checks are exceptions.
  try {
    const json::value all = json::parse(text);
    if (all.at("format").as_int64() != kFormat) return Fail(ErrorCode::kInvalid, "is of another version");
    RootManifest out{Text(all, "address"),
                     Text(all, "profile"),
                     Text(all, "suite"),
                     Text(all, "architecture"),
                     Text(all, "built"),
                     {},
                     {}};
    for (const json::value& p : all.at("packages").as_array())
      out.packages.push_back(
          {Text(p, "name"), Text(p, "version"), Text(p, "architecture"), Text(p, "source")});
    for (const json::value& p : all.at("left_out").as_array())
      out.left_out.push_back({Text(p, "name"), Text(p, "version"), Text(p, "reason")});
    return out;
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kInvalid, std::string("is not a manifest: ") + error.what());
  }
}

Result<RootManifest> ReadRootManifest(const std::string& root) {
  const std::string path = root + "/packages.json";
  auto text = ReadWholeFile(path);
  if (!text) return std::unexpected(text.error());
  auto manifest = ParseRootManifest(*text);
  if (!manifest) return Fail(manifest.error().code, path + " " + manifest.error().message);
  return manifest;
}

std::vector<InstalledPackage> ParseDpkgStatus(const std::string& text) {
  std::vector<InstalledPackage> out;
  InstalledPackage package;
  bool installed = false;
  const auto finish = [&] {
    if (installed && !package.name.empty()) out.push_back(package);
    package = {"", "", "", "debian"};
    installed = false;
  };
  finish();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto value = [&](std::string_view key, std::string& to) {
      if (line.starts_with(key)) to = line.substr(key.size());
    };
    if (line.empty()) finish();
    value("Package: ", package.name);
    value("Version: ", package.version);
    value("Architecture: ", package.architecture);
    if (line == "Status: install ok installed") installed = true;
  }
  finish();
  return out;
}

std::vector<InstalledPackage> ListNodeModules(const std::string& node_modules) {
  std::vector<InstalledPackage> out;
  AddNodePackages(node_modules, out);
  const auto key = [](const InstalledPackage& p) { return std::tie(p.name, p.version); };
  std::ranges::sort(out, {}, key);
  const auto repeated = std::ranges::unique(out, {}, key);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

std::vector<InstalledPackage> ListDistInfo(const std::string& directory) {
  std::vector<InstalledPackage> out;
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ec)) {
    if (entry.path().extension() != ".dist-info") continue;
    InstalledPackage package{"", "", "", "pypi"};
    std::istringstream lines(ReadWholeFile(entry.path() / "METADATA").value_or(""));
    for (std::string line; std::getline(lines, line) && !line.empty() && line != "\r";) {
      if (line.starts_with("Name: ")) package.name = line.substr(6);
      if (line.starts_with("Version: ")) package.version = line.substr(9);
    }
    if (!package.name.empty()) out.push_back(package);
  }
  std::ranges::sort(out, {}, &InstalledPackage::name);
  return out;
}

}  // namespace codeapi
