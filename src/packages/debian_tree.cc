#include "packages/debian_tree.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "packages/files.h"
#include "packages/subprocess.h"

namespace codeapi {
namespace {

// Documentation nobody reads in a cell; licences stay.
constexpr const char* kDpkgOptions[] = {
    "force-unsafe-io",  // the whole tree is synced once, when it is complete
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*/LC_MESSAGES/*",
    "path-exclude=/usr/share/gnome/help/*",
};

// Some packages' alternatives have manual pages, and fail without their directories. Python is compiled once
// at the end (finish.sh) instead of package by package.
constexpr const char* kEssentialHook =
    "mkdir -p \"$1/usr/share/man/man1\" \"$1/usr/share/man/man7\"; "
    "chroot \"$1\" dpkg-divert --local --rename --add --divert /usr/bin/py3compile.debian "
    "/usr/bin/py3compile; "
    "ln -s true \"$1/usr/bin/py3compile\"";

std::string Quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Lines such as `dlstatus:3:42.1:Retrieving file 5 of 9`.
void ShowStatus(std::string_view line, Progress& progress) {
  if (!line.starts_with("dlstatus:")) return;
  const std::size_t percent = line.find(':', 9), text = line.find(':', percent + 1);
  if (text == line.npos) return;
  const double done = std::strtod(std::string(line.substr(percent + 1, text - percent - 1)).c_str(), nullptr);
  progress.Update(done / 100, line.substr(text + 1));
}

bool Mentions(const Error& error, std::string_view text) {
  return error.message.find(text) != std::string::npos;
}

}  // namespace

std::vector<std::string> Isolated(std::vector<std::string> argv) {
  std::vector<std::string> out = {"unshare",      "--mount",      "--pid", "--fork",
                                  "--kill-child", "--mount-proc", "--"};
  std::vector<std::string> probe = out;
  probe.emplace_back("true");
  if (!RunProgram({.argv = probe})) return argv;
  out.insert(out.end(), argv.begin(), argv.end());
  return out;
}

DebianTree::DebianTree(std::string cache, DebianMirrors mirrors, const PackageSet& set,
                       std::string architecture)
    : cache_(std::move(cache) + "/apt-" + set.suite),
      mirrors_(std::move(mirrors)),
      set_(set),
      architecture_(std::move(architecture)) {}

// An apt of its own: nothing of this machine's apt but how mirrors are reached.
Result<void> DebianTree::WriteConfiguration() const {
  for (const char* part : {"/lists/partial", "/archives/partial", "/etc/preferences.d"}) {
    if (auto made = MakeDirectories(cache_ + part); !made) return made;
  }
  const auto host = RunProgram({.argv = {"apt-config", "dump"}});
  if (!host) return std::unexpected(host.error());
  const std::string text = fmt::format(
      "{0}Dir::State \"{1}\";\nDir::State::lists \"{1}/lists\";\nDir::State::status \"{1}/status\";\n"
      "Dir::Cache \"{1}\";\nDir::Cache::archives \"{1}/archives\";\nDir::Etc \"{1}/etc\";\n"
      "Dir::Etc::sourcelist \"{1}/etc/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n"
      "Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n"
      "APT::Architecture \"{2}\";\nAPT::Architectures \"{2}\";\nAPT::Install-Recommends \"false\";\n"
      "APT::Keep-Downloaded-Packages \"true\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n"
      "Acquire::Retries \"3\";\n",
      NetworkSettings(*host), cache_, architecture_);
  if (auto w = ReplaceFile(cache_ + "/apt.conf", text); !w) return w;
  if (auto w = ReplaceFile(cache_ + "/status", ""); !w) return w;
  return ReplaceFile(cache_ + "/etc/sources.list", MakeSourcesList(mirrors_, set_.suite, set_.components));
}

Result<std::string> DebianTree::Apt(const std::vector<std::string>& arguments, Progress* progress) {
  ProgramRun run{.argv = {"apt-get", "-o", "APT::Status-Fd=3"},
                 .environment = {{"APT_CONFIG", cache_ + "/apt.conf"},
                                 {"LC_ALL", "C.UTF-8"},
                                 {"DEBIAN_FRONTEND", "noninteractive"}}};
  run.argv.insert(run.argv.end(), arguments.begin(), arguments.end());
  if (progress != nullptr) run.on_status = [progress](std::string_view line) { ShowStatus(line, *progress); };
  return RunProgram(run);
}

Result<void> DebianTree::UpdateLists(Progress& progress) {
  if (auto written = WriteConfiguration(); !written) return written;
  const auto updated = Apt({"update", "--error-on=any"}, &progress);
  if (updated) return {};
  std::string hint = "check the network and the mirror; what was downloaded so far is kept";
  if (Mentions(updated.error(), "NO_PUBKEY") || Mentions(updated.error(), "not signed")) {
    hint = fmt::format(
        "{} does not have the keys of {}: apt-get install --only-upgrade debian-archive-keyring, or set "
        "CODEAPI_DEBIAN_KEYRING to a newer one",
        mirrors_.keyring, set_.suite);
  }
  return Fail(ErrorCode::kUnavailable,
              fmt::format("the package lists of {} could not be had from {}\n{}\n{}", set_.suite,
                          mirrors_.archive, updated.error().message, hint));
}

std::vector<std::string> DebianTree::Wanted() const {
  std::vector<std::string> out = {"?essential"};
  out.insert(out.end(), set_.debian.begin(), set_.debian.end());
  return out;
}

Result<DebianPlan> DebianTree::Plan() {
  std::vector<std::string> arguments = {"install", "-qq", "--print-uris"};
  for (std::string& name : Wanted()) arguments.push_back(std::move(name));
  const auto printed = Apt(arguments, nullptr);
  if (!printed) {
    return Fail(ErrorCode::kInvalid,
                fmt::format("{} cannot be installed as declared\n{}", set_.profile, printed.error().message));
  }
  DebianPlan plan;
  arguments[2] = "--simulate";
  const auto simulated = Apt(arguments, nullptr);
  if (!simulated) return std::unexpected(simulated.error());
  for (std::size_t at = 0; (at = simulated->find("Inst ", at)) != simulated->npos; ++at) ++plan.packages;
  // Lines of `'URI' file size checksum`, for those that the cache does not have.
  std::istringstream lines(*printed);
  for (std::string uri, file, size, checksum; lines >> uri;) {
    if (!uri.starts_with("'")) {
      std::getline(lines, uri);
      continue;
    }
    if (!(lines >> file >> size >> checksum)) break;
    ++plan.downloads;
    plan.bytes += std::strtoull(size.c_str(), nullptr, 10);
  }
  return plan;
}

Result<void> DebianTree::Download(Progress& progress) {
  std::vector<std::string> arguments = {"install", "--yes", "--download-only"};
  for (std::string& name : Wanted()) arguments.push_back(std::move(name));
  const auto done = Apt(arguments, &progress);
  if (done) return {};
  return Fail(ErrorCode::kUnavailable, fmt::format("not every package could be downloaded; those that could "
                                                   "are kept, and the next try goes on with the rest\n{}",
                                                   done.error().message));
}

Result<void> DebianTree::Install(const std::string& target, const DebianPlan& plan, Progress& progress) {
  std::string include;
  for (const std::string& name : set_.debian) include += (include.empty() ? "" : ",") + name;
  // Packages are linked, not copied, where the cache is on the same file system.
  const std::string setup = fmt::format(
      "set -e; mkdir -p \"$1/var/cache/apt/archives/partial\" \"$1/var/lib/apt/lists/partial\"; "
      "cp -l {0}/archives/*.deb \"$1/var/cache/apt/archives/\" 2>/dev/null || cp {0}/archives/*.deb "
      "\"$1/var/cache/apt/archives/\"; "
      "find {0}/lists -maxdepth 1 -type f ! -name lock -exec cp -t \"$1/var/lib/apt/lists/\" {{}} +",
      Quoted(cache_));
  std::vector<std::string> argv = {"mmdebstrap",
                                   "--mode=root",
                                   "--variant=essential",
                                   "--format=directory",
                                   "--verbose",
                                   "--architectures=" + architecture_,
                                   "--include=" + include,
                                   "--skip=update,download/empty,essential/unlink,cleanup/apt"};
  for (const char* option : kDpkgOptions) argv.push_back(std::string("--dpkgopt=") + option);
  argv.push_back("--setup-hook=" + setup);
  argv.push_back(std::string("--essential-hook=") + kEssentialHook);
  argv.insert(argv.end(), {set_.suite, target, cache_ + "/etc/sources.list"});
  const double steps = 2.0 * static_cast<double>(std::max<std::size_t>(plan.packages, 1));
  double seen = 0;
  const auto on_line = [&](std::string_view line) {
    if (!line.starts_with("Unpacking ") && !line.starts_with("Setting up ")) return;
    const std::string_view name = line.substr(line.starts_with("U") ? 10 : 11);
    progress.Update(++seen / steps, name.substr(0, name.find(' ')));
  };
  const auto installed = RunProgram({.argv = Isolated(argv),
                                     .environment = {{"LC_ALL", "C.UTF-8"},
                                                     {"DEBIAN_FRONTEND", "noninteractive"},
                                                     {"SOURCE_DATE_EPOCH", "1"},
                                                     {"TMPDIR", "/tmp"}},
                                     .on_line = on_line});
  if (installed) return {};
  return Fail(installed.error().code, "the packages could not be installed\n" + installed.error().message);
}

}  // namespace codeapi
