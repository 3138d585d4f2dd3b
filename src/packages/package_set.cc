#include "packages/package_set.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <regex>
#include <set>

namespace codeapi {
namespace {

namespace fs = std::filesystem;

// Names become words of command lines and parts of paths, so their shape is checked here, once.
const std::regex kProfileName("[a-z][a-z0-9-]{0,63}");
const std::regex kDebianName("[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?");
const std::regex kLocaleName("[a-z]{2,3}_[A-Z]{2}\\.UTF-8");
const std::regex kPattern("([a-z][a-z0-9-]*)/((?:@?[A-Za-z0-9._*-]+/)*[A-Za-z0-9._*-]+)");
const std::regex kTarget("/usr/(?:local/)?bin/[A-Za-z0-9._-]+");
constexpr int kMostIncludes = 32;

struct Reader {
  const std::string& directory;
  PackageSet set;
  std::set<std::string> seen;

  [[noreturn]] void Refuse(const std::string& file, const YAML::Node& node, const std::string& what) const {
    throw YAML::RepresentationException(node.Mark(), file + ": " + what);
  }

  std::vector<std::string> Words(const std::string& file, const YAML::Node& node, const std::string& key,
                                 const std::regex& shape) const {
    if (!node.IsSequence()) Refuse(file, node, key + " is not a list");
    std::vector<std::string> out;
    for (const YAML::Node& entry : node) {
      if (!entry.IsScalar()) Refuse(file, entry, "an entry of " + key + " is not one word");
      const auto word = entry.as<std::string>();
      if (!std::regex_match(word, shape)) Refuse(file, entry, fmt::format("\"{}\" cannot be a name", word));
      out.push_back(word);
    }
    return out;
  }

  void Programs(const std::string& file, const YAML::Node& node) {
    if (!node.IsSequence()) Refuse(file, node, "programs is not a list");
    for (const YAML::Node& entry : node) {
      if (!entry.IsMap() || entry.size() != 2 || !entry["from"] || !entry["to"]) {
        Refuse(file, entry, "an entry of programs has not just `from` and `to`");
      }
      const auto from = entry["from"].as<std::string>(), to = entry["to"].as<std::string>();
      std::smatch parts;
      if (!std::regex_match(from, parts, kPattern) || from.find("..") != from.npos) {
        Refuse(file, entry, fmt::format("\"{}\" is not <group>/<path below node_modules>", from));
      }
      if (!std::regex_match(to, kTarget)) Refuse(file, entry, fmt::format("\"{}\" is not in a bin", to));
      set.programs.push_back({parts[1], parts[2], to});
    }
  }

  void Key(const std::string& file, const std::string& key, const YAML::Node& value) {
    const auto append = [&](std::vector<std::string>& to, const std::regex& shape) {
      for (std::string& word : Words(file, value, key, shape)) to.push_back(std::move(word));
    };
    if (key == "include") {
      for (const std::string& name : Words(file, value, key, kProfileName)) Read(name);
    } else if (key == "suite") {
      set.suite = value.as<std::string>();
      if (!std::regex_match(set.suite, kProfileName)) Refuse(file, value, "suite cannot be a name");
    } else if (key == "components") {
      append(set.components, kProfileName);
    } else if (key == "debian") {
      append(set.debian, kDebianName);
    } else if (key == "locales") {
      append(set.locales, kLocaleName);
    } else if (key == "pypi") {
      append(set.pypi, kProfileName);
    } else if (key == "npm") {
      const auto group = value.as<std::string>();
      if (!std::regex_match(group, kProfileName)) Refuse(file, value, "npm cannot be a name");
      if (!set.npm.empty() && set.npm != group) Refuse(file, value, "npm names a second group");
      set.npm = group;
    } else if (key == "programs") {
      Programs(file, value);
    } else {
      Refuse(file, value,
             fmt::format("unknown key \"{}\"; known are include, suite, components, debian, locales, "
                         "programs, npm, pypi",
                         key));
    }
  }

  void Read(const std::string& name) {
    if (!seen.insert(name).second) return;
    if (seen.size() > kMostIncludes) throw std::runtime_error("too many lists include each other");
    const std::string file = name + ".yaml";
    const YAML::Node root = YAML::LoadFile(directory + "/" + file);
    if (!root.IsMap()) Refuse(file, root, "is not a mapping");
    for (const auto& entry : root) Key(file, entry.first.as<std::string>(), entry.second);
  }
};

void SortUnique(std::vector<std::string>& words) {
  std::ranges::sort(words);
  const auto repeated = std::ranges::unique(words);
  words.erase(repeated.begin(), repeated.end());
}

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// Nothing but what the lists say, and whether they lead to a suite.
Result<PackageSet> ReadSet(const std::string& directory, const std::string& profile) {
  Reader reader{directory, {}, {}};
  reader.set.profile = profile;
  // yaml-cpp speaks in exceptions.
  try {
    reader.Read(profile);
  } catch (const YAML::BadFile&) {
    return Fail(ErrorCode::kNotFound,
                fmt::format("a list that {} includes is not in {}", profile, directory));
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kInvalid,
                fmt::format("the package lists in {} cannot be used: {}", directory, error.what()));
  }
  for (auto* list : {&reader.set.components, &reader.set.debian, &reader.set.locales, &reader.set.pypi})
    SortUnique(*list);
  if (reader.set.components.empty()) reader.set.components = {"main"};
  return reader.set;
}

}  // namespace

Result<PackageSet> LoadPackageSet(const std::string& directory, const std::string& profile) {
  if (!std::regex_match(profile, kProfileName) || !fs::exists(directory + "/" + profile + ".yaml")) {
    const auto profiles = ListProfiles(directory);
    if (profiles.empty()) return Fail(ErrorCode::kNotFound, "no package lists in " + directory);
    return Fail(ErrorCode::kNotFound,
                fmt::format("there is no profile \"{}\"; there are: {}", profile, Joined(profiles)));
  }
  auto set = ReadSet(directory, profile);
  if (set && set->suite.empty()) {
    return Fail(ErrorCode::kInvalid,
                fmt::format("{}.yaml is a part of other profiles and names no suite; there are: {}", profile,
                            Joined(ListProfiles(directory))));
  }
  return set;
}

std::vector<std::string> ListProfiles(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ec)) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string name = entry.path().stem();
    const auto set = ReadSet(directory, name);
    if (set && !set->suite.empty()) out.push_back(name);
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace codeapi
