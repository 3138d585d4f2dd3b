#include "packages/root_builder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <utility>

#include "packages/add_ons.h"
#include "packages/debian_tree.h"
#include "packages/files.h"
#include "packages/subprocess.h"

namespace codeapi {
namespace {

void ToStderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

// Weights are seconds of a typical build.
std::vector<ProgressStep> Steps(const RootInputs& inputs) {
  const double packages = static_cast<double>(inputs.set.debian.size());
  return {{"package lists", 4},
          {"downloading Debian packages", 4 + packages / 4},
          {"installing Debian packages", 15 + packages},
          {"installing npm packages", inputs.set.npm.empty() ? 10.0 : 25.0},
          {"installing wheels", inputs.pypi.empty() ? 1.0 : 8.0},
          {"caches and clean-up", 8 + packages / 3},
          {"writing to the disk", 8}};
}

std::string Now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

Result<void> CheckTools(const RootInputs& inputs) {
  if (::geteuid() != 0)
    return Fail(ErrorCode::kForbidden, "only root can build a root: its files belong to root");
  constexpr std::pair<const char*, const char*> kTools[] = {
      {"apt-get", "apt"}, {"mmdebstrap", "mmdebstrap"}, {"chroot", "coreutils"}, {"npm", "npm"}};
  for (const auto& [program, package] : kTools) {
    const bool needed =
        program != std::string_view("npm") || !inputs.set.npm.empty() || !inputs.set.programs.empty();
    if (needed && !HaveProgram(program)) {
      return Fail(ErrorCode::kNotFound,
                  fmt::format("{} is not installed: apt-get install {}", program, package));
    }
  }
  return {};
}

// One build, from an empty directory to a published root.
class Build {
 public:
  Build(const RootInputs& inputs, const RootBuildOptions& options, const RootStore& store, Progress& progress)
      : inputs_(inputs), options_(options), store_(store), progress_(progress) {}

  Result<RootBuildOutcome> Run() {
    auto mirrors = FindMirrors(options_.mirrors);
    if (!mirrors) return std::unexpected(mirrors.error());
    if (mirrors->security.empty()) {
      progress_.Say(
          "warning: this machine's apt sources name no security archive; the root goes without its updates "
          "(CODEAPI_DEBIAN_SECURITY_MIRROR)");
    }
    auto begun = store_.BeginBuild();
    if (!begun) return std::unexpected(begun.error());
    directory_ = *begun;
    auto outcome = Make(*mirrors);
    if (!outcome) static_cast<void>(RemoveTree(directory_));  // the next builder tries that again
    return outcome;
  }

 private:
  Result<RootBuildOutcome> Make(const DebianMirrors& mirrors) {
    const std::string tree = directory_ + "/root", work = directory_ + "/work";
    for (const std::string& path : {tree, work}) {
      if (auto made = MakeDirectories(path); !made) return std::unexpected(made.error());
    }
    if (auto done = Debian(mirrors, tree); !done) return std::unexpected(done.error());
    progress_.Step();
    auto npm = InstallNpm(inputs_, tree, store_.cache(), work, progress_);
    if (!npm) return std::unexpected(npm.error());
    progress_.Step();
    auto left_out = InstallWheels(inputs_, tree, store_.cache(), progress_);
    if (!left_out) return std::unexpected(left_out.error());
    for (const LeftOutPackage& p : *left_out)
      progress_.Say(fmt::format("left out: {} {}: {}", p.name, p.version, p.reason));
    RootManifest manifest = Describe(tree, std::move(*npm), std::move(*left_out));
    if (auto finished = FinishTree(tree); !finished) return std::unexpected(finished.error());
    progress_.Step();
    if (auto written = ReplaceFile(tree + "/packages.json", manifest.ToJson()); !written)
      return std::unexpected(written.error());
    auto root = store_.Publish(tree, manifest.address);
    if (!root) return std::unexpected(root.error());
    if (auto removed = RemoveTree(directory_); !removed) return std::unexpected(removed.error());
    return RootBuildOutcome{std::move(*root), true, std::move(manifest)};
  }

  Result<void> Debian(const DebianMirrors& mirrors, const std::string& tree) {
    DebianTree debian(store_.cache(), mirrors, inputs_.set, inputs_.architecture);
    progress_.Step();
    if (auto done = debian.UpdateLists(progress_); !done) return done;
    auto plan = debian.Plan();
    if (!plan) return std::unexpected(plan.error());
    progress_.Step();
    progress_.Say(fmt::format("{} packages, {} of them to download: {} MB", plan->packages, plan->downloads,
                              plan->bytes / 1'000'000));
    if (auto done = debian.Download(progress_); !done) return done;
    progress_.Step();
    return debian.Install(tree, *plan, progress_);
  }

  RootManifest Describe(const std::string& tree, std::vector<InstalledPackage> npm,
                        std::vector<LeftOutPackage> left_out) {
    RootManifest out{
        inputs_.Address(),  inputs_.set.profile, inputs_.set.suite, inputs_.architecture, Now(), {},
        std::move(left_out)};
    const auto add = [&](std::vector<InstalledPackage> packages) {
      out.packages.insert(out.packages.end(), packages.begin(), packages.end());
    };
    add(ParseDpkgStatus(ReadWholeFile(tree + "/var/lib/dpkg/status").value_or("")));
    add(std::move(npm));
    add(ListNodeModules(tree + kNodeModules));
    if (const std::string site = SitePackages(tree); !site.empty()) add(ListDistInfo(site));
    return out;
  }

  Result<void> FinishTree(const std::string& tree) {
    progress_.Step();
    const std::string script = "/tmp/finish.sh";
    if (auto written = ReplaceFile(tree + script, inputs_.files.at("finish.sh")); !written) return written;
    // Programs find themselves by /proc. It is mounted only where the mount ends with the script: as the
    // first process of Isolated().
    const std::string enter =
        "if [ $$ = 1 ]; then mount -t proc proc \"$1/proc\" || true; fi; exec chroot \"$@\"";
    std::vector<std::string> argv = {"sh", "-c", enter, "sh", tree, "/bin/sh", script};
    argv.insert(argv.end(), inputs_.set.locales.begin(), inputs_.set.locales.end());
    double seen = 0;
    const auto on_line = [&](std::string_view line) {
      if (line.starts_with("finish: ")) progress_.Update(++seen / 9, line.substr(8));
    };
    const auto done = RunProgram({.argv = Isolated(argv), .on_line = on_line});
    if (!done) return std::unexpected(done.error());
    return {};
  }

  const RootInputs& inputs_;
  const RootBuildOptions& options_;
  const RootStore& store_;
  Progress& progress_;
  std::string directory_;
};

// A root with this address that need not be built; made current if it is not.
Result<std::optional<RootBuildOutcome>> Existing(const RootStore& store, const std::string& address) {
  const auto give = [](const std::string& root) -> Result<std::optional<RootBuildOutcome>> {
    auto manifest = ReadRootManifest(root);
    if (!manifest) return std::unexpected(manifest.error());
    return RootBuildOutcome{root, false, std::move(*manifest)};
  };
  if (const auto current = store.Current()) {
    const auto manifest = ReadRootManifest(*current);
    if (manifest && manifest->address == address) return give(*current);
  }
  const auto found = store.Find(address);
  if (!found) return std::nullopt;
  if (auto switched = store.Switch(*found); !switched) return std::unexpected(switched.error());
  return give(*found);
}

}  // namespace

Result<RootBuildOutcome> BuildRoot(const RootInputs& inputs, const RootBuildOptions& options) {
  const RootStore store(options.directory);
  const std::string address = inputs.Address();
  const auto existing = [&]() -> Result<std::optional<RootBuildOutcome>> {
    if (options.force) return std::nullopt;
    return Existing(store, address);
  };
  if (auto there = existing(); !there || *there) {
    if (!there) return std::unexpected(there.error());
    return std::move(**there);
  }
  if (auto tools = CheckTools(inputs); !tools) return std::unexpected(tools.error());
  for (const std::string& path : {store.roots(), store.cache()}) {
    if (auto made = MakeDirectories(path); !made) return std::unexpected(made.error());
  }
  Progress progress(Steps(inputs), options.terminal, ToStderr);
  std::string told;
  auto lease = BuildLease::Acquire(store.lease_path(), options.lease, [&](const std::string& holder) {
    if (holder != std::exchange(told, holder))
      progress.Say(fmt::format("{} is building here; waiting for it", holder));
  });
  if (!lease) return std::unexpected(lease.error());
  // Whoever had the lease before may have built just this.
  if (auto there = existing(); !there || *there) {
    if (!there) return std::unexpected(there.error());
    return std::move(**there);
  }
  progress.Say(
      fmt::format("building {} for {} in {}", inputs.set.profile, inputs.architecture, options.directory));
  auto outcome = Build(inputs, options, store, progress).Run();
  progress.Finish();
  if (!outcome) return outcome;
  if (auto switched = store.Switch(outcome->root); !switched) return std::unexpected(switched.error());
  return outcome;
}

Result<std::string> DescribeBuild(const RootInputs& inputs, const RootBuildOptions& options) {
  const RootStore store(options.directory);
  const std::string address = inputs.Address();
  std::string out = fmt::format("profile {}: {} on {}, address {}\n", inputs.set.profile, inputs.set.suite,
                                inputs.architecture, address);
  const auto found = store.Find(address);
  out += found ? fmt::format("it is built: {}\n", *found)
               : fmt::format("it is not built yet in {}\n", store.roots());
  const auto list = [&](const char* what, const std::vector<std::string>& names) {
    out += fmt::format("{} ({}):", what, names.size());
    for (const std::string& name : names) out += " " + name;
    out += "\n";
  };
  list("Debian packages", inputs.set.debian);
  std::vector<std::string> names;
  for (const PypiPackage& p : inputs.pypi)
    names.push_back(p.name + (p.hashes.empty() ? "(no checksum)" : ""));
  list("PyPI packages", names);
  auto mirrors = FindMirrors(options.mirrors);
  if (!mirrors) return std::unexpected(mirrors.error());
  Progress progress({{"package lists", 1}}, false, [](std::string_view) {});
  DebianTree debian(store.cache(), *mirrors, inputs.set, inputs.architecture);
  if (auto done = debian.UpdateLists(progress); !done) return std::unexpected(done.error());
  auto plan = debian.Plan();
  if (!plan) return std::unexpected(plan.error());
  return out + fmt::format("with what they need: {} Debian packages, {} MB still to download\n",
                           plan->packages, plan->bytes / 1'000'000);
}

}  // namespace codeapi
