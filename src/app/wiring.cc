#include "app/wiring.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/settings_table.h"
#include "manifest/signed_manifest.h"
#include "packages/root_manifest.h"
#include "packages/root_store.h"

extern char** environ;

namespace codeapi {

Result<Settings> LoadSettings() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    names.emplace_back(text.substr(0, text.find('=')));
  }
  auto settings = Settings::Load(
      [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
      names);
  if (settings) {
    for (const std::string& warning : settings->warnings)
      std::fprintf(stderr, "codeapi: warning: %s\n", warning.c_str());
  }
  return settings;
}

bool IsSet(const Settings& settings, std::string_view name) {
  const auto& table = SettingsTable();
  for (std::size_t i = 0; i < table.size() && i < settings.sources.size(); ++i) {
    if (table[i].name == name) return !settings.sources[i].empty();
  }
  return false;
}

Result<std::string> PackagesDirectory(const Settings& settings) {
  if (!settings.packages_dir.empty()) return settings.packages_dir;
  if (!settings.data_dir.empty()) return settings.data_dir + "/packages";
  auto data = DefaultDataDirectory();
  if (!data) return data;
  return *data + "/packages";
}

RootChoice ChooseRoot(const Settings& settings) {
  if (settings.root == "host") return {};
  if (!settings.root.empty()) return {settings.root, ""};
  auto directory = PackagesDirectory(settings);
  // Without a home there is no place where a root could have been built; doctor and run need none.
  if (!directory) return {};
  const std::string link = RootStore(*directory).current_link();
  return {ResolveRoot(link).value_or(""), link};
}

std::string DescribeRoot(const RootChoice& root) {
  if (root.path.empty() && root.link.empty())
    return "programs see this machine's own /usr (CODEAPI_ROOT=host)";
  if (root.path.empty()) {
    return "programs see this machine's own /usr: no root is built at " + root.link +
           " (codeapi package-init builds one)";
  }
  const auto manifest = ReadRootManifest(root.path);
  if (!manifest) return "programs see " + root.path;
  return fmt::format("programs see {} (profile {}, {}, {} packages, built {})", root.path, manifest->profile,
                     manifest->suite, manifest->packages.size(), manifest->built);
}

std::function<std::string()> FollowRoot(const RootChoice& root) {
  if (root.link.empty()) return [path = root.path] { return path; };
  return [link = root.link, path = root.path, seen = std::string()]() mutable {
    // One cheap look per run; only a changed link is followed.
    std::error_code ec;
    std::string target = std::filesystem::read_symlink(link, ec).string();
    if (ec || target == seen) return path;
    seen = std::move(target);
    if (auto now = ResolveRoot(link)) path = std::move(*now);
    return path;
  };
}

JailerSettings MakeJailerSettings(const Settings& settings, const RootChoice& root) {
  JailerSettings out;
  out.root = root.path;
  out.uid_base = settings.sandbox_uid_base;
  out.pool_size = static_cast<std::uint32_t>(settings.pool_size);
  // Running ones, ready ones, those that wait for their tools, and room for those that are still dying.
  out.max_cells = static_cast<std::uint32_t>(2 * settings.max_concurrent_jobs + settings.pool_size +
                                             settings.max_waiting_programs + 4);
  out.cpu_hundredths = static_cast<std::uint32_t>(settings.sandbox_cpu_hundredths);
  out.cpu_weight = static_cast<std::uint32_t>(settings.sandbox_cpu_weight);
  out.private_root = settings.root_sharing == RootSharing::kPrivate;
  out.warm = settings.warm;
  out.log_refusals = settings.seccomp == SeccompMode::kLog;
  out.workspace_bytes = static_cast<std::uint64_t>(settings.workspace_bytes);
  out.workspace_inodes = static_cast<std::uint64_t>(settings.workspace_inodes);
  switch (settings.cgroup) {
    case CgroupMode::kAuto:
      out.cgroup = "auto";
      break;
    case CgroupMode::kV1:
      out.cgroup = "v1";
      break;
    case CgroupMode::kV2:
      out.cgroup = "v2";
      break;
    case CgroupMode::kNone:
      out.cgroup = "none";
      break;
  }
  out.rules = MakeExecutorLimits(settings).rules;
  return out;
}

ExecutorLimits MakeExecutorLimits(const Settings& settings) {
  ExecutorLimits out;
  out.processes = static_cast<std::uint32_t>(settings.max_process_count);
  out.open_files = static_cast<std::uint32_t>(settings.max_open_files);
  out.file_size = static_cast<std::uint64_t>(settings.rlimit_fsize);
  out.output_bytes = static_cast<std::uint64_t>(settings.output_max_size);
  out.compile_wall_ms = static_cast<std::uint64_t>(settings.compile_timeout.count());
  out.compile_cpu_ms = settings.compile_cpu_time.count() > 0
                           ? static_cast<std::uint64_t>(settings.compile_cpu_time.count())
                           : out.compile_wall_ms * 2;
  out.compile_memory_bytes = static_cast<std::uint64_t>(settings.compile_memory_limit);
  out.rules.max_files = static_cast<std::uint32_t>(settings.max_output_files);
  out.rules.max_file_size = static_cast<std::uint64_t>(settings.max_file_size);
  out.rules.max_depth = static_cast<std::uint32_t>(settings.max_nesting_depth);
  out.rules.max_path = static_cast<std::uint32_t>(settings.max_path_length);
  for (const std::string& extension : settings.output_extensions) {
    if (extension == "*") {
      out.rules.any_extension = true;
    } else {
      out.rules.extra_extensions.push_back(extension);
    }
  }
  return out;
}

ToolProgramLimits MakeToolProgramLimits(const Settings& settings) {
  ToolProgramLimits out;
  out.max_waiting = static_cast<std::size_t>(settings.max_waiting_programs);
  out.max_waiting_memory = static_cast<std::uint64_t>(settings.max_waiting_memory);
  out.idle = settings.tool_call_session_expiry;
  return out;
}

Result<std::string> ManifestKeys(const Settings& settings) {
  if (!settings.manifest_public_keys.empty()) {
    if (auto keys = ManifestVerifier::FromText(settings.manifest_public_keys); !keys) {
      return Fail(ErrorCode::kInvalid, "SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY " + keys.error().message);
    }
    return settings.manifest_public_keys;
  }
  if (settings.manifest_private_key.empty()) return "";
  const auto signer = ManifestSigner::FromText(settings.manifest_private_key);
  if (!signer) {
    return Fail(ErrorCode::kInvalid, "CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY " + signer.error().message);
  }
  return signer->PublicKey();
}

JobAdmission MakeJobAdmission(const Settings& settings, const std::string& manifest_keys, Log& log) {
  std::optional<ManifestVerifier> keys;
  if (!manifest_keys.empty()) keys = *ManifestVerifier::FromText(manifest_keys);
  std::optional<AnswerMac> mac;
  if (!settings.internal_service_token.empty()) mac.emplace(settings.internal_service_token);
  return JobAdmission(std::move(keys), std::move(mac), log);
}

Result<std::string> FindJailer(const Settings& settings) {
  std::filesystem::path directory = settings.libexec_dir;
  if (directory.empty()) {
    std::error_code ec;
    directory = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
  }
  for (const char* name : {"codeapi-init", "codeapi-jailer"}) {
    const std::string path = directory / name;
    if (::access(path.c_str(), X_OK) != 0) {
      return FailErrno(path + " cannot be executed (set CODEAPI_LIBEXEC_DIR to the directory it is in)",
                       errno, ErrorCode::kSetupFailed);
    }
  }
  return std::string(directory / "codeapi-jailer");
}

Result<std::string> DefaultDataDirectory() {
  if (::geteuid() == 0) return "/var/lib/codeapi";
  // The XDG base directory specification: an empty or relative value counts as none.
  const char* data = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path base;
  if (data != nullptr && data[0] == '/') {
    base = data;
  } else if (home != nullptr && home[0] == '/') {
    base = std::filesystem::path(home) / ".local" / "share";
  } else {
    return Fail(ErrorCode::kInvalid, "no HOME to keep files in: set CODEAPI_DATA_DIR");
  }
  std::error_code ec;
  std::filesystem::create_directories(base, ec);
  if (ec) return FailErrno("make " + base.string() + " (CODEAPI_DATA_DIR)", ec.value());
  return (base / "codeapi").string();
}

Result<void> MakeDataDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return FailErrno("make the data directory " + path + " (CODEAPI_DATA_DIR)");
}

Result<void> UseDefaultDataDirectory(Settings& settings) {
  auto directory = DefaultDataDirectory();
  if (!directory) return std::unexpected(std::move(directory.error()));
  settings.data_dir = std::move(*directory);
  return {};
}

}  // namespace codeapi
