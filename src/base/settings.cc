#include "base/settings.h"

#include <algorithm>
#include <limits>

#include "base/settings_convert.h"
#include "base/settings_table.h"
#include "base/text.h"

namespace codeapi {
namespace {

/// The variable that a row is read from, and its text.
struct Found {
  std::string name;
  std::string text;
};

std::optional<std::string> Read(const GetEnv& getenv, std::string_view name) {
  if (name.empty()) return std::nullopt;
  std::optional<std::string> text = getenv(name);
  // `NAME=` is how compose files and shell scripts hand on what is not set.
  if (text && text->empty()) return std::nullopt;
  return text;
}

std::optional<Found> Find(const SettingInfo& row, const GetEnv& getenv, std::vector<std::string>& warnings) {
  std::optional<std::string> first = Read(getenv, row.name);
  std::optional<std::string> second = Read(getenv, row.alias);
  if (first && second && *first != *second) {
    warnings.push_back(std::string(row.alias) + " is ignored: " + std::string(row.name) + " is set too");
  }
  if (first) return Found{std::string(row.name), std::move(*first)};
  if (second) return Found{std::string(row.alias), std::move(*second)};
  return std::nullopt;
}

std::string Shown(const SettingInfo& row, const std::string& text) {
  if (row.kind == SettingKind::kSecret) return "****";
  if (row.kind == SettingKind::kDocument) return "(" + std::to_string(text.size()) + " bytes)";
  constexpr std::size_t kLongest = 100;
  if (text.size() <= kLongest) return '"' + ToUtf8Lossy(text) + '"';
  return '"' + ToUtf8Lossy(TrimPartialCharacter(std::string_view(text).substr(0, kLongest))) + "…\"";
}

bool IsOurs(std::string_view name) {
  return std::ranges::any_of(SettingsTable(),
                             [&](const SettingInfo& row) { return row.name == name || row.alias == name; });
}

std::string_view NearestName(std::string_view name) {
  std::string_view best;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  const auto consider = [&](std::string_view candidate) {
    if (candidate.empty()) return;
    const std::size_t distance = EditDistance(name, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  };
  for (const SettingInfo& row : SettingsTable()) {
    consider(row.name);
    consider(row.alias);
  }
  return best;
}

/// An orchestrator puts an address (`tcp://…`) into CODEAPI_PORT; a bare number there is someone's wish for a
/// port.
bool IsMistakenPort(std::string_view name, const GetEnv& getenv) {
  if (name != "CODEAPI_PORT") return false;
  const std::optional<std::string> text = Read(getenv, name);
  return text && text->find_first_not_of("0123456789") == std::string::npos;
}

void WarnOfUnknownNames(std::vector<std::string> names, const GetEnv& getenv,
                        std::vector<std::string>& warnings) {
  constexpr std::size_t kLongestName = 200;  // the distance costs the product of the lengths
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  for (const std::string& name : names) {
    if (IsMistakenPort(name, getenv)) {
      warnings.emplace_back("CODEAPI_PORT is not a setting; did you mean SERVICE_PORT?");
      continue;
    }
    if (!name.starts_with("CODEAPI_") || IsOurs(name) || IsForeignName(name)) continue;
    const std::string shown =
        ToUtf8Lossy(TrimPartialCharacter(std::string_view(name).substr(0, kLongestName)));
    warnings.push_back(shown + " is not a setting; did you mean " + std::string(NearestName(shown)) + "?");
  }
}

void WarnOfContradictions(Settings& settings) {
  if (settings.run_timeout > settings.job_timeout) {
    settings.warnings.emplace_back(
        "SANDBOX_RUN_TIMEOUT is longer than JOB_TIMEOUT: programs end when JOB_TIMEOUT is over");
  }
}

}  // namespace

Result<Settings> Settings::Load(const GetEnv& getenv, const std::vector<std::string>& environment_names) {
  Settings settings;
  std::string errors;
  for (const SettingInfo& row : SettingsTable()) {
    settings.sources.emplace_back();
    const std::optional<Found> found = Find(row, getenv, settings.warnings);
    if (!found) continue;
    const Result<void> done = SetSetting(row, found->text, settings);
    if (!done) {
      if (!errors.empty()) errors += '\n';
      errors += found->name + '=' + Shown(row, found->text) + ' ' + done.error().message;
    }
    settings.sources.back() = found->name;
  }
  if (settings.session_cache_ttl.count() > 0) {
    if (settings.file_ttl == Settings{}.file_ttl) settings.file_ttl = settings.session_cache_ttl;
  }
  if (!errors.empty()) return Fail(ErrorCode::kInvalid, std::move(errors));
  WarnOfUnknownNames(environment_names, getenv, settings.warnings);
  WarnOfContradictions(settings);
  return settings;
}

std::string Settings::Describe() const {
  std::size_t name_width = 0, value_width = 0;
  for (const SettingInfo& row : SettingsTable()) {
    name_width = std::max(name_width, row.name.size());
    value_width = std::max(value_width, std::min<std::size_t>(FormatSetting(row, *this).size(), 40));
  }
  std::string out;
  const auto column = [&](std::string_view text, std::size_t width) {
    out += text;
    out.append(std::max(width, text.size()) - text.size() + 2, ' ');
  };
  for (std::size_t i = 0; i < SettingsTable().size(); ++i) {
    const SettingInfo& row = SettingsTable()[i];
    const bool set = i < sources.size() && !sources[i].empty();
    column(row.name, name_width);
    column(FormatSetting(row, *this), value_width);
    out += set ? sources[i] : "default";
    out += '\n';
  }
  return out;
}

}  // namespace codeapi
