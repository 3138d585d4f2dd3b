#include "jailer/messages.h"

#include <algorithm>
#include <utility>

#include <boost/json.hpp>

namespace codeapi {
namespace {

namespace json = boost::json;

// Far above every setting, and far below where sums and products of these numbers overflow.
constexpr std::uint64_t kMostBytes = 1ull << 50;
constexpr std::uint64_t kMostMillis = 1ull << 40;
constexpr std::uint32_t kMostProcesses = 1u << 22;  // the kernel's PID_MAX_LIMIT
constexpr std::uint32_t kMostToolCalls = 10'000;
constexpr std::uint32_t kMostUid = 0xfff00000;  // room for one uid per cell above it

// Takes typed members from a JSON object. The first thing that is missing or of another kind is remembered;
// values read after that mean nothing, so a caller checks once at the end.
class ObjectReader {
 public:
  explicit ObjectReader(std::string_view text) {
    boost::system::error_code ec;
    value_ = json::parse(json::string_view(text.data(), text.size()), ec);
    if (ec || !value_.is_object()) problem_ = "not a JSON object";
  }

  std::string String(const char* name) {
    const json::value* v = Find(name);
    if (v == nullptr || !v->is_string()) return Bad(name), std::string();
    return std::string(v->as_string());
  }
  template <typename T>
  T Number(const char* name) {
    const json::value* v = Find(name);
    boost::system::error_code ec;
    const T out = v == nullptr ? T{} : v->to_number<T>(ec);
    if (v == nullptr || ec) Bad(name);
    return out;
  }
  bool Bool(const char* name) {
    const json::value* v = Find(name);
    if (v == nullptr || !v->is_bool()) return Bad(name), false;
    return v->as_bool();
  }
  std::vector<std::string> Strings(const char* name) {
    std::vector<std::string> out;
    for (const json::value& item : Array(name)) {
      if (!item.is_string()) return Bad(name), out;
      out.emplace_back(item.as_string());
    }
    return out;
  }
  template <typename T>
  std::vector<T> Numbers(const char* name) {
    std::vector<T> out;
    for (const json::value& item : Array(name)) {
      boost::system::error_code ec;
      out.push_back(item.to_number<T>(ec));
      if (ec) return Bad(name), out;
    }
    return out;
  }
  // A number of 0 or more that may not be above `most`.
  template <typename T>
  T AtMost(const char* name, T most) {
    const T out = Number<T>(name);
    if (out > most) Bad(name);
    return out;
  }
  bool Has(const char* name) { return Find(name) != nullptr; }
  const json::value* Find(const char* name) {
    return value_.is_object() ? value_.as_object().if_contains(name) : nullptr;
  }
  void Bad(const char* name) {
    if (problem_.empty()) problem_ = name;
  }

  template <typename T>
  Result<T> Done(T value) {
    if (problem_.empty()) return value;
    return Fail(ErrorCode::kInvalid, "jailer protocol: bad or missing member: " + problem_);
  }

 private:
  json::array Array(const char* name) {
    const json::value* v = Find(name);
    if (v != nullptr && v->is_array()) return v->as_array();
    Bad(name);
    return {};
  }
  json::value value_;
  std::string problem_;
};

json::array Array(const auto& list) {
  json::array out;
  for (const auto& item : list) out.emplace_back(item);
  return out;
}

}  // namespace

std::string JailerSettings::Encode() const {
  return json::serialize(json::object{{"version", version},
                                      {"root", root},
                                      {"uid_base", uid_base},
                                      {"max_cells", max_cells},
                                      {"pool_size", pool_size},
                                      {"cpu_hundredths", cpu_hundredths},
                                      {"cpu_weight", cpu_weight},
                                      {"workspace_bytes", workspace_bytes},
                                      {"workspace_inodes", workspace_inodes},
                                      {"cgroup", cgroup},
                                      {"private_root", private_root},
                                      {"log_refusals", log_refusals},
                                      {"warm", warm},
                                      {"warm_memory", warm_memory},
                                      {"warm_cells", warm_cells},
                                      {"max_files", rules.max_files},
                                      {"max_file_size", rules.max_file_size},
                                      {"max_depth", rules.max_depth},
                                      {"max_path", rules.max_path},
                                      {"any_extension", rules.any_extension},
                                      {"extra_extensions", Array(rules.extra_extensions)}});
}

Result<JailerSettings> JailerSettings::Decode(std::string_view text) {
  ObjectReader in(text);
  JailerSettings out;
  out.version = in.String("version");
  out.root = in.String("root");
  out.uid_base = in.AtMost<std::uint32_t>("uid_base", kMostUid);
  if (out.uid_base == 0) in.Bad("uid_base");  // no program is root
  out.max_cells = in.Number<std::uint32_t>("max_cells");
  out.pool_size = in.Number<std::uint32_t>("pool_size");
  out.cpu_hundredths = in.Number<std::uint32_t>("cpu_hundredths");
  out.cpu_weight = in.Number<std::uint32_t>("cpu_weight");
  out.workspace_bytes = in.AtMost<std::uint64_t>("workspace_bytes", kMostBytes);
  out.workspace_inodes = in.Number<std::uint64_t>("workspace_inodes");
  out.cgroup = in.String("cgroup");
  out.private_root = in.Bool("private_root");
  out.log_refusals = in.Bool("log_refusals");
  out.warm = in.Bool("warm");
  out.warm_memory = in.AtMost<std::uint64_t>("warm_memory", kMostBytes);
  out.warm_cells = in.Number<std::uint32_t>("warm_cells");
  out.rules.max_files = in.Number<std::uint32_t>("max_files");
  out.rules.max_file_size = in.Number<std::uint64_t>("max_file_size");
  out.rules.max_depth = in.Number<std::uint32_t>("max_depth");
  out.rules.max_path = in.Number<std::uint32_t>("max_path");
  out.rules.any_extension = in.Bool("any_extension");
  out.rules.extra_extensions = in.Strings("extra_extensions");
  return in.Done(std::move(out));
}

std::string JailerInfo::Encode() const {
  return json::serialize(json::object{{"cgroup", cgroup},
                                      {"limits_memory", limits_memory},
                                      {"rootless", rootless},
                                      {"runtimes", Array(runtimes)},
                                      {"warnings", Array(warnings)},
                                      {"locks", locks},
                                      {"error", error}});
}

Result<JailerInfo> JailerInfo::Decode(std::string_view text) {
  ObjectReader in(text);
  JailerInfo out;
  out.cgroup = in.String("cgroup");
  out.limits_memory = in.Bool("limits_memory");
  out.rootless = in.Bool("rootless");
  out.runtimes = in.Strings("runtimes");
  out.warnings = in.Strings("warnings");
  out.locks = in.String("locks");
  out.error = in.String("error");
  return in.Done(std::move(out));
}

std::string RunRequest::Encode() const {
  json::object out{{"runtime", runtime},
                   {"source_name", source_name},
                   {"entry", entry},
                   {"args", Array(args)},
                   {"files", files},
                   {"wall_ms", wall_ms},
                   {"cpu_ms", cpu_ms},
                   {"memory_bytes", memory_bytes},
                   {"compile_wall_ms", compile_wall_ms},
                   {"compile_cpu_ms", compile_cpu_ms},
                   {"compile_memory_bytes", compile_memory_bytes},
                   {"processes", processes},
                   {"open_files", open_files},
                   {"file_size", file_size},
                   {"output_bytes", output_bytes},
                   {"tool_calls", tool_calls},
                   {"data", data},
                   {"own_modules", Array(own_modules)},
                   {"early_input", early_input}};
  if (!manifest.empty()) out["manifest"] = manifest;
  return json::serialize(out);
}

Result<RunRequest> RunRequest::Decode(std::string_view text) {
  ObjectReader in(text);
  RunRequest out;
  out.runtime = in.String("runtime");
  out.source_name = in.String("source_name");
  out.entry = in.String("entry");
  out.args = in.Strings("args");
  out.files = in.Number<std::uint32_t>("files");
  out.wall_ms = in.AtMost<std::uint64_t>("wall_ms", kMostMillis);
  out.cpu_ms = in.AtMost<std::uint64_t>("cpu_ms", kMostMillis);
  out.memory_bytes = in.AtMost<std::uint64_t>("memory_bytes", kMostBytes);
  out.compile_wall_ms = in.AtMost<std::uint64_t>("compile_wall_ms", kMostMillis);
  out.compile_cpu_ms = in.AtMost<std::uint64_t>("compile_cpu_ms", kMostMillis);
  out.compile_memory_bytes = in.AtMost<std::uint64_t>("compile_memory_bytes", kMostBytes);
  out.processes = in.AtMost<std::uint32_t>("processes", kMostProcesses);
  out.open_files = in.Number<std::uint32_t>("open_files");
  out.file_size = in.Number<std::uint64_t>("file_size");
  out.output_bytes = in.Number<std::uint64_t>("output_bytes");
  out.tool_calls = in.AtMost<std::uint32_t>("tool_calls", kMostToolCalls);
  out.data = in.Bool("data");
  out.own_modules = in.Strings("own_modules");
  out.early_input = in.Bool("early_input");
  if (in.Has("manifest")) out.manifest = in.String("manifest");
  return in.Done(std::move(out));
}

// Names and numbers apart, so that each is an array of one kind.
std::string EncodePoolStates(const std::vector<PoolState>& states) {
  json::array runtimes, numbers;
  for (const PoolState& state : states) {
    runtimes.emplace_back(state.runtime);
    for (const std::uint64_t number :
         {std::uint64_t{state.ready}, std::uint64_t{state.coming}, std::uint64_t{state.target},
          state.memory_bytes, state.hits, state.misses})
      numbers.emplace_back(number);
  }
  return json::serialize(json::object{{"runtimes", std::move(runtimes)}, {"numbers", std::move(numbers)}});
}

Result<std::vector<PoolState>> DecodePoolStates(std::string_view text) {
  constexpr std::size_t kNumbers = 6;
  ObjectReader in(text);
  const std::vector<std::string> runtimes = in.Strings("runtimes");
  const auto numbers = in.Numbers<std::uint64_t>("numbers");
  std::vector<PoolState> out;
  if (numbers.size() != runtimes.size() * kNumbers) {
    in.Bad("numbers");
    return in.Done(std::move(out));
  }
  for (std::size_t i = 0; i < runtimes.size(); ++i) {
    const std::uint64_t* of = numbers.data() + i * kNumbers;
    if (std::max({of[0], of[1], of[2]}) > kMostProcesses || of[3] > kMostBytes) in.Bad("numbers");
    out.push_back({runtimes[i], static_cast<std::uint32_t>(of[0]), static_cast<std::uint32_t>(of[1]),
                   static_cast<std::uint32_t>(of[2]), of[3], of[4], of[5]});
  }
  return in.Done(std::move(out));
}

std::string RunFile::Encode() const {
  return json::serialize(json::object{
      {"kind", static_cast<int>(kind)}, {"name", name}, {"index", index}, {"read_only", read_only}});
}

Result<RunFile> RunFile::Decode(std::string_view text) {
  ObjectReader in(text);
  RunFile out;
  const auto kind = in.Number<std::uint8_t>("kind");
  if (kind > static_cast<std::uint8_t>(kLastCellFileKind)) in.Bad("kind");
  out.kind = static_cast<CellFileKind>(kind);
  out.name = in.String("name");
  out.index = in.Number<std::uint32_t>("index");
  out.read_only = in.Bool("read_only");
  return in.Done(std::move(out));
}

std::string RunOutput::Encode() const {
  json::object out{{"name", name}, {"size", size}};
  if (input) out["input"] = *input;
  return json::serialize(out);
}

Result<RunOutput> RunOutput::Decode(std::string_view text) {
  ObjectReader in(text);
  RunOutput out;
  out.name = in.String("name");
  out.size = in.Number<std::uint64_t>("size");
  if (in.Has("input")) out.input = in.Number<std::uint32_t>("input");
  return in.Done(std::move(out));
}

namespace {

constexpr std::pair<RunEnd, const char*> kEndNames[] = {
    {RunEnd::kExit, "exit"},
    {RunEnd::kSignal, "signal"},
    {RunEnd::kWallLimit, "wall_limit"},
    {RunEnd::kCpuLimit, "cpu_limit"},
    {RunEnd::kMemoryLimit, "memory_limit"},
    {RunEnd::kOutputLimit, "output_limit"},
    {RunEnd::kCancelled, "cancelled"},
};

}  // namespace

const char* RunEndName(RunEnd end) {
  for (const auto& [value, name] : kEndNames) {
    if (value == end) return name;
  }
  return "unknown";
}

namespace {

json::array EncodeRefused(const std::vector<RefusedCallReport>& list) {
  json::array out;
  for (const RefusedCallReport& call : list) {
    json::object entry{
        {"name", call.name}, {"number", call.number}, {"error", call.error}, {"count", call.count}};
    if (call.argument) entry["argument"] = *call.argument;
    out.push_back(std::move(entry));
  }
  return out;
}

// They end up in the log: few, and short.
std::vector<RefusedCallReport> DecodeRefused(const json::value* list, bool& bad) {
  constexpr std::size_t kMostName = 64;
  std::vector<RefusedCallReport> out;
  bad = list == nullptr || !list->is_array() || list->as_array().size() > RefusedCall::kMost;
  if (bad) return out;
  for (const json::value& entry : list->as_array()) {
    ObjectReader in(json::serialize(entry));
    RefusedCallReport& call = out.emplace_back();
    call.name = in.String("name");
    call.number = in.Number<std::int32_t>("number");
    call.error = in.String("error");
    call.count = in.Number<std::uint64_t>("count");
    if (in.Has("argument")) call.argument = in.Number<std::uint32_t>("argument");
    if (!in.Done(true) || call.name.size() > kMostName || call.error.size() > kMostName) bad = true;
  }
  return out;
}

}  // namespace

std::string Verdict::Encode() const {
  json::object setup;
  for (const auto& [step, us] : setup_us) setup[step] = us;
  return json::serialize(json::object{{"end", RunEndName(end)},
                                      {"compiling", compiling},
                                      {"code", code},
                                      {"signal", signal},
                                      {"wall_us", wall_us},
                                      {"cpu_us", cpu_us},
                                      {"compile_us", compile_us},
                                      {"memory_peak", memory_peak},
                                      {"stderr_truncated", stderr_truncated},
                                      {"warm", warm},
                                      {"unchanged", Array(harvest.unchanged)},
                                      {"deleted", Array(harvest.deleted)},
                                      {"skip_reasons", harvest.skip_reasons},
                                      {"skipped_count", harvest.skipped_count},
                                      {"skipped", Array(harvest.skipped)},
                                      {"refused", EncodeRefused(refused)},
                                      {"setup_us", std::move(setup)}});
}

Result<Verdict> Verdict::Decode(std::string_view text) {
  ObjectReader in(text);
  Verdict out;
  const std::string end = in.String("end");
  bool known = false;
  for (const auto& [value, name] : kEndNames) {
    if (end == name) {
      out.end = value;
      known = true;
    }
  }
  if (!known) in.Bad("end");
  out.compiling = in.Bool("compiling");
  out.code = in.Number<int>("code");
  out.signal = in.Number<int>("signal");
  out.wall_us = in.Number<std::uint64_t>("wall_us");
  out.cpu_us = in.Number<std::uint64_t>("cpu_us");
  out.compile_us = in.Number<std::uint64_t>("compile_us");
  out.memory_peak = in.Number<std::uint64_t>("memory_peak");
  out.stderr_truncated = in.Bool("stderr_truncated");
  out.warm = in.Bool("warm");
  out.harvest.unchanged = in.Numbers<std::uint32_t>("unchanged");
  out.harvest.deleted = in.Numbers<std::uint32_t>("deleted");
  out.harvest.skip_reasons = in.Number<std::uint32_t>("skip_reasons");
  out.harvest.skipped_count = in.Number<std::uint32_t>("skipped_count");
  out.harvest.skipped = in.Strings("skipped");
  bool bad_refused = false;
  out.refused = DecodeRefused(in.Find("refused"), bad_refused);
  if (bad_refused) in.Bad("refused");
  const json::value* setup = in.Find("setup_us");
  if (setup == nullptr || !setup->is_object()) {
    in.Bad("setup_us");
  } else {
    for (const auto& [step, us] : setup->as_object()) {
      boost::system::error_code ec;
      out.setup_us[std::string(step)] = us.to_number<std::uint64_t>(ec);
      if (ec) in.Bad("setup_us");
    }
  }
  return in.Done(std::move(out));
}

std::string RunFailure::Encode() const {
  return json::serialize(json::object{{"code", code}, {"message", message}});
}

Result<RunFailure> RunFailure::Decode(std::string_view text) {
  ObjectReader in(text);
  RunFailure out;
  out.code = in.String("code");
  out.message = in.String("message");
  return in.Done(std::move(out));
}

}  // namespace codeapi
