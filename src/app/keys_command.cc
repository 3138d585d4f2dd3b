// `codeapi keys`: API keys, made and revoked in the state file or in Redis, beside a running server or before
// the first start. A key is on stdout exactly once and alone, so that it can go straight into a file or a
// secret store.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio.hpp>
#include <boost/json.hpp>

#include "app/commands.h"
#include "app/wiring.h"
#include "auth/api_keys.h"
#include "base/settings_values.h"
#include "net/redis_options.h"
#include "store/redis_state_store.h"
#include "store/sqlite_state_store.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using TimePoint = std::chrono::system_clock::time_point;

int Complain(const std::string& message) {
  std::fprintf(stderr, "codeapi: %s\n", message.c_str());
  return 1;
}

// Runs `work` to its end on this thread.
template <typename T>
T Wait(asio::awaitable<T> work) {
  asio::io_context context(1);
  std::optional<T> result;
  asio::co_spawn(context, std::move(work), [&](const std::exception_ptr& failure, T value) {
    if (failure) std::rethrow_exception(failure);
    result.emplace(std::move(value));
  });
  context.run();
  return std::move(*result);
}

// UTC, as in RFC 3339.
std::string Show(TimePoint time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

// The state of a server that runs as another user must stay readable for it: what root makes in that user's
// directory is made as that user.
Result<void> BecomeOwner(const std::string& directory) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0)
    return FailErrno("look at " + directory + " (CODEAPI_DATA_DIR)");
  if (!S_ISDIR(status.st_mode)) {
    return Fail(ErrorCode::kInvalid, directory + " is not a directory (CODEAPI_DATA_DIR)");
  }
  if (::geteuid() != 0 || status.st_uid == 0) return {};
  if (::setegid(status.st_gid) != 0 || ::seteuid(status.st_uid) != 0) {
    return FailErrno("become the owner of " + directory);
  }
  return {};
}

struct State {
  Settings settings;
  std::unique_ptr<asio::thread_pool> threads;  // that work the connection to Redis, if that is the store
  std::unique_ptr<StateStore> store;
};

// `create`: make what is not there, as `codeapi serve` would.
Result<State> Open(const std::optional<std::string>& data_dir, bool create) {
  auto settings = LoadSettings();
  if (!settings) return std::unexpected(std::move(settings.error()));
  // Beside processes that meet in Redis, keys are there too.
  auto redis = RedisOptionsFrom(*settings);
  if (!redis) return std::unexpected(redis.error());
  if (*redis) {
    auto threads = std::make_unique<asio::thread_pool>(1);
    auto shared =
        RedisStateStore::Make(threads->get_executor(), std::move(**redis), {settings->redis_prefix});
    if (!shared) return std::unexpected(shared.error());
    return State{std::move(*settings), std::move(threads), std::move(*shared)};
  }
  if (data_dir) settings->data_dir = *data_dir;
  if (settings->data_dir.empty()) {
    if (auto chosen = UseDefaultDataDirectory(*settings); !chosen) return std::unexpected(chosen.error());
  }
  if (create) {
    if (auto made = MakeDataDirectory(settings->data_dir); !made) return std::unexpected(made.error());
  }
  if (auto become = BecomeOwner(settings->data_dir); !become) return std::unexpected(become.error());
  const std::string file = settings->data_dir + "/state.sqlite";
  if (!create && ::access(file.c_str(), F_OK) != 0) {
    return FailErrno("look at " + file + " (is CODEAPI_DATA_DIR right?)");
  }
  auto store = SqliteStateStore::Open(file);
  if (!store) return std::unexpected(std::move(store.error()));
  return State{std::move(*settings), nullptr, std::move(*store)};
}

int Create(const KeysOptions& options) {
  ApiKeyGrant grant;
  if (options.expires) {
    auto life = ParseDuration(*options.expires, std::chrono::seconds(1));
    if (!life)
      return Complain("--expires " + *options.expires + ": " + life.error().message + "; for example 90d");
    grant.life = *life;
  }
  auto state = Open(options.data_dir, true);
  if (!state) return Complain(state.error().message);
  if (!options.tenant && state->settings.tenant_isolation_strict) {
    return Complain("CODEAPI_TENANT_ISOLATION_STRICT=true: name the tenant with --tenant");
  }
  grant.user = options.user;
  grant.tenant = options.tenant.value_or(state->settings.jwt_single_tenant_id);
  grant.plan = options.plan;
  grant.label = options.label;
  const std::string whose = grant.user + " of " + grant.tenant;
  ApiKeys keys(*state->store);
  const auto key = Wait(keys.Create(std::move(grant)));
  if (!key) return Complain(key.error().message);
  if (std::printf("%s\n", key->c_str()) < 0 || std::fflush(stdout) != 0) {
    // A key that nobody has seen must not stay valid.
    static_cast<void>(Wait(keys.Revoke(key->substr(5, 12))));
    return Complain("the key could not be printed, so there is none");
  }
  std::fprintf(stderr, "codeapi: this key speaks for %s; it is not shown again. Send it as X-API-Key.\n",
               whose.c_str());
  const AuthProvider provider = state->settings.auth_provider;
  if (provider != AuthProvider::kApiKey && provider != AuthProvider::kBoth) {
    std::fprintf(stderr,
                 "codeapi: keys count only where the server has CODEAPI_AUTH_PROVIDER=api-key or =both\n");
  }
  return 0;
}

void PrintJson(const std::vector<ApiKeyInfo>& keys) {
  json::array list;
  for (const ApiKeyInfo& key : keys) {
    json::value expires;
    if (key.expires) expires = json::string(Show(*key.expires));
    list.push_back(json::object{{"id", key.id},
                                {"user", key.user},
                                {"tenant", key.tenant},
                                {"plan", key.plan},
                                {"label", key.label},
                                {"created", Show(key.created)},
                                {"expires", expires}});
  }
  std::printf("%s\n", json::serialize(list).c_str());
}

void PrintTable(const std::vector<ApiKeyInfo>& keys) {
  std::vector<std::array<std::string, 7>> rows = {
      {"ID", "USER", "TENANT", "PLAN", "LABEL", "CREATED", "EXPIRES"}};
  const auto shown = [](const std::string& text) { return text.empty() ? std::string("-") : text; };
  for (const ApiKeyInfo& key : keys) {
    rows.push_back({key.id, key.user, key.tenant, shown(key.plan), shown(key.label), Show(key.created),
                    key.expires ? Show(*key.expires) : "never"});
  }
  std::array<std::size_t, 7> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    std::printf("%s%s\n", line.c_str(), row.back().c_str());
  }
}

int List(const KeysOptions& options) {
  auto state = Open(options.data_dir, false);
  if (!state) return Complain(state.error().message);
  ApiKeys keys(*state->store);
  const auto list = Wait(keys.List());
  if (!list) return Complain(list.error().message);
  if (options.json) {
    PrintJson(*list);
  } else {
    PrintTable(*list);
  }
  return std::fflush(stdout) == 0 ? 0 : Complain("the list could not be printed");
}

int Revoke(const KeysOptions& options) {
  auto state = Open(options.data_dir, false);
  if (!state) return Complain(state.error().message);
  ApiKeys keys(*state->store);
  const auto revoked = Wait(keys.Revoke(options.id));
  if (!revoked) return Complain(revoked.error().message);
  if (!*revoked) return Complain("there is no key " + options.id + "; `codeapi keys list` shows the ids");
  std::fprintf(stderr, "codeapi: %s is revoked; a running server refuses it from now on\n",
               options.id.c_str());
  return 0;
}

}  // namespace

int KeysCommand(const KeysOptions& options) {
  // A reader that is gone is an error of the write, which can still be answered.
  ::signal(SIGPIPE, SIG_IGN);
  switch (options.action) {
    case KeysOptions::Action::kCreate:
      return Create(options);
    case KeysOptions::Action::kList:
      return List(options);
    case KeysOptions::Action::kRevoke:
      break;
  }
  return Revoke(options);
}

}  // namespace codeapi
