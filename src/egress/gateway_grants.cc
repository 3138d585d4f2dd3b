// Grants: from a manifest that the API has signed, for one round, for as long as its worker says that it
// works.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <boost/json.hpp>

#include "base/ids.h"
#include "base/log_hash.h"
#include "egress/gateway_routes.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxMintBody = kMaxManifestToken + 1024;
constexpr std::size_t kMaxGrantBody = 16u << 10;
constexpr std::size_t kMaxCallbackBody = 128u << 10;
constexpr double kMaxCallbackSeconds = 86'400;

constexpr Refusal kNoManifest{400, "malformed", "manifest is required"};
constexpr Refusal kNoToken{400, "malformed", "egressGrantToken is required"};
constexpr Refusal kNoLastCall{400, "malformed", "last_call must be a whole number from 1"};
constexpr Refusal kUnknownIds{400, "malformed", "Execution manifest names an object that cannot be"};
constexpr Refusal kCallbackMembers{400, "malformed",
                                   "executionId, sessionId, and callbackToken are required"};
constexpr Refusal kCallbackTime{400, "malformed", "timeoutSeconds must be a finite positive number"};
constexpr Refusal kCallbackTools{400, "malformed", "allowedToolNames must be an array of strings"};
constexpr Refusal kCallbackLarge{413, "too_large", "callbackToken and allowedToolNames are too large"};

std::int64_t NowSeconds(const GatewayContext& gateway) {
  return std::chrono::duration_cast<std::chrono::seconds>(gateway.now().time_since_epoch()).count();
}

Response ManifestRefused(const GatewayContext& gateway, const ManifestProblem& problem) {
  const char* reason = ReasonName(problem.reason);
  CountEgress(gateway, "mint", std::string("manifest_") + reason);
  gateway.log.Write(Severity::kWarning, "manifest refused", {{"reason", reason}});
  Response response =
      ErrorResponse(problem.reason == ManifestProblem::Reason::kMalformed ? 400 : 403, problem.message);
  response.headers.add(std::string(kEgressErrorHeader), std::string("manifest_") + reason);
  return response;
}

bool NamesIdsOnly(const ExecutionManifest& manifest) {
  return IsId(manifest.exec_id) && IsId(manifest.output_session_id) &&
         std::ranges::all_of(manifest.input_files,
                             [](const ManifestFile& file) { return IsId(file.id) && IsId(file.session_id); });
}

Grant GrantFor(const GatewayContext& gateway, const ExecutionManifest& manifest) {
  const std::int64_t now = NowSeconds(gateway);
  return {.grant_id = NewId(),
          .exec_id = manifest.exec_id,
          .round = manifest.round,
          .output_session_id = manifest.output_session_id,
          .max_upload_bytes = std::min(manifest.max_upload_bytes, gateway.limits.max_file_bytes),
          .max_output_files = manifest.max_output_files,
          .max_requests = manifest.max_requests,
          .tool_calls = manifest.tool_calls,
          .iat = now,
          .exp = std::min(manifest.exp, now + gateway.limits.grant_ttl.count())};
}

json::object MintAnswer(const GatewayContext& gateway, const ExecutionManifest& manifest,
                        const Grant& grant) {
  std::map<std::string, std::string> sessions;  // each has one handle
  json::array inputs;
  inputs.reserve(manifest.input_files.size());
  for (const ManifestFile& file : manifest.input_files) {
    std::string& session = sessions[file.session_id];
    if (session.empty())
      session = Handle{Handle::Kind::kReadSession, grant.grant_id, file.session_id, {}}.Seal(gateway.sealer);
    const Handle object{Handle::Kind::kObject, grant.grant_id, file.session_id, file.id};
    inputs.push_back(json::object{{"id", object.Seal(gateway.sealer)}, {"storage_session_id", session}});
  }
  const Handle output{Handle::Kind::kWriteSession, grant.grant_id, grant.output_session_id, {}};
  return {{"grant_id", grant.grant_id},
          {"egressGrantToken", grant.Seal(gateway.sealer)},
          {"expires_at", grant.exp},
          {"lease_ms", gateway.limits.lease.count()},
          {"output_session_id", output.Seal(gateway.sealer)},
          {"input_files", std::move(inputs)}};
}

// The object of a request that names a grant, and that grant: expired or not.
struct NamedGrant {
  json::object body;
  Grant grant;
};

asio::awaitable<Allowed<NamedGrant>> ReadGrant(const GatewayContext& gateway, Request& request) {
  auto body = co_await ReadJson(request, kMaxGrantBody);
  if (!body) co_return Refuse(body.error());
  const std::string text = TextMember(*body, "egressGrantToken");
  if (text.empty()) co_return Refuse(kNoToken);
  auto grant = Grant::OpenAnyTime(gateway.sealer, text);
  if (!grant) co_return Refuse(grant.error());
  co_return NamedGrant{std::move(*body), std::move(*grant)};
}

// The same, of a grant that is good now.
asio::awaitable<Allowed<NamedGrant>> ReadGoodGrant(const GatewayContext& gateway, Request& request) {
  auto named = co_await ReadGrant(gateway, request);
  if (!named) co_return named;
  auto good = Grant::Open(gateway.sealer, TextMember(named->body, "egressGrantToken"), gateway.now());
  if (!good) co_return Refuse(good.error());
  co_return named;
}

Response Done(const GatewayContext& gateway, std::string_view kind, const Allowed<void>& done) {
  if (!done) return Refused(gateway, kind, done.error());
  CountEgress(gateway, kind, "ok");
  return Response{.status = 204, .headers = {}, .body = {}};
}

Allowed<CallbackToken> ReadCallback(const json::object& body, std::int64_t now) {
  CallbackToken out{.grant_id = NewId(),
                    .exec_id = TextMember(body, "executionId"),
                    .session_id = TextMember(body, "sessionId"),
                    .token = TextMember(body, "callbackToken"),
                    .tools = {},
                    .iat = now,
                    .exp = now};
  if (out.exec_id.empty() || out.session_id.empty() || out.token.empty()) return Refuse(kCallbackMembers);
  double seconds = 300;
  if (const json::value* given = body.if_contains("timeoutSeconds"); given != nullptr && !given->is_null()) {
    boost::system::error_code bad;
    seconds = given->is_number() ? given->to_number<double>(bad) : 0;
    if (bad || !std::isfinite(seconds) || seconds <= 0) return Refuse(kCallbackTime);
  }
  out.exp += static_cast<std::int64_t>(std::ceil(std::min(seconds, kMaxCallbackSeconds)));
  if (const json::value* given = body.if_contains("allowedToolNames");
      given != nullptr && !given->is_null()) {
    if (!given->is_array()) return Refuse(kCallbackTools);
    out.tools.emplace();
    for (const json::value& name : given->get_array()) {
      if (!name.is_string()) return Refuse(kCallbackTools);
      out.tools->emplace_back(name.get_string());
    }
  }
  return out;
}

}  // namespace

asio::awaitable<Response> HandleMint(const GatewayContext& gateway, Request& request) {
  const auto body = co_await ReadJson(request, kMaxMintBody);
  if (!body) co_return Refused(gateway, "mint", body.error());
  const std::string token = TextMember(*body, "manifest");
  if (token.empty()) co_return Refused(gateway, "mint", kNoManifest);
  const auto manifest = gateway.verifier.Verify(token, gateway.now());
  if (!manifest) co_return ManifestRefused(gateway, manifest.error());
  if (!NamesIdsOnly(*manifest)) co_return Refused(gateway, "mint", kUnknownIds);
  const Grant grant = GrantFor(gateway, *manifest);
  // As long as this manifest could be shown to us again.
  const auto keep = std::chrono::seconds(std::max<std::int64_t>(manifest->exp - grant.iat, 0)) +
                    kManifestClockTolerance + gateway.limits.ledger_grace;
  const auto admitted = co_await gateway.ledger->Admit(
      EntryOf(grant), {grant.max_requests, grant.max_output_files, grant.max_upload_bytes, grant.tool_calls},
      keep, gateway.limits.lease);
  if (!admitted) co_return Refused(gateway, "mint", admitted.error());
  CountEgress(gateway, "mint", "ok");
  gateway.log.Write(Severity::kInfo, "egress granted",
                    {{"execution", grant.exec_id},
                     {"round", std::int64_t{grant.round}},
                     {"grant", LogHash(grant.grant_id)},
                     {"tenant", LogHash(manifest->tenant_id)},
                     {"inputs", static_cast<std::int64_t>(manifest->input_files.size())},
                     {"trace", request.trace.trace_id}});
  co_return JsonResponse(201, MintAnswer(gateway, *manifest, grant));
}

asio::awaitable<Response> HandleRenew(const GatewayContext& gateway, Request& request) {
  const auto named = co_await ReadGoodGrant(gateway, request);
  if (!named) co_return Refused(gateway, "renew", named.error());
  co_return Done(gateway, "renew",
                 co_await gateway.ledger->Renew(EntryOf(named->grant), gateway.limits.lease));
}

// Expired grants too: what a late worker has to say still counts.
asio::awaitable<Response> HandleRevoke(const GatewayContext& gateway, Request& request) {
  const auto named = co_await ReadGrant(gateway, request);
  if (!named) co_return Refused(gateway, "revoke", named.error());
  const json::value* release = named->body.if_contains("release");
  const bool released = release != nullptr && release->is_bool() && release->get_bool();
  const auto end = released ? GrantEnd::kReleased : GrantEnd::kFinished;
  const auto done = co_await gateway.ledger->End(EntryOf(named->grant), end);
  if (done) {
    gateway.log.Write(Severity::kInfo, "egress grant ended",
                      {{"execution", named->grant.exec_id},
                       {"round", std::int64_t{named->grant.round}},
                       {"grant", LogHash(named->grant.grant_id)},
                       {"end", released ? "released" : "finished"},
                       {"trace", request.trace.trace_id}});
  }
  co_return Done(gateway, "revoke", done);
}

asio::awaitable<Response> HandleToolCalls(const GatewayContext& gateway, Request& request) {
  const auto named = co_await ReadGoodGrant(gateway, request);
  if (!named) co_return Refused(gateway, "tool_calls", named.error());
  const json::value* given = named->body.if_contains("last_call");
  boost::system::error_code bad;
  const auto last = given != nullptr && given->is_number() ? given->to_number<std::uint32_t>(bad) : 0;
  if (bad || last == 0) co_return Refused(gateway, "tool_calls", kNoLastCall);
  co_return Done(gateway, "tool_calls", co_await gateway.ledger->CallsUpTo(EntryOf(named->grant), last));
}

asio::awaitable<Response> HandleCallback(const GatewayContext& gateway, Request& request) {
  const auto body = co_await ReadJson(request, kMaxCallbackBody);
  if (!body) co_return Refused(gateway, "callback", body.error());
  const auto token = ReadCallback(*body, NowSeconds(gateway));
  if (!token) co_return Refused(gateway, "callback", token.error());
  std::string sealed = token->Seal(gateway.sealer);
  // It has to fit a header.
  if (sealed.size() > kMaxSealedCallback) co_return Refused(gateway, "callback", kCallbackLarge);
  CountEgress(gateway, "callback", "ok");
  co_return JsonResponse(201,
                         json::object{{"grant_id", token->grant_id}, {"callbackToken", std::move(sealed)}});
}

}  // namespace codeapi
