// `codeapi package-init`: builds the root that programs see as `/`, or tells what is in it.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "app/commands.h"
#include "app/wiring.h"
#include "packages/files.h"
#include "packages/root_builder.h"

namespace codeapi {
namespace {

int Complain(const Error& error) {
  std::fprintf(stderr, "codeapi: %s\n", error.message.c_str());
  return 1;
}

// Beside the program in a build tree, in share/ where it is installed.
Result<std::string> FindLists(const PackageInitOptions& options, const Settings& settings) {
  if (options.lists) return *options.lists;
  if (!settings.package_lists.empty()) return settings.package_lists;
  std::error_code ec;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
  for (const std::filesystem::path& path :
       {beside / "packages", beside.parent_path() / "share/codeapi/packages"}) {
    if (std::filesystem::is_directory(path, ec)) return path.string();
  }
  return Fail(
      ErrorCode::kNotFound,
      "no package lists beside this program: name their directory with --lists or CODEAPI_PACKAGE_LISTS");
}

Result<std::string> Directory(const PackageInitOptions& options, const Settings& settings) {
  if (!options.directory) return PackagesDirectory(settings);
  std::error_code ec;
  const auto absolute = std::filesystem::absolute(*options.directory, ec).lexically_normal();
  if (ec) return FailErrno("find " + *options.directory, ec.value());
  return absolute.string();
}

int List(const RootStore& store) {
  const auto root = store.Current();
  if (!root) return Complain({ErrorCode::kNotFound, "no root is built in " + store.directory()});
  const auto manifest = ReadRootManifest(*root);
  if (!manifest) return Complain(manifest.error());
  fmt::print("{}", manifest->ToText());
  return 0;
}

int Prune(const RootStore& store) {
  if (auto made = MakeDirectories(store.roots()); !made) return Complain(made.error());
  auto lease = BuildLease::Acquire(store.lease_path(), {}, [](const std::string&) {});
  if (!lease) return Complain(lease.error());
  const auto removed = store.Prune();
  if (!removed) return Complain(removed.error());
  for (const std::string& name : *removed) fmt::print("removed {}/{}\n", store.roots(), name);
  if (removed->empty()) fmt::print("nothing to remove\n");
  return 0;
}

void Tell(const RootBuildOutcome& outcome) {
  const RootManifest& manifest = outcome.manifest;
  fmt::print("{}: profile {}, {} packages: {}\n", outcome.built ? "built" : "nothing to do", manifest.profile,
             manifest.packages.size(), outcome.root);
  if (manifest.left_out.empty()) return;
  std::string names;
  for (const LeftOutPackage& p : manifest.left_out) names += " " + p.name;
  fmt::print("left out:{} (codeapi package-init --list says why; --force tries again)\n", names);
}

}  // namespace

int PackageInitCommand(const PackageInitOptions& options) {
  const auto settings = LoadSettings();
  if (!settings) return Complain(settings.error());
  const auto directory = Directory(options, *settings);
  if (!directory) return Complain(directory.error());
  const RootStore store(*directory);
  if (options.list) return List(store);
  // Everything that is made is for every user to read, whatever the caller's mask.
  ::umask(022);
  if (options.prune) return Prune(store);

  const auto lists = FindLists(options, *settings);
  if (!lists) return Complain(lists.error());
  const auto inputs = LoadRootInputs(*lists, options.profile, DebianArchitecture());
  if (!inputs) return Complain(inputs.error());
  RootBuildOptions build{
      .directory = *directory,
      .mirrors = {settings->debian_mirror, settings->debian_security_mirror, settings->debian_keyring},
      .force = options.force,
      .terminal = ::isatty(STDERR_FILENO) != 0};
  if (options.dry_run) {
    const auto text = DescribeBuild(*inputs, build);
    if (!text) return Complain(text.error());
    fmt::print("{}", *text);
    return 0;
  }
  const auto outcome = BuildRoot(*inputs, build);
  if (!outcome) return Complain(outcome.error());
  Tell(*outcome);
  return 0;
}

}  // namespace codeapi
