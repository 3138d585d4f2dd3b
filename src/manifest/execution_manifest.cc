#include "manifest/execution_manifest.h"

#include <algorithm>
#include <set>
#include <utility>

#include <boost/json.hpp>

#include "base/ids.h"
#include "manifest/canonical_json.h"
#include "manifest/content_digest.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 3;  // the claims, a list, an entry
constexpr std::size_t kMaxFiles = 10'000;
constexpr std::size_t kMaxName = 4096;
constexpr std::size_t kMaxText = 2048;  // a tenant, a user, a session key
constexpr std::size_t kDigestLength = 43;
constexpr std::uint64_t kMaxRounds = 1'000'000;
constexpr std::uint64_t kMaxBytes = 1ull << 50;
constexpr std::uint64_t kMaxMillis = 1ull << 40;
constexpr std::uint64_t kMaxCount = 1'000'000'000;
constexpr std::uint64_t kMaxTime = 253'402'300'799;  // the year 9999
constexpr std::int64_t kVersion = 1;

std::string Say(std::string_view what) {
  return "Execution manifest " + std::string(what);
}

bool IsDigest(std::string_view text) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return text.size() == kDigestLength && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

// Takes claims out of an object, and remembers the first that is wrong.
class ClaimReader {
 public:
  explicit ClaimReader(const json::object& claims) : claims_(claims) {}

  std::string Text(const char* name, std::size_t least, std::size_t most) {
    const json::value* value = Find(name);
    if (value == nullptr || !value->is_string()) return Bad(name), std::string();
    std::string text(value->get_string());
    if (text.size() < least || text.size() > most) Bad(name);
    return text;
  }
  std::optional<std::string> OptionalText(const char* name, std::size_t most) {
    if (!claims_.contains(name)) return {};
    return Text(name, 0, most);
  }
  std::string Digest(const char* name, bool may_be_empty) {
    std::string text = Text(name, 0, kDigestLength);
    if (!IsDigest(text) && !(may_be_empty && text.empty())) Bad(name);
    return text;
  }
  std::uint64_t Number(const char* name, std::uint64_t least, std::uint64_t most) {
    const json::value* value = Find(name);
    boost::system::error_code ec;
    // A double that is whole would be taken as well, but it has another canonical text.
    const auto number = value == nullptr ? 0 : value->to_number<std::uint64_t>(ec);
    if (value == nullptr || ec || number < least || number > most) return Bad(name), 0;
    return number;
  }
  bool Bool(const char* name) {
    const json::value* value = Find(name);
    if (value == nullptr || !value->is_bool()) return Bad(name), false;
    return value->get_bool();
  }
  const json::array& List(const char* name) {
    static const json::array kEmpty;
    const json::value* value = Find(name);
    if (value == nullptr || !value->is_array())
      return Complain(std::string(name) + " must be an array"), kEmpty;
    if (value->get_array().size() > kMaxFiles) return Bad(name), kEmpty;
    return value->get_array();
  }
  void Bad(const char* name) { Complain(std::string(name) + " is invalid"); }
  void Complain(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  // After the last claim: that there is no other.
  Result<void> Done() {
    if (problem_.empty() && seen_ != claims_.size()) problem_ = "has a claim that is not known";
    if (!problem_.empty()) return Fail(ErrorCode::kInvalid, Say(problem_));
    return {};
  }

 private:
  const json::value* Find(const char* name) {
    const json::value* value = claims_.if_contains(name);
    if (value != nullptr) ++seen_;
    return value;
  }

  const json::object& claims_;
  std::size_t seen_ = 0;
  std::string problem_;
};

std::vector<ManifestFile> Files(ClaimReader& in) {
  std::vector<ManifestFile> out;
  std::set<std::string> names;
  for (const json::value& item : in.List("input_files")) {
    ManifestFile file;
    const json::object* entry = item.if_object();
    if (entry != nullptr) {
      ClaimReader one(*entry);
      file = {one.Text("id", 1, kMaxName), one.Text("session_id", 1, kMaxName),
              one.Text("name", 1, kMaxName)};
      if (!one.Done()) entry = nullptr;
    }
    if (entry == nullptr || !names.insert(file.name).second) {
      in.Complain("input_files contains an invalid file");
      break;
    }
    out.push_back(std::move(file));
  }
  return out;
}

std::vector<std::string> Sessions(ClaimReader& in) {
  std::vector<std::string> out;
  for (const json::value& item : in.List("read_sessions")) {
    const json::string* text = item.if_string();
    if (text == nullptr || text->empty() || text->size() > kMaxName) {
      in.Bad("read_sessions");
      break;
    }
    out.emplace_back(*text);
  }
  return out;
}

// What claims have to do with each other.
void CheckTogether(ClaimReader& in, const ExecutionManifest& claims) {
  if (claims.exp <= claims.iat) in.Bad("exp");
  if (claims.command_sha256.empty() != claims.code_sha256.empty()) in.Bad("command_sha256");
  if (claims.tool_call_socket != (claims.tool_calls > 0)) in.Bad("tool_call_socket");
  const bool starts_with_tools = claims.tool_calls > 0 && !claims.code_sha256.empty();
  if (claims.support_sha256.empty() == starts_with_tools) in.Bad("support_sha256");
}

Result<ExecutionManifest> Read(const json::object& claims) {
  ClaimReader in(claims);
  ExecutionManifest out;
  if (const std::uint64_t version = in.Number("v", 0, kMaxCount); version != kVersion) {
    in.Complain("version is unsupported");
  }
  out.exec_id = in.Text("exec_id", kIdLength, kIdLength);
  if (!IsId(out.exec_id)) in.Bad("exec_id");
  out.round = static_cast<std::uint32_t>(in.Number("round", 1, kMaxRounds));
  out.tenant_id = in.Text("tenant_id", 1, kMaxText);
  out.user_id = in.Text("user_id", 1, kMaxText);
  out.session_key = in.Text("session_key", 1, kMaxText);
  out.input_files = Files(in);
  out.read_sessions = Sessions(in);
  out.output_session_id = in.Text("output_session_id", kIdLength, kIdLength);
  out.max_upload_bytes = in.Number("max_upload_bytes", 0, kMaxBytes);
  out.max_output_files = static_cast<std::uint32_t>(in.Number("max_output_files", 0, kMaxCount));
  out.max_requests = static_cast<std::uint32_t>(in.Number("max_requests", 0, kMaxCount));
  out.iat = static_cast<std::int64_t>(in.Number("iat", 0, kMaxTime));
  out.exp = static_cast<std::int64_t>(in.Number("exp", 0, kMaxTime));
  out.execute_body_sha256 = in.Digest("execute_body_sha256", false);
  out.tool_call_socket = in.Bool("tool_call_socket");
  out.principal_source = in.Text("principal_source", 1, kMaxText);
  out.auth_context_hash = in.OptionalText("auth_context_hash", kMaxText);
  out.runtime = in.Text("runtime", 1, 64);
  out.code_sha256 = in.Digest("code_sha256", true);
  out.command_sha256 = in.Digest("command_sha256", true);
  out.support_sha256 = in.Digest("support_sha256", true);
  out.wall_ms = in.Number("wall_ms", 0, kMaxMillis);
  out.cpu_ms = in.Number("cpu_ms", 0, kMaxMillis);
  out.memory_bytes = in.Number("memory_bytes", 0, kMaxBytes);
  out.tool_calls = static_cast<std::uint32_t>(in.Number("tool_calls", 0, kMaxCount));
  CheckTogether(in, out);
  if (auto done = in.Done(); !done) return std::unexpected(done.error());
  return out;
}

}  // namespace

Result<std::string> ExecutionManifest::ToJson() const {
  json::array files, sessions;
  for (const ManifestFile& file : input_files) {
    files.push_back(json::object{{"id", file.id}, {"session_id", file.session_id}, {"name", file.name}});
  }
  for (const std::string& session : read_sessions) sessions.emplace_back(session);
  json::object claims{{"v", kVersion},
                      {"exec_id", exec_id},
                      {"round", round},
                      {"tenant_id", tenant_id},
                      {"user_id", user_id},
                      {"session_key", session_key},
                      {"input_files", std::move(files)},
                      {"read_sessions", std::move(sessions)},
                      {"output_session_id", output_session_id},
                      {"max_upload_bytes", max_upload_bytes},
                      {"max_output_files", max_output_files},
                      {"max_requests", max_requests},
                      {"iat", iat},
                      {"exp", exp},
                      {"execute_body_sha256", execute_body_sha256},
                      {"tool_call_socket", tool_call_socket},
                      {"principal_source", principal_source},
                      {"runtime", runtime},
                      {"code_sha256", code_sha256},
                      {"command_sha256", command_sha256},
                      {"support_sha256", support_sha256},
                      {"wall_ms", wall_ms},
                      {"cpu_ms", cpu_ms},
                      {"memory_bytes", memory_bytes},
                      {"tool_calls", tool_calls}};
  if (auth_context_hash) claims["auth_context_hash"] = *auth_context_hash;
  if (auto readable = Read(claims); !readable) return std::unexpected(readable.error());
  auto text = CanonicalJson(claims);
  if (!text) return Fail(ErrorCode::kInvalid, Say(text.error().message));
  if (text->size() > kMaxManifestJson) return Fail(ErrorCode::kTooLarge, Say("is too large"));
  return text;
}

Result<ExecutionManifest> ExecutionManifest::FromJson(std::string_view text) {
  if (text.size() > kMaxManifestJson) return Fail(ErrorCode::kTooLarge, Say("is too large"));
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code ec;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), ec, {}, options);
  if (ec) return Fail(ErrorCode::kInvalid, Say("payload is not valid JSON"));
  if (!value.is_object()) return Fail(ErrorCode::kInvalid, Say("claims must be an object"));
  // A member twice, spaces, another order, another spelling of a number: all have another canonical text.
  const auto canonical = CanonicalJson(value);
  if (!canonical || *canonical != text) return Fail(ErrorCode::kInvalid, Say("payload is not canonical"));
  return Read(value.get_object());
}

std::string CommandDigest(std::string_view source_name, std::string_view entry,
                          const std::vector<std::string>& args) {
  // Lengths keep the parts apart, whatever bytes they are of.
  ContentDigest digest;
  const auto add = [&](std::string_view part) {
    digest.Update(std::to_string(part.size()) + ":");
    digest.Update(part);
  };
  add(source_name);
  add(entry);
  for (const std::string& arg : args) add(arg);
  return digest.Finish();
}

void SupportDigest::Add(std::string_view name, std::string_view content_digest) {
  list_ += std::to_string(name.size()) + ":";
  list_ += name;
  list_ += content_digest;
}

std::string SupportDigest::Finish() const {
  return list_.empty() ? std::string() : ContentDigest::Of(list_);
}

}  // namespace codeapi
