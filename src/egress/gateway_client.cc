#include "egress/gateway_client.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio.hpp>
#include <boost/json.hpp>

#include "auth/internal_token.h"
#include "base/base64url.h"
#include "egress/gateway.h"
#include "files/remote_files.h"
#include "files/remote_object_store.h"
#include "manifest/execution_manifest.h"
#include "store/shielded.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kMaxGrantAnswer = 8u << 20;
constexpr std::size_t kMaxAnswer = 64u << 10;
constexpr auto kRetry = milliseconds(250);
constexpr int kEndTries = 3;

std::string Text(const json::object& in, std::string_view name) {
  const json::value* value = in.if_contains(json::string_view(name.data(), name.size()));
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<json::object> ParseObject(std::string_view text) {
  boost::system::error_code bad;
  json::value value = json::parse(json::string_view(text.data(), text.size()), bad);
  if (bad || !value.is_object()) return {};
  return std::move(value.get_object());
}

// Parts of an address may hold nothing that would make another address of it.
bool IsHandle(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

// The claims as they are written: whether they are signed the gateway has to know, not we.
std::optional<ExecutionManifest> ClaimsOf(std::string_view token) {
  const auto text = DecodeBase64Url(token.substr(0, token.find('.')));
  if (!text) return {};
  auto manifest = ExecutionManifest::FromJson(*text);
  if (!manifest) return {};
  return std::move(*manifest);
}

// What a grant lets one reach.
struct Granted {
  std::string token;
  milliseconds lease{15'000};
  std::string output_session, output_handle;
  std::map<std::pair<std::string, std::string>, std::string> inputs;  // paths by session and id

  static std::optional<Granted> Parse(std::string_view answer, const ExecutionManifest& claims) {
    const auto object = ParseObject(answer);
    if (!object) return {};
    Granted out{.token = Text(*object, "egressGrantToken"),
                .output_session = claims.output_session_id,
                .output_handle = Text(*object, "output_session_id"),
                .inputs = {}};
    const json::value* lease = object->if_contains("lease_ms");
    const json::value* files = object->if_contains("input_files");
    if (lease != nullptr && lease->is_int64())
      out.lease = milliseconds(std::max<std::int64_t>(lease->get_int64(), 1));
    if (out.token.empty() || !IsHandle(out.output_handle) || files == nullptr || !files->is_array() ||
        files->get_array().size() != claims.input_files.size()) {
      return {};
    }
    for (std::size_t i = 0; i < claims.input_files.size(); ++i) {
      const json::object* file = files->get_array()[i].if_object();
      if (file == nullptr) return {};
      const std::string session = Text(*file, "storage_session_id"), id = Text(*file, "id");
      if (!IsHandle(session) || !IsHandle(id)) return {};
      out.inputs[{claims.input_files[i].session_id, claims.input_files[i].id}] =
          "/sessions/" + session + "/objects/" + id;
    }
    return out;
  }
};

// Where the files of one execution are, by the grant of the round that is under way.
class GrantedAddresses final : public ObjectAddresses {
 public:
  Result<std::string> PathOf(const ObjectKey& key) const override {
    const std::lock_guard lock(mutex_);
    if (!granted_) return Fail(ErrorCode::kUnavailable, "the execution has no egress grant now");
    if (key.session == granted_->output_session)
      return "/sessions/" + granted_->output_handle + "/objects/" + key.id;
    const auto found = granted_->inputs.find({key.session, key.id});
    if (found == granted_->inputs.end())
      return Fail(ErrorCode::kForbidden, "the egress grant names no such object");
    return found->second;
  }
  void Sign(ClientRequest& request) const override {
    const std::lock_guard lock(mutex_);
    if (granted_) request.headers.add(std::string(kEgressGrantHeader), granted_->token);
  }
  void Set(std::shared_ptr<const Granted> granted) {
    const std::lock_guard lock(mutex_);
    granted_ = std::move(granted);
  }
  // Forgets this grant, and no later one.
  void Unset(const std::shared_ptr<const Granted>& granted) {
    const std::lock_guard lock(mutex_);
    if (granted_ == granted) granted_.reset();
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Granted> granted_;  // guarded by mutex_
};

// The store of one execution, which its rounds share.
struct ExecutionFiles {
  std::shared_ptr<GrantedAddresses> addresses = std::make_shared<GrantedAddresses>();
  std::shared_ptr<ObjectStore> objects;
};

}  // namespace

struct GatewayClient::Core : std::enable_shared_from_this<GatewayClient::Core> {
  Core(asio::any_io_executor e, std::shared_ptr<HttpClient> c, GatewayClientOptions o, Log& l)
      : executor(std::move(e)), client(std::move(c)), options(std::move(o)), log(l) {}

  const asio::any_io_executor executor;
  const std::shared_ptr<HttpClient> client;
  const GatewayClientOptions options;
  Log& log;
  const std::shared_ptr<std::atomic<bool>> closed = std::make_shared<std::atomic<bool>>(false);
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<ObjectStore>> stores;            // by execution; guarded by mutex
  std::map<std::string, std::shared_ptr<GrantedAddresses>> addresses;  // of those

  std::unique_ptr<ObjectStore> View(std::shared_ptr<const ObjectAddresses> where) const {
    auto files = std::make_shared<RemoteFiles>();
    files->executor = executor;
    files->client = client;
    files->url = options.url;
    files->addresses = std::move(where);
    files->who = "the egress gateway";
    files->closed = closed;
    return RemoteObjectStore::View(std::move(files));
  }

  // The store that the program of this execution has, or a new one for a program that is about to start.
  ExecutionFiles FilesOf(const std::string& execution, bool starts) {
    const std::lock_guard lock(mutex);
    std::erase_if(stores, [this](const auto& entry) {
      const bool over = entry.second.expired();
      if (over) addresses.erase(entry.first);
      return over;
    });
    ExecutionFiles out;
    if (const auto found = stores.find(execution); !starts && found != stores.end()) {
      out.objects = found->second.lock();
      if (out.objects) {
        out.addresses = addresses[execution];
        return out;
      }
    }
    out.objects = View(out.addresses);
    stores[execution] = out.objects;
    addresses[execution] = out.addresses;
    return out;
  }

  asio::awaitable<Result<FetchedResponse>> Post(std::string path, json::object body, std::size_t most) const {
    ClientRequest request;
    request.method = "POST";
    request.url = options.url + "/internal/" + path;
    request.headers.add(std::string(kInternalTokenHeader), options.token);
    request.headers.add("Content-Type", "application/json");
    request.body = json::serialize(body);
    return client->fetch(std::move(request), most);
  }

  asio::awaitable<Result<Granted>> Mint(std::string manifest, ExecutionManifest claims) const;
};

// One round's grant, renewed until it is ended.
class GatewayClient::Access final : public JobAccess {
 public:
  Access(std::shared_ptr<Core> core, ExecutionFiles files, std::shared_ptr<const Granted> granted)
      : core_(std::move(core)),
        files_(std::move(files)),
        granted_(std::move(granted)),
        renewal_(std::make_shared<Renewal>(core_->executor)) {
    asio::co_spawn(renewal_->strand, Renew(core_, renewal_, granted_), asio::detached);
  }
  ~Access() override { renewal_->Stop(renewal_); }

  std::shared_ptr<ObjectStore> objects() override { return files_.objects; }

  asio::awaitable<Result<void>> NoteCalls(std::uint32_t last) override {
    co_return co_await Shielded(
        Say(core_, "egress-grants/tool-calls",
            json::object{{"egressGrantToken", granted_->token}, {"last_call", last}}));
  }

  asio::awaitable<void> End(bool finished) override {
    renewal_->Stop(renewal_);
    files_.addresses->Unset(granted_);
    json::object body{{"egressGrantToken", granted_->token}};
    if (!finished) body["release"] = true;
    Result<void> said;
    for (int i = 0; i < kEndTries; ++i) {
      said = co_await Shielded(Say(core_, "egress-grants/revoke", body));
      if (said || said.error().code != ErrorCode::kUnavailable) break;
    }
    if (!said) {
      core_->log.Write(Severity::kWarning, "egress grant not ended", {{"detail", said.error().message}});
    }
  }

 private:
  struct Renewal {
    explicit Renewal(const asio::any_io_executor& executor)
        : strand(asio::make_strand(executor)), timer(strand) {}
    static void Stop(const std::shared_ptr<Renewal>& self) {
      asio::post(self->strand, [self] {
        self->stopped = true;
        self->timer.cancel();
      });
    }
    const asio::strand<asio::any_io_executor> strand;
    asio::steady_timer timer;
    bool stopped = false;  // on the strand
  };

  static asio::awaitable<Result<void>> Say(std::shared_ptr<Core> core, std::string path, json::object body) {
    const auto answer = co_await core->Post(std::move(path), std::move(body), kMaxAnswer);
    if (!answer) co_return Fail(ErrorCode::kUnavailable, "the egress gateway: " + answer.error().message);
    if (answer->status == 204) co_return Result<void>();
    co_return Fail(answer->status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kForbidden,
                   "the egress gateway refuses: " + std::string(answer->headers.get(kEgressErrorHeader)));
  }

  static asio::awaitable<void> Renew(std::shared_ptr<Core> core, std::shared_ptr<Renewal> renewal,
                                     std::shared_ptr<const Granted> granted) {
    while (!renewal->stopped) {
      renewal->timer.expires_after(granted->lease / 3);
      (void)co_await renewal->timer.async_wait(asio::as_tuple(asio::use_awaitable));
      if (renewal->stopped) break;
      const auto said =
          co_await Say(core, "egress-grants/renew", json::object{{"egressGrantToken", granted->token}});
      // Tried again in time; an end that comes meanwhile makes it fail as well.
      if (!said && !renewal->stopped)
        core->log.Write(Severity::kWarning, "egress lease not renewed", {{"detail", said.error().message}});
    }
  }

  const std::shared_ptr<Core> core_;
  const ExecutionFiles files_;
  const std::shared_ptr<const Granted> granted_;
  const std::shared_ptr<Renewal> renewal_;
};

asio::awaitable<Result<Granted>> GatewayClient::Core::Mint(std::string manifest,
                                                           ExecutionManifest claims) const {
  const auto begun = Clock::now();
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (true) {
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      co_return Fail(ErrorCode::kCancelled, "nobody waits for the grant any more");
    const auto answer =
        co_await Shielded(Post("egress-grants", json::object{{"manifest", manifest}}, kMaxGrantAnswer));
    const auto waited = Clock::now() - begun;
    const std::string_view why = answer ? answer->headers.get(kEgressErrorHeader) : std::string_view();
    if (answer && answer->status == 201) {
      if (auto granted = Granted::Parse(answer->body, claims)) co_return std::move(*granted);
      co_return Fail(ErrorCode::kUnavailable, "the egress gateway's grant cannot be understood");
    }
    if (answer && answer->status == 409) {
      if (why != "leased" || waited > options.patience)
        co_return Fail(ErrorCode::kConflict,
                       "the egress gateway admits no second attempt: " + std::string(why));
    } else if (answer && answer->status < 500) {
      co_return Fail(
          answer->status == 401 ? ErrorCode::kUnavailable : ErrorCode::kForbidden,
          "the egress gateway grants nothing: " + std::to_string(answer->status) + " " + std::string(why));
    } else if (waited > options.away_patience) {
      co_return Fail(
          ErrorCode::kUnavailable,
          "the egress gateway: " + (answer ? std::to_string(answer->status) : answer.error().message));
    }
    timer.expires_after(kRetry);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

Result<std::unique_ptr<GatewayClient>> GatewayClient::Make(const asio::any_io_executor& executor,
                                                           GatewayClientOptions options, Log& log) {
  const bool web = options.url.starts_with("http://") || options.url.starts_with("https://");
  if (!web || options.url.find_first_of("?# ") != std::string::npos)
    return Fail(ErrorCode::kInvalid, "EGRESS_GATEWAY_URL is not an http or https URL");
  if (options.token.empty())
    return Fail(ErrorCode::kInvalid, "EGRESS_GATEWAY_URL needs CODEAPI_INTERNAL_SERVICE_TOKEN");
  while (options.url.ends_with('/')) options.url.pop_back();
  auto client = HttpClient::Make(executor, options.http);
  if (!client) return std::unexpected(client.error());
  return std::unique_ptr<GatewayClient>(
      new GatewayClient(std::make_shared<Core>(executor, std::move(*client), std::move(options), log)));
}

GatewayClient::~GatewayClient() {
  *core_->closed = true;
}

std::unique_ptr<ObjectStore> GatewayClient::Closed() {
  return core_->View(std::make_shared<GrantedAddresses>());
}

asio::awaitable<Result<std::unique_ptr<JobAccess>>> GatewayClient::Enter(std::string manifest, bool starts) {
  auto claims = ClaimsOf(manifest);
  if (!claims)
    co_return Fail(ErrorCode::kForbidden, "the job has no manifest, and without one there is no grant");
  auto granted = co_await core_->Mint(std::move(manifest), *claims);
  if (!granted) co_return std::unexpected(granted.error());
  auto shared = std::make_shared<const Granted>(std::move(*granted));
  ExecutionFiles files = core_->FilesOf(claims->exec_id, starts);
  files.addresses->Set(shared);
  co_return std::make_unique<Access>(core_, std::move(files), std::move(shared));
}

}  // namespace codeapi
