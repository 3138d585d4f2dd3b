#include "packages/add_ons.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "packages/files.h"
#include "packages/subprocess.h"

namespace codeapi {
namespace {

namespace fs = std::filesystem;

Result<void> RunNpm(const RootInputs& inputs, const std::string& group, const std::string& directory,
                    const std::string& cache) {
  if (auto made = MakeDirectories(directory); !made) return made;
  for (const char* file : {"package.json", "package-lock.json"}) {
    const std::string& content = inputs.files.at("npm/" + group + "/" + file);
    if (auto written = ReplaceFile(directory + "/" + file, content); !written) return written;
  }
  // Packages' scripts would run as root and download things that nobody has verified.
  const auto done = RunProgram({.argv = {"npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit",
                                         "--no-fund", "--prefer-offline", "--cache", cache + "/npm"},
                                .directory = directory,
                                .environment = {{"npm_config_update_notifier", "false"}}});
  if (done) return {};
  if (done.error().code == ErrorCode::kNotFound)
    return Fail(ErrorCode::kNotFound, "npm is not installed: apt-get install npm");
  return Fail(ErrorCode::kUnavailable,
              fmt::format("the npm packages of {} could not be installed\n{}", group, done.error().message));
}

// Files below `directory` that match, shortest path first.
std::vector<std::string> Glob(const std::string& directory, const std::string& pattern) {
  std::vector<std::string> out;
  std::error_code ec;
  for (auto it = fs::recursive_directory_iterator(directory, ec); !ec && it != fs::end(it);
       it.increment(ec)) {
    const std::string name = it->path().string().substr(directory.size() + 1);
    if (it->is_regular_file() && MatchesPattern(pattern, name)) out.push_back(name);
  }
  std::ranges::sort(out);
  return out;
}

Result<void> Place(const PlacedProgram& program, const std::string& modules, const std::string& target) {
  const auto found = Glob(modules, program.pattern);
  if (found.size() != 1) {
    return Fail(ErrorCode::kInvalid,
                fmt::format("{} of npm group {} is there {} times for this architecture, not once",
                            program.pattern, program.group, found.size()));
  }
  const std::string to = target + program.to;
  std::error_code ec;
  fs::create_directories(fs::path(to).parent_path(), ec);
  fs::remove(to, ec);
  fs::copy_file(modules + "/" + found.front(), to, ec);
  if (ec) return FailErrno("copy " + found.front() + " to " + to, ec.value());
  if (::chmod(to.c_str(), 0755) != 0) return FailErrno("chmod " + to);
  return {};
}

std::string Requirement(const PypiPackage& package) {
  std::string out = package.name + "==" + package.version;
  for (const std::string& hash : package.hashes) out += " --hash=" + hash;
  return out + "\n";
}

// The wheels' names of this machine's architecture, newest and oldest C library that makers of wheels target.
std::vector<std::string> PlatformOptions(const std::string& architecture, const std::string& python) {
  const std::string machine = architecture == "amd64"   ? "x86_64"
                              : architecture == "arm64" ? "aarch64"
                                                        : architecture;
  std::vector<std::string> out = {
      "--python-version", python, "--implementation", "cp", "--abi", "abi3", "--abi", "none"};
  std::string abi = "cp" + python;
  std::erase(abi, '.');
  out.insert(out.end(), {"--abi", abi, "--platform", "any"});
  for (const char* glibc : {"manylinux2014", "manylinux_2_17", "manylinux_2_24", "manylinux_2_27",
                            "manylinux_2_28", "manylinux_2_31", "manylinux_2_34", "manylinux_2_39"}) {
    out.insert(out.end(), {"--platform", fmt::format("{}_{}", glibc, machine)});
  }
  return out;
}

class Pip {
 public:
  Pip(const RootInputs& inputs, std::string site, std::string cache)
      : inputs_(inputs), site_(std::move(site)), list_(std::move(cache) + "/wheels.txt") {}

  // A wrong checksum ends the build; everything else is a reason to leave the package out.
  Result<void> Install(const std::vector<PypiPackage>& packages) {
    std::string text;
    for (const PypiPackage& package : packages) text += Requirement(package);
    if (auto written = ReplaceFile(list_, text); !written) return written;
    const std::string python = fs::path(site_).parent_path().filename().string().substr(6);
    std::vector<std::string> argv = {"python3",
                                     "-m",
                                     "pip",
                                     "install",
                                     "--quiet",
                                     "--require-hashes",
                                     "--no-deps",
                                     "--only-binary",
                                     ":all:",
                                     "--no-compile",
                                     "--retries",
                                     "1",
                                     "--timeout",
                                     "10",
                                     "--root-user-action",
                                     "ignore",
                                     "--target",
                                     site_,
                                     "--upgrade",
                                     "-r",
                                     list_};
    for (std::string& option : PlatformOptions(inputs_.architecture, python))
      argv.push_back(std::move(option));
    const auto done = RunProgram(
        {.argv = argv, .environment = {{"PIP_DISABLE_PIP_VERSION_CHECK", "1"}, {"LC_ALL", "C.UTF-8"}}});
    if (done) return {};
    const bool wrong = done.error().message.find("DO NOT MATCH THE HASHES") != std::string::npos;
    return Fail(wrong ? ErrorCode::kForbidden : ErrorCode::kUnavailable, done.error().message);
  }

 private:
  const RootInputs& inputs_;
  const std::string site_, list_;
};

std::string WhyNot(const Error& error) {
  const std::string& text = error.message;
  if (text.find("No module named pip") != text.npos)
    return "this machine has no pip: apt-get install python3-pip";
  for (const char* away : {"Connection", "connection", "timed out", "Temporary failure", "Max retries",
                           "Network is unreachable", "HTTP error"}) {
    if (text.find(away) != text.npos) return "the package index cannot be reached";
  }
  if (text.find("No matching distribution") != text.npos)
    return "the package index does not have it for this Python";
  return "pip refused it: " + text.substr(text.rfind("ERROR:") == text.npos ? 0 : text.rfind("ERROR:"), 200);
}

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*') {
    return !text.empty() && text.front() == pattern.front() &&
           MatchesPattern(pattern.substr(1), text.substr(1));
  }
  for (std::size_t n = 0; n <= text.size() && (n == 0 || text[n - 1] != '/'); ++n) {
    if (MatchesPattern(pattern.substr(1), text.substr(n))) return true;
  }
  return false;
}

std::string SitePackages(const std::string& target) {
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(target + "/usr/lib", ec)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("python3.")) return fmt::format("{}/usr/local/lib/{}/dist-packages", target, name);
  }
  return "";
}

Result<std::vector<InstalledPackage>> InstallNpm(const RootInputs& inputs, const std::string& target,
                                                 const std::string& cache, const std::string& work,
                                                 Progress& progress) {
  std::vector<InstalledPackage> taken;
  std::set<std::string> groups;
  for (const PlacedProgram& program : inputs.set.programs) groups.insert(program.group);
  for (const std::string& group : groups) {
    progress.Update(0.1, group);
    const std::string directory = fmt::format("{}/{}", work, group);
    if (auto ran = RunNpm(inputs, group, directory, cache); !ran) return std::unexpected(ran.error());
    const std::string modules = directory + "/node_modules";
    for (const PlacedProgram& program : inputs.set.programs) {
      if (program.group != group) continue;
      if (auto placed = Place(program, modules, target); !placed) return std::unexpected(placed.error());
    }
    for (InstalledPackage& package : ListNodeModules(modules)) taken.push_back(std::move(package));
  }
  if (inputs.set.npm.empty()) return taken;
  progress.Update(0.4, inputs.set.npm);
  const std::string directory = work + "/" + inputs.set.npm;
  if (!groups.contains(inputs.set.npm)) {
    if (auto ran = RunNpm(inputs, inputs.set.npm, directory, cache); !ran)
      return std::unexpected(ran.error());
  }
  const std::string to = target + kNodeModules;
  if (auto made = MakeDirectories(fs::path(to).parent_path()); !made) return std::unexpected(made.error());
  // The work directory is beside the target, on the same file system.
  if (::rename((directory + "/node_modules").c_str(), to.c_str()) != 0)
    return FailErrno("rename node_modules to " + to);
  return taken;
}

Result<std::vector<LeftOutPackage>> InstallWheels(const RootInputs& inputs, const std::string& target,
                                                  const std::string& cache, Progress& progress) {
  std::vector<LeftOutPackage> left_out;
  const auto leave = [&](const PypiPackage& p, const std::string& why) {
    left_out.push_back({p.name, p.version, why});
  };
  const std::string site = SitePackages(target);
  std::vector<PypiPackage> wanted;
  for (const PypiPackage& package : inputs.pypi) {
    if (site.empty()) {
      leave(package, "this root has no Python");
    } else if (package.hashes.empty()) {
      leave(package,
            "its checksum is not known: scripts/lock-pypi.sh, where the package index can be reached");
    } else {
      wanted.push_back(package);
    }
  }
  if (wanted.empty()) return left_out;
  if (auto made = MakeDirectories(site); !made) return std::unexpected(made.error());
  Pip pip(inputs, site, cache);
  // All at once is quick; one by one tells which cannot be had.
  auto all = pip.Install(wanted);
  if (all) return left_out;
  if (all.error().code == ErrorCode::kForbidden) return std::unexpected(all.error());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    progress.Update(static_cast<double>(i) / static_cast<double>(wanted.size()), wanted[i].name);
    const auto one = pip.Install({wanted[i]});
    if (one) continue;
    if (one.error().code == ErrorCode::kForbidden) return std::unexpected(one.error());
    const std::string why = WhyNot(one.error());
    leave(wanted[i], why);
    // The rest would wait for the same.
    if (!why.starts_with("this machine") && !why.starts_with("the package index cannot")) continue;
    for (++i; i < wanted.size(); ++i) leave(wanted[i], why);
  }
  std::ranges::sort(left_out, {}, &LeftOutPackage::name);
  return left_out;
}

}  // namespace codeapi
