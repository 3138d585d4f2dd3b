// One row of the settings table: from text to the member, and back.
#pragma once

#include <string>
#include <string_view>

#include "base/settings_table.h"

namespace codeapi {

/// Reads `text` into the row's member. The error says what is wrong and what is allowed, not the name or the
/// value.
Result<void> SetSetting(const SettingInfo& row, std::string_view text, Settings& settings);

/// The row's value as its parser reads it back; a secret that is set is `****`.
std::string FormatSetting(const SettingInfo& row, const Settings& settings);

/// What the row accepts, for people: `100ms to 1h`, `true or false`, `auto, v1, v2 or none`.
std::string AllowedValues(const SettingInfo& row);

}  // namespace codeapi
