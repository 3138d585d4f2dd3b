// By hand, since strptime depends on the locale.
#include "store/http_time.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace codeapi {
namespace {

using std::chrono::system_clock;

std::optional<int> Digits(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('-')) return std::nullopt;
  return value;
}

// "07:28:00" of a day.
std::optional<system_clock::time_point> At(std::optional<int> year, unsigned month, std::optional<int> day,
                                           std::string_view clock) {
  if (clock.size() != 8 || clock[2] != ':' || clock[5] != ':' || !year || !day) return std::nullopt;
  const auto hours = Digits(clock.substr(0, 2));
  const auto minutes = Digits(clock.substr(3, 2));
  const auto seconds = Digits(clock.substr(6, 2));
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(month),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!hours || !minutes || !seconds || *hours > 23 || *minutes > 59 || *seconds > 60 || !date.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(*hours) + std::chrono::minutes(*minutes) +
         std::chrono::seconds(*seconds);
}

}  // namespace

std::optional<system_clock::time_point> ParseHttpDate(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) return std::nullopt;
  const auto* month = std::ranges::find(kMonths, text.substr(8, 3));
  if (month == kMonths.end() || text[7] != ' ' || text[11] != ' ' || text[16] != ' ') return std::nullopt;
  return At(Digits(text.substr(12, 4)), static_cast<unsigned>(month - kMonths.begin()) + 1,
            Digits(text.substr(5, 2)), text.substr(17, 8));
}

std::optional<system_clock::time_point> ParseIsoTime(std::string_view text) {
  if (text.size() < 20 || text.size() > 32 || !text.ends_with('Z') || text[4] != '-' || text[7] != '-' ||
      text[10] != 'T') {
    return std::nullopt;
  }
  const auto month = Digits(text.substr(5, 2));
  if (!month) return std::nullopt;
  auto time = At(Digits(text.substr(0, 4)), static_cast<unsigned>(*month), Digits(text.substr(8, 2)),
                 text.substr(11, 8));
  if (!time || text.size() == 20) return time;
  const auto fraction = Digits(text.substr(20, std::min<std::size_t>(3, text.size() - 21)));
  if (text[19] != '.' || text.size() < 22 || !fraction) return std::nullopt;
  const int scale = text.size() == 22 ? 100 : text.size() == 23 ? 10 : 1;
  return *time + std::chrono::milliseconds(*fraction * scale);
}

}  // namespace codeapi
