// Stored files through the gateway, as they come and never kept.
#include <array>
#include <optional>
#include <utility>

#include <boost/asio.hpp>

#include "auth/internal_token.h"
#include "base/ids.h"
#include "base/text.h"
#include "egress/gateway_routes.h"
#include "files/file_server.h"
#include "jail/extensions.h"

namespace codeapi {
namespace {

constexpr std::size_t kMaxInfo = 64u << 10;  // bytes of an object's metadata
constexpr std::string_view kDirectoryMark = ".dirkeep";

constexpr Refusal kDownloadQuery{400, "malformed", "Object download query parameters are not supported"};
constexpr Refusal kUploadQuery{400, "malformed", "Object upload query parameters are not supported"};
constexpr Refusal kBadFileId{400, "malformed", "Invalid output file id"};
constexpr Refusal kNoName{400, "malformed", "X-Original-Filename is required"};
constexpr Refusal kBadName{400, "malformed", "Output filename is malformed"};
constexpr Refusal kBadType{400, "malformed", "Content-Type is malformed"};
constexpr Refusal kBadBody{400, "malformed", "Bad request"};
constexpr Refusal kSlowBody{408, "too_slow", "The body did not arrive in time"};
constexpr Refusal kBadExtension{403, "extension", "Output filename extension is not supported"};
constexpr Refusal kUploadTooLarge{413, "file_bytes", "Upload exceeds grant byte limit"};
constexpr Refusal kFileNotFound{404, "not_found", "File not found"};
constexpr Refusal kFileExists{409, "conflict", "File already exists"};
constexpr Refusal kFileRefused{400, "malformed", "File server refused the file"};

// What of the file server's answer to a GET belongs to the file.
constexpr std::array<std::string_view, 7> kFileHeaders{
    "Content-Type",      "Content-Disposition",  "ETag", "Last-Modified", "X-Content-Type-Options",
    kLastModifiedHeader, kOriginalFilenameHeader};

// The only addresses there are: both parts are ids.
ClientRequest Upstream(const GatewayContext& gateway, const Request& request, std::string method,
                       std::string_view session, std::string_view object, std::string_view more = {}) {
  ClientRequest out;
  out.method = std::move(method);
  out.url = gateway.file_server_url + "/sessions/" + std::string(session) + "/objects/" +
            std::string(object) + std::string(more);
  if (!gateway.internal_token.empty())
    out.headers.add(std::string(kInternalTokenHeader), gateway.internal_token);
  out.headers.add("traceparent", request.trace.Header());
  return out;
}

// Why an answer other than 200 is passed on as what.
Refusal UpstreamRefusal(const GatewayContext& gateway, int status) {
  switch (status) {
    case 400:
      return kFileRefused;
    case 404:
      return kFileNotFound;
    case 409:
      return kFileExists;
    case 413:
      return kUploadTooLarge;
    default:
      break;
  }
  gateway.log.Write(Severity::kError, "file server failed", {{"status", std::int64_t{status}}});
  return status >= 300 && status < 400 ? kUpstreamRedirects : kUpstreamAway;
}

Refusal Unreachable(const GatewayContext& gateway, const Error& error) {
  gateway.log.Write(Severity::kError, "file server failed", {{"detail", error.message}});
  return kUpstreamAway;
}

void CountBytes(const GatewayContext& gateway, const char* direction, std::uint64_t bytes) {
  gateway.metrics
      .counter("codeapi_egress_bytes_total", "Bytes of files that passed the gateway",
               {{"direction", direction}})
      .Increment(static_cast<double>(bytes));
}

// A file on its way to a worker.
class DownloadBody final : public BodySource {
 public:
  DownloadBody(const GatewayContext& gateway, std::unique_ptr<BodyReader> body)
      : gateway_(gateway), body_(std::move(body)) {}
  ~DownloadBody() override { CountBytes(gateway_, "down", passed_); }
  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    auto got = co_await body_->read(into);
    if (got) passed_ += *got;
    co_return got;
  }
  std::optional<std::uint64_t> length() const override { return body_->length(); }

 private:
  const GatewayContext& gateway_;
  std::unique_ptr<BodyReader> body_;
  std::uint64_t passed_ = 0;
};

// How far the body of an upload got.
struct UploadProgress {
  std::uint64_t passed = 0;
  bool whole = false;            // read to its end
  std::optional<Refusal> fault;  // of whoever sent it
};

// A file on its way to the file server, held to its budget while it passes.
class UploadBody final : public BodySource {
 public:
  UploadBody(BodyReader& body, std::uint64_t limit, UploadProgress& progress)
      : body_(body), limit_(limit), progress_(progress) {}

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    auto got = co_await body_.read(into);
    if (!got) {
      progress_.fault = got.error().code == ErrorCode::kDeadline ? kSlowBody : kBadBody;
    } else if (*got == 0) {
      progress_.whole = true;
    } else if (*got > limit_ - progress_.passed) {
      progress_.fault = kUploadTooLarge;
      co_return Fail(ErrorCode::kTooLarge, "an upload has more bytes than its grant allows");
    } else {
      progress_.passed += *got;
      // With a length announced nobody asks again.
      progress_.whole = body_.length() == progress_.passed;
    }
    co_return got;
  }
  std::optional<std::uint64_t> length() const override { return body_.length(); }

 private:
  BodyReader& body_;
  const std::uint64_t limit_;
  UploadProgress& progress_;
};

// What an upload has reserved in the ledger, given back unless it was stored, or may have been. Given back as
// well when the request is cancelled, for which the ledger is asked from elsewhere.
class Reservation {
 public:
  Reservation(asio::any_io_executor executor, std::shared_ptr<Ledger> ledger, LedgerEntry entry,
              std::string file, std::uint64_t bytes)
      : executor_(std::move(executor)),
        ledger_(std::move(ledger)),
        entry_(std::move(entry)),
        file_(std::move(file)),
        bytes_(bytes) {}
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() {
    if (kept_) return;
    asio::co_spawn(executor_, Undo(std::move(ledger_), std::move(entry_), std::move(file_), bytes_),
                   asio::detached);
  }
  void Keep() { kept_ = true; }

 private:
  static asio::awaitable<void> Undo(std::shared_ptr<Ledger> ledger, LedgerEntry entry, std::string file,
                                    std::uint64_t bytes) {
    (void)co_await ledger->UndoUpload(std::move(entry), std::move(file), bytes);
  }
  asio::any_io_executor executor_;
  std::shared_ptr<Ledger> ledger_;
  LedgerEntry entry_;
  std::string file_;
  std::uint64_t bytes_;
  bool kept_ = false;
};

struct Named {
  Grant grant;
  std::string session, object;
};

// An input, by two handles of one grant.
Allowed<Named> NamedInput(const GatewayContext& gateway, const Request& request) {
  auto grant = GrantOf(gateway, request);
  if (!grant) return Refuse(grant.error());
  if (!request.query.all().empty()) return Refuse(kDownloadQuery);
  const auto session =
      Handle::Open(gateway.sealer, request.params.get("session"), Handle::Kind::kReadSession, *grant);
  if (!session) return Refuse(session.error());
  auto object = Handle::Open(gateway.sealer, request.params.get("object"), Handle::Kind::kObject, *grant);
  if (!object) return Refuse(object.error());
  if (object->session_id != session->session_id) return Refuse(kForeignHandle);
  return Named{std::move(*grant), std::move(object->session_id), std::move(object->object_id)};
}

// An output, by a handle and an id of the worker's own choice.
Allowed<Named> NamedOutput(const GatewayContext& gateway, const Request& request) {
  auto grant = GrantOf(gateway, request);
  if (!grant) return Refuse(grant.error());
  if (!request.query.all().empty()) return Refuse(kUploadQuery);
  auto session =
      Handle::Open(gateway.sealer, request.params.get("session"), Handle::Kind::kWriteSession, *grant);
  if (!session) return Refuse(session.error());
  const std::string object(request.params.get("object"));
  if (!IsId(object)) return Refuse(kBadFileId);
  return Named{std::move(*grant), std::move(session->session_id), object};
}

// The name that a file is stored under, and its type.
Allowed<ObjectMeta> NamedMeta(const GatewayContext& gateway, const Request& request) {
  if (request.headers.count(kOriginalFilenameHeader) > 1) return Refuse(kBadName);
  if (request.header(kOriginalFilenameHeader).empty()) return Refuse(kNoName);
  ObjectMeta meta{PercentDecode(request.header(kOriginalFilenameHeader)),
                  std::string(request.header("Content-Type")), false};
  if (meta.content_type.empty()) meta.content_type = "application/octet-stream";
  const GatewayLimits& limits = gateway.limits;
  if (!WorkspaceNameProblem(meta.filename, limits.max_path, limits.max_depth).empty())
    return Refuse(kBadName);
  const std::string base = meta.filename.substr(meta.filename.rfind('/') + 1);
  if (base != kDirectoryMark && !IsKeptName(base, limits.output_extensions)) return Refuse(kBadExtension);
  if (!CheckObjectMeta(meta)) return Refuse(kBadType);
  return meta;
}

asio::awaitable<Response> PassInfo(const GatewayContext& gateway, Request& request, const Named& named) {
  const auto answer = co_await gateway.files.fetch(
      Upstream(gateway, request, "GET", named.session, named.object, "/metadata"), kMaxInfo);
  if (!answer) co_return Refused(gateway, "metadata", Unreachable(gateway, answer.error()));
  if (answer->status != 200) co_return Refused(gateway, "metadata", UpstreamRefusal(gateway, answer->status));
  CountEgress(gateway, "metadata", "ok");
  co_return TextResponse(200, answer->body, "application/json; charset=utf-8");
}

// The answer to an upload of which the file server has said something.
asio::awaitable<Response> Stored(const GatewayContext& gateway, const Named& named, std::uint64_t reserved,
                                 const UploadProgress& progress, std::string body) {
  CountBytes(gateway, "up", progress.passed);
  if (progress.passed != reserved) {
    // It only says how much less was used: nothing is lost with it.
    (void)co_await gateway.ledger->EndUpload(EntryOf(named.grant), named.object, reserved, progress.passed);
  }
  CountEgress(gateway, "upload", "ok");
  co_return TextResponse(200, std::move(body), "application/json; charset=utf-8");
}

}  // namespace

asio::awaitable<Response> HandleGetInput(const GatewayContext& gateway, Request& request) {
  const auto named = NamedInput(gateway, request);
  if (!named) co_return Refused(gateway, "download", named.error());
  const auto counted = co_await gateway.ledger->Request(EntryOf(named->grant));
  if (!counted) co_return Refused(gateway, "download", counted.error());
  auto answer = co_await gateway.files.send(Upstream(gateway, request, "GET", named->session, named->object));
  if (!answer) co_return Refused(gateway, "download", Unreachable(gateway, answer.error()));
  if (answer->status != 200) co_return Refused(gateway, "download", UpstreamRefusal(gateway, answer->status));
  CountEgress(gateway, "download", "ok");
  Response response;
  for (const std::string_view name : kFileHeaders) {
    if (answer->headers.has(name))
      response.headers.add(std::string(name), std::string(answer->headers.get(name)));
  }
  if (answer->headers.get(kReadOnlyHeader) == "true")
    response.headers.add(std::string(kReadOnlyHeader), "true");
  response.body = std::make_unique<DownloadBody>(gateway, std::move(answer->body));
  co_return response;
}

asio::awaitable<Response> HandleGetInfo(const GatewayContext& gateway, Request& request) {
  // Of an input, or of one's own output, whose second part is an id and no handle.
  const bool own = IsId(request.params.get("object"));
  const auto named = own ? NamedOutput(gateway, request) : NamedInput(gateway, request);
  if (!named) co_return Refused(gateway, "metadata", named.error());
  const auto counted = own ? co_await gateway.ledger->RequestOwnFile(EntryOf(named->grant), named->object)
                           : co_await gateway.ledger->Request(EntryOf(named->grant));
  if (!counted) co_return Refused(gateway, "metadata", counted.error());
  co_return co_await PassInfo(gateway, request, *named);
}

asio::awaitable<Response> HandlePutOutput(const GatewayContext& gateway, Request& request) {
  const auto named = NamedOutput(gateway, request);
  if (!named) co_return Refused(gateway, "upload", named.error());
  // Of a body whose length nobody knows yet all is reserved that one file may have.
  const std::uint64_t limit = named->grant.max_upload_bytes;
  const std::uint64_t reserved = request.body.length().value_or(limit);
  if (reserved > limit) co_return Refused(gateway, "upload", kUploadTooLarge);
  const auto meta = NamedMeta(gateway, request);
  if (!meta) co_return Refused(gateway, "upload", meta.error());
  const auto begun = co_await gateway.ledger->BeginUpload(EntryOf(named->grant), named->object, reserved);
  if (!begun) co_return Refused(gateway, "upload", begun.error());
  Reservation reservation(co_await asio::this_coro::executor, gateway.ledger, EntryOf(named->grant),
                          named->object, reserved);
  UploadProgress progress;
  progress.whole = request.body.length() == 0u;
  ClientRequest put = Upstream(gateway, request, "PUT", named->session, named->object);
  put.headers.add("Content-Type", meta->content_type);
  put.headers.add(std::string(kOriginalFilenameHeader), PercentEncode(meta->filename));
  put.body = std::make_unique<UploadBody>(request.body, limit, progress);
  const auto answer = co_await gateway.files.fetch(std::move(put), kMaxInfo);
  if (!answer) {
    // With the whole of it sent nobody knows whether it is stored: then the file keeps counting.
    if (progress.whole && !progress.fault) reservation.Keep();
    co_return Refused(gateway, "upload",
                      progress.fault ? *progress.fault : Unreachable(gateway, answer.error()));
  }
  if (answer->status != 200) co_return Refused(gateway, "upload", UpstreamRefusal(gateway, answer->status));
  reservation.Keep();
  co_return co_await Stored(gateway, *named, reserved, progress, answer->body);
}

asio::awaitable<Response> HandleDeleteOutput(const GatewayContext& gateway, Request& request) {
  const auto named = NamedOutput(gateway, request);
  if (!named) co_return Refused(gateway, "delete", named.error());
  const auto counted = co_await gateway.ledger->RequestOwnFile(EntryOf(named->grant), named->object);
  if (!counted) co_return Refused(gateway, "delete", counted.error());
  const auto answer = co_await gateway.files.fetch(
      Upstream(gateway, request, "DELETE", named->session, named->object), kMaxInfo);
  if (!answer) co_return Refused(gateway, "delete", Unreachable(gateway, answer.error()));
  if (answer->status != 200) co_return Refused(gateway, "delete", UpstreamRefusal(gateway, answer->status));
  CountEgress(gateway, "delete", "ok");
  co_return TextResponse(200, answer->body, "application/json; charset=utf-8");
}

}  // namespace codeapi
