#include "base/settings_convert.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "base/settings_values.h"
#include "base/text.h"

namespace codeapi {
namespace {

constexpr std::size_t kLongestText = 4000;          // below PATH_MAX with room for what we append
constexpr std::size_t kLongestDocument = 64 << 10;  // half of what the kernel lets one variable be

std::string FormatNumber(SettingKind kind, std::int64_t value) {
  switch (kind) {
    case SettingKind::kSize:
      return FormatSize(value);
    case SettingKind::kDuration:
      return FormatDuration(std::chrono::milliseconds(value));
    case SettingKind::kHundredths:
      return FormatHundredths(value);
    default:
      return std::to_string(value);
  }
}

Result<std::int64_t> ParseNumber(const SettingInfo& row, std::string_view text) {
  switch (row.kind) {
    case SettingKind::kSize:
      return ParseSize(text, row.bare_unit);
    case SettingKind::kDuration: {
      Result<std::chrono::milliseconds> duration =
          ParseDuration(text, std::chrono::milliseconds(row.bare_unit));
      if (!duration) return std::unexpected(std::move(duration.error()));
      return duration->count();
    }
    case SettingKind::kHundredths:
      return ParseHundredths(text);
    default:
      return ParseInteger(text);
  }
}

bool HasControlCharacter(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

Result<std::string> ParseDocument(std::string_view text) {
  if (text.size() > kLongestDocument) return Fail(ErrorCode::kInvalid, "is too long");
  if (!IsUtf8(text)) return Fail(ErrorCode::kInvalid, "is not UTF-8");
  std::string printable(text);
  std::erase_if(printable, [](char c) { return c == '\n' || c == '\r' || c == '\t'; });
  if (HasControlCharacter(printable)) return Fail(ErrorCode::kInvalid, "has a control character");
  return std::string(text);
}

Result<std::string> ParseText(const SettingInfo& row, std::string_view text) {
  if (row.kind == SettingKind::kDocument) return ParseDocument(text);
  if (text.size() > kLongestText) return Fail(ErrorCode::kInvalid, "is too long");
  if (HasControlCharacter(text)) return Fail(ErrorCode::kInvalid, "has a control character");
  if (row.kind == SettingKind::kString) {
    if (text.find(' ') != text.npos) return Fail(ErrorCode::kInvalid, "has a space");
    const auto size = static_cast<std::int64_t>(text.size());
    if (row.maximum > 0 && size > row.maximum) return Fail(ErrorCode::kInvalid, "is too long");
  }
  if (row.kind == SettingKind::kPath && !text.starts_with('/')) {
    const bool word = std::ranges::any_of(row.choices, [&](const Choice& c) { return c.word == text; });
    if (!word) return Fail(ErrorCode::kInvalid, "is not an absolute path");
  }
  return std::string(text);
}

Result<int> ParseChoice(const SettingInfo& row, std::string_view text) {
  const std::string word = AsciiLower(text);
  for (const Choice& choice : row.choices) {
    if (choice.word == word) return choice.value;
  }
  return Fail(ErrorCode::kInvalid, "is not known");
}

Result<std::int64_t> ParseBoundedNumber(const SettingInfo& row, std::string_view text) {
  const Result<std::int64_t> number = ParseNumber(row, text);
  if (!number) return number;
  if (*number < row.minimum || *number > row.maximum) return Fail(ErrorCode::kInvalid, "is out of range");
  return number;
}

/// Puts what was parsed into the member, or passes the error on.
template <typename Value, typename Parsed>
Result<void> Store(Value& target, Result<Parsed> parsed) {
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  target = static_cast<Value>(std::move(*parsed));
  return {};
}

Result<void> SetMember(const SettingInfo& row, std::string_view text, Settings& settings) {
  return std::visit(
      [&](auto member) -> Result<void> {
        auto& target = settings.*member;
        using Value = std::remove_cvref_t<decltype(target)>;
        if constexpr (std::is_same_v<Value, bool>) {
          return Store(target, ParseBoolean(text));
        } else if constexpr (std::is_enum_v<Value>) {
          return Store(target, ParseChoice(row, text));
        } else if constexpr (std::is_same_v<Value, std::string>) {
          return Store(target, ParseText(row, text));
        } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
          return Store(target, ParseExtensions(text));
        } else {
          return Store(target, ParseBoundedNumber(row, text));
        }
      },
      row.member);
}

std::string JoinChoices(std::span<const Choice> choices) {
  std::vector<std::string> words;
  int highest = std::numeric_limits<int>::min();
  for (const Choice& choice : choices) {  // first words only: synonyms come after all of them
    if (choice.value <= highest) break;
    highest = choice.value;
    words.emplace_back(choice.word);
  }
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string_view ChoiceWord(const SettingInfo& row, int value) {
  const auto found = std::ranges::find(row.choices, value, &Choice::value);
  return found == row.choices.end() ? std::string_view("?") : found->word;
}

}  // namespace

Result<void> SetSetting(const SettingInfo& row, std::string_view text, Settings& settings) {
  if (row.not_positive_is_default) {
    const Result<std::int64_t> number = ParseInteger(text);
    if (number && *number <= 0) {
      std::visit([&](auto member) { settings.*member = Settings{}.*member; }, row.member);
      return {};
    }
  }
  Result<void> done = SetMember(row, text, settings);
  if (!done) return Fail(ErrorCode::kInvalid, done.error().message + "; allowed: " + AllowedValues(row));
  return done;
}

std::string FormatSetting(const SettingInfo& row, const Settings& settings) {
  return std::visit(
      [&](auto member) -> std::string {
        const auto& value = settings.*member;
        using Value = std::remove_cvref_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          return value ? "true" : "false";
        } else if constexpr (std::is_enum_v<Value>) {
          return std::string(ChoiceWord(row, static_cast<int>(value)));
        } else if constexpr (std::is_same_v<Value, std::string>) {
          if (row.kind == SettingKind::kSecret && !value.empty()) return "****";
          if (row.kind == SettingKind::kDocument && !value.empty())
            return "(" + std::to_string(value.size()) + " bytes)";
          return value;
        } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
          std::string out;
          for (const std::string& item : value) out += (out.empty() ? "" : ",") + item;
          return out;
        } else if constexpr (std::is_same_v<Value, std::chrono::milliseconds>) {
          return FormatNumber(row.kind, value.count());
        } else {
          return FormatNumber(row.kind, static_cast<std::int64_t>(value));
        }
      },
      row.member);
}

std::string AllowedValues(const SettingInfo& row) {
  switch (row.kind) {
    case SettingKind::kBoolean:
      return "true or false";
    case SettingKind::kEnum:
      return JoinChoices(row.choices);
    case SettingKind::kString:
      return "text without spaces, at most " + std::to_string(row.maximum) + " bytes";
    case SettingKind::kSecret:
      return "text without control characters";
    case SettingKind::kDocument:
      return "UTF-8 text, at most " + std::to_string(kLongestDocument) + " bytes";
    case SettingKind::kExtensions:
      return "file name extensions separated by commas, or *";
    case SettingKind::kPath: {
      const std::string words = JoinChoices(row.choices);
      return words.empty() ? "an absolute path" : words + " or an absolute path";
    }
    default:
      return FormatNumber(row.kind, row.minimum) + " to " + FormatNumber(row.kind, row.maximum);
  }
}

}  // namespace codeapi
