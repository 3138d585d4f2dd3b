#include "packages/debian_sources.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "packages/files.h"
#include "packages/subprocess.h"

namespace codeapi {
namespace {

constexpr const char* kKeyrings[] = {"/usr/share/keyrings/debian-archive-keyring.pgp",
                                     "/usr/share/keyrings/debian-archive-keyring.gpg"};

std::string WithoutSlash(std::string uri) {
  while (uri.ends_with("/")) uri.pop_back();
  return uri;
}

std::string HostCodename() {
  std::istringstream lines(ReadWholeFile("/etc/os-release").value_or(""));
  constexpr std::string_view kKey = "VERSION_CODENAME=";
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kKey)) return line.substr(kKey.size());
  }
  return "";
}

}  // namespace

Result<DebianMirrors> ChooseMirrors(const std::string& targets, const std::string& codename) {
  DebianMirrors out;
  std::istringstream lines(targets);
  for (std::string uri, release; lines >> uri >> release;) {
    if (!uri.starts_with("http:") && !uri.starts_with("https:") && !uri.starts_with("mirror") &&
        !uri.starts_with("file:") && !uri.starts_with("copy:")) {
      continue;
    }
    const bool ours = release == codename || release == "stable" || release == "oldstable" ||
                      release == "testing" || release == "unstable" || release == "sid";
    if (ours && out.archive.empty()) out.archive = WithoutSlash(uri);
    if (release.ends_with("-security") && out.security.empty()) out.security = WithoutSlash(uri);
  }
  if (out.archive.empty()) {
    return Fail(ErrorCode::kNotFound,
                "this machine's apt sources name no Debian archive: set CODEAPI_DEBIAN_MIRROR to one");
  }
  return out;
}

Result<DebianMirrors> FindMirrors(const DebianMirrors& given) {
  DebianMirrors out = given;
  if (out.archive.empty()) {
    const auto targets = RunProgram(
        {.argv = {"apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"}});
    if (!targets) return std::unexpected(targets.error());
    auto found = ChooseMirrors(*targets, HostCodename());
    if (!found) return found;
    out.archive = found->archive;
    if (out.security.empty()) out.security = found->security;
  }
  for (const char* keyring : kKeyrings) {
    if (out.keyring.empty() && ::access(keyring, R_OK) == 0) out.keyring = keyring;
  }
  if (out.keyring.empty()) {
    return Fail(ErrorCode::kNotFound,
                "Debian's archive keys are not on this machine: apt-get install debian-archive-keyring, or "
                "set CODEAPI_DEBIAN_KEYRING to a file with them");
  }
  return out;
}

std::string MakeSourcesList(const DebianMirrors& mirrors, const std::string& suite,
                            const std::vector<std::string>& components) {
  std::string names;
  for (const std::string& component : components) names += " " + component;
  const auto line = [&](const std::string& uri, const std::string& release) {
    return fmt::format("deb [signed-by={}] {} {}{}\n", mirrors.keyring, uri, release, names);
  };
  std::string out = line(mirrors.archive, suite);
  if (suite == "sid" || suite == "unstable") return out;
  out += line(mirrors.archive, suite + "-updates");
  if (!mirrors.security.empty()) out += line(mirrors.security, suite + "-security");
  return out;
}

std::string NetworkSettings(const std::string& dump) {
  std::string out;
  std::istringstream lines(dump);
  for (std::string line; std::getline(lines, line);) {
    for (const std::string_view key :
         {"Acquire::http", "Acquire::ftp", "Acquire::Retries", "Acquire::ForceIPv", "Acquire::Check-",
          "Acquire::socks", "Acquire::Queue-Mode", "Dir::Etc::netrc"}) {
      // Groups have no value of their own.
      if (line.starts_with(key) && !line.ends_with(" \"\";")) {
        // Relative paths would be looked for in our own directory.
        const std::size_t value = line.find('"');
        if (key == "Dir::Etc::netrc" && value != line.npos && line.substr(value + 1, 1) != "/")
          line.insert(value + 1, "/etc/apt/");
        out += line + "\n";
      }
    }
  }
  return out;
}

}  // namespace codeapi
