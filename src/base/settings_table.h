// The one table of settings: what each is called, what it may be and what it means. Settings::Load fills the
// struct from it and `codeapi config` prints it, so nothing can be read that is not listed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/settings.h"

namespace codeapi {

enum class SettingKind {
  kInteger,     ///< a whole number
  kHundredths,  ///< a number with up to two decimals, kept in hundredths
  kSize,        ///< bytes
  kDuration,    ///< milliseconds
  kBoolean,
  kString,      ///< printable text without spaces
  kPath,        ///< an absolute path
  kExtensions,  ///< file name extensions, comma separated
  kEnum,        ///< one of `choices`
  kSecret,      ///< a string that is never shown
  kDocument,    ///< a text of many lines (a key, JSON), of which only the size is shown
};

/// Which commands a setting means something to. A bit set.
enum Role : unsigned {
  kServe = 1,
  kRun = 2,
  kDoctor = 4,
  kFileServer = 8,
  kKeys = 16,
  kPackageInit = 32,
  kApi = 64,
  kWorker = 128,
  kToolCallServer = 256,
  kEgressGateway = 512,
};

/// One accepted word of an enum and the value it stands for. The first word of a value is the one we print.
struct Choice {
  std::string_view word;
  int value;
};

using SettingMember =
    std::variant<bool Settings::*, int Settings::*, std::uint16_t Settings::*, std::uint32_t Settings::*,
                 std::int64_t Settings::*, std::chrono::milliseconds Settings::*, std::string Settings::*,
                 std::vector<std::string> Settings::*, LogLevel Settings::*, CgroupMode Settings::*,
                 RootSharing Settings::*, SeccompMode Settings::*, LocalMode Settings::*,
                 AuthProvider Settings::*, ObjectStoreKind Settings::*, S3Addressing Settings::*>;

/// One row. `minimum` and `maximum` are in the member's own unit (bytes, milliseconds, hundredths) and
/// inclusive.
struct SettingInfo {
  std::string_view name;   ///< the variable that wins, and the one messages name
  std::string_view alias;  ///< another variable that sets it; empty: none
  SettingKind kind;
  SettingMember member;
  unsigned roles;
  std::string_view meaning;  ///< one line without a full stop
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  std::int64_t bare_unit = 1;            ///< sizes and durations: what a number without a unit counts
  bool not_positive_is_default = false;  ///< 0 and less stand for the default, as the reference has it
  std::span<const Choice> choices = {};  ///< enums; for paths: words allowed beside absolute paths
};

/// Every setting, in the order `codeapi config` shows them.
std::span<const SettingInfo> SettingsTable();

/// `"serve run"`: the names of a set of roles.
std::string RoleNames(unsigned roles);

/// Whether a `CODEAPI_*` name has a meaning elsewhere: in the client's own environment, to the orchestrator
/// that starts us, or to parts of the API we stand in for that this version does not have. Such names get no
/// warning.
bool IsForeignName(std::string_view name);

}  // namespace codeapi
