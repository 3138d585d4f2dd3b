#include "files/times.h"

#include <fmt/format.h>

#include <array>

namespace codeapi {
namespace {

using std::chrono::floor;

struct Parts {
  std::chrono::year_month_day date;
  std::chrono::weekday weekday;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
};

Parts PartsOf(std::chrono::system_clock::time_point point) {
  const auto days = floor<std::chrono::days>(point);
  return {std::chrono::year_month_day(days), std::chrono::weekday(days),
          std::chrono::hh_mm_ss(floor<std::chrono::milliseconds>(point - days))};
}

}  // namespace

std::string IsoTime(std::chrono::system_clock::time_point time) {
  const Parts parts = PartsOf(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(parts.date.year()),
                     static_cast<unsigned>(parts.date.month()), static_cast<unsigned>(parts.date.day()),
                     parts.time.hours().count(), parts.time.minutes().count(), parts.time.seconds().count(),
                     parts.time.subseconds().count());
}

std::string HttpTime(std::chrono::system_clock::time_point time) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Parts parts = PartsOf(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[parts.weekday.c_encoding()],
                     static_cast<unsigned>(parts.date.day()),
                     kMonths[static_cast<unsigned>(parts.date.month()) - 1],
                     static_cast<int>(parts.date.year()), parts.time.hours().count(),
                     parts.time.minutes().count(), parts.time.seconds().count());
}

}  // namespace codeapi
