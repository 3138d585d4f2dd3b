#include "auth/plan_limits.h"

#include <cmath>
#include <optional>

#include <boost/json.hpp>

#include "auth/principal.h"
#include "auth/strict_json.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr char kSetting[] = "CODEAPI_PLAN_LIMITS";
constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kTiB = 1LL << 40;

std::unexpected<Error> Bad(const std::string& message) {
  return Fail(ErrorCode::kInvalid, std::string(kSetting) + ": " + message);
}

// A whole number, also one that is written as 1e9.
std::optional<std::int64_t> Whole(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (!value.is_double()) return {};
  const double number = value.get_double();
  if (!(std::abs(number) <= static_cast<double>(kTiB)) || number != std::floor(number)) return {};
  return static_cast<std::int64_t>(number);
}

// Sets `field` if `value` is within bounds.
Result<void> Read(const json::value& value, std::int64_t least, const std::string& where,
                  std::int64_t& field) {
  const auto number = Whole(value);
  if (!number || *number < least || *number > kTiB) {
    return Bad(where + " is not a number of bytes from " + std::to_string(least) + " to " +
               std::to_string(kTiB));
  }
  field = *number;
  return {};
}

Result<void> ReadPlan(const std::string& name, const json::value& value, Plan& plan, Log& log) {
  if (!value.is_object()) return Bad("plan " + name + " is not an object");
  for (const auto& member : value.get_object()) {
    const std::string key(member.key());
    Result<void> read;
    if (key == "run_memory_limit") {
      read = Read(member.value(), 16 * kMiB, name + ".run_memory_limit", plan.run_memory_limit);
    } else if (key == "max_file_size") {
      read = Read(member.value(), 1, name + ".max_file_size", plan.max_file_size);
    } else {
      log.Write(Severity::kWarning, "unknown limit of a plan ignored",
                {{"setting", kSetting}, {"plan", name}, {"limit", key}});
    }
    if (!read) return read;
  }
  return {};
}

}  // namespace

Result<PlanLimits> PlanLimits::Parse(const Settings& settings, Log& log) {
  PlanLimits out;
  out.default_ = {settings.run_memory_limit, settings.max_upload_size};
  if (settings.plan_limits.empty()) return out;
  const auto plans = ParseStrictObject(settings.plan_limits);
  if (!plans) return Bad(plans.error().message);
  for (const auto& member : *plans) {
    const std::string name(member.key());
    if (!IsPrincipalId(name)) return Bad("has a plan whose name is unusable");
    Plan plan = out.default_;
    if (auto read = ReadPlan(name, member.value(), plan, log); !read) return std::unexpected(read.error());
    if (name == "default") {
      log.Write(Severity::kWarning, "limits of the plan called default ignored",
                {{"setting", kSetting}, {"instead", "SANDBOX_RUN_MEMORY_LIMIT, MAX_FILE_SIZE"}});
      continue;
    }
    out.plans_.emplace(name, plan);
  }
  return out;
}

Plan PlanLimits::For(std::string_view plan) const {
  const auto found = plans_.find(plan);
  return found == plans_.end() ? default_ : found->second;
}

}  // namespace codeapi
