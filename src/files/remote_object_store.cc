#include "files/remote_object_store.h"

#include <algorithm>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/ids.h"
#include "files/remote_files.h"
#include "files/remote_upload.h"
#include "store/shielded.h"

namespace codeapi {
namespace {

namespace json = boost::json;

// Each call has a copy of what it works with, since coroutines that are shielded outlive nothing by
// themselves.
using Files = std::shared_ptr<RemoteFiles>;

class RemoteReader final : public ObjectReader {
 public:
  RemoteReader(Files files, ObjectInfo info, std::unique_ptr<BodyReader> body)
      : files_(std::move(files)), info_(std::move(info)), body_(std::move(body)) {}

  const ObjectInfo& info() const override { return info_; }

  asio::awaitable<Result<std::size_t>> read(std::span<char> buffer) override {
    if (buffer.empty()) co_return 0uz;
    if (*files_->closed) co_return Fail(ErrorCode::kUnavailable, "the store is closed");
    // The body has a Content-Length, so an end before it is an error and not a 0.
    auto got = co_await Shielded(body_->read(buffer));
    if (!got) co_return std::unexpected(files_->connection_error(got.error()));
    co_return got;
  }

 private:
  Files files_;
  ObjectInfo info_;
  std::unique_ptr<BodyReader> body_;
};

asio::awaitable<Result<std::unique_ptr<ObjectReader>>> OpenObject(Files files, ObjectKey key) {
  const auto path = files->path(key);
  if (!path) co_return std::unexpected(path.error());
  auto answer = co_await files->client->send(files->request("GET", *path));
  if (!answer) co_return std::unexpected(files->connection_error(answer.error()));
  if (answer->status != 200) {
    co_return std::unexpected(files->answer_error("GET " + ObjectPath(key), answer->status, answer->headers));
  }
  auto info = ParseObjectHeaders(key, answer->headers);
  if (!info) co_return std::unexpected(info.error());
  if (answer->body->length() != info->size) co_return Senseless("the length of " + ObjectPath(key));
  co_return std::make_unique<RemoteReader>(std::move(files), std::move(*info), std::move(answer->body));
}

asio::awaitable<Result<std::vector<ObjectInfo>>> ListObjects(Files files, std::string session) {
  const auto body = co_await files->call("GET", "/sessions/" + session + "/objects?detail=full");
  if (!body) co_return std::unexpected(body.error());
  boost::system::error_code bad;
  const json::value parsed = json::parse(*body, bad);
  const json::array* array = parsed.if_array();
  if (array == nullptr) co_return Senseless("a list of objects");
  std::vector<ObjectInfo> infos;
  infos.reserve(array->size());
  for (const json::value& value : *array) {
    auto info = ParseObjectJson(value);
    if (!info) co_return std::unexpected(info.error());
    if (info->key.session != session) co_return Senseless("a list of objects");
    infos.push_back(std::move(*info));
  }
  std::ranges::sort(infos, {}, [](const ObjectInfo& info) -> const std::string& { return info.key.id; });
  co_return infos;
}

asio::awaitable<Result<std::vector<std::string>>> ListSessions(Files files, std::string after,
                                                               std::size_t limit) {
  const auto body =
      co_await files->call("GET", "/sessions?limit=" + std::to_string(limit) + "&after=" + after);
  if (!body) co_return std::unexpected(body.error());
  boost::system::error_code bad;
  const json::value parsed = json::parse(*body, bad);
  const json::value* list = parsed.is_object() ? parsed.get_object().if_contains("sessions") : nullptr;
  if (list == nullptr || !list->is_array() || list->get_array().size() > limit) {
    co_return Senseless("a list of sessions");
  }
  std::vector<std::string> ids;
  for (const json::value& value : list->get_array()) {
    const json::string* id = value.if_string();
    // A page that does not lie behind the last one would have its reader turn in circles.
    if (id == nullptr || !IsId(*id) || std::string_view(*id) <= (ids.empty() ? after : ids.back())) {
      co_return Senseless("a list of sessions");
    }
    ids.emplace_back(*id);
  }
  co_return ids;
}

asio::awaitable<Result<void>> RemoveObject(Files files, ObjectKey key) {
  const auto body = co_await files->call("DELETE", key, "");
  if (!body) co_return std::unexpected(body.error());
  co_return Result<void>{};
}

asio::awaitable<Result<ObjectInfo>> StatObject(Files files, ObjectKey key) {
  co_return co_await files->stat(key);
}

asio::awaitable<Result<void>> Check(Files files) {
  if (const auto ready = co_await files->call("GET", "/ready"); !ready) {
    co_return Fail(ErrorCode::kUnavailable, ready.error().message);
  }
  // Being ready is nothing secret. An object that nobody has tells whether our token is accepted.
  const auto absent = co_await files->stat({std::string(kIdLength, '0'), std::string(kIdLength, '0')});
  if (absent || absent.error().code == ErrorCode::kNotFound) co_return Result<void>{};
  co_return std::unexpected(absent.error());
}

}  // namespace

RemoteObjectStore::RemoteObjectStore(std::shared_ptr<RemoteFiles> files, bool view)
    : files_(std::move(files)), view_(view) {}

RemoteObjectStore::~RemoteObjectStore() {
  if (!view_) *files_->closed = true;
}

std::unique_ptr<ObjectStore> RemoteObjectStore::View(std::shared_ptr<RemoteFiles> files) {
  return std::unique_ptr<ObjectStore>(new RemoteObjectStore(std::move(files), true));
}

Result<std::unique_ptr<RemoteObjectStore>> RemoteObjectStore::Open(const asio::any_io_executor& executor,
                                                                   RemoteObjectStoreOptions options) {
  const bool web = options.url.starts_with("http://") || options.url.starts_with("https://");
  if (!web || options.url.find_first_of("?# ") != std::string::npos) {
    return Fail(ErrorCode::kInvalid, "the file server's address is not an http or https URL: " + options.url);
  }
  auto client = HttpClient::Make(executor, std::move(options.http));
  if (!client) return std::unexpected(client.error());
  auto files = std::make_shared<RemoteFiles>();
  files->executor = executor;
  files->client = std::move(*client);
  files->url = std::move(options.url);
  while (files->url.ends_with('/')) files->url.pop_back();
  files->token = std::move(options.token);
  return std::unique_ptr<RemoteObjectStore>(new RemoteObjectStore(std::move(files), false));
}

asio::awaitable<Result<std::unique_ptr<ObjectWriter>>> RemoteObjectStore::create(ObjectKey key,
                                                                                 ObjectMeta meta) {
  auto checked = CheckObjectKey(key);
  if (checked) checked = CheckObjectMeta(meta);
  if (!checked) co_return std::unexpected(checked.error());
  auto put = files_->put(key, meta);
  if (!put) co_return std::unexpected(put.error());
  co_return std::make_unique<RemoteWriter>(files_, std::move(key), std::move(meta), std::move(*put));
}

asio::awaitable<Result<std::unique_ptr<ObjectReader>>> RemoteObjectStore::open(ObjectKey key) {
  if (auto checked = CheckObjectKey(key); !checked) co_return std::unexpected(checked.error());
  co_return co_await Shielded(OpenObject(files_, std::move(key)));
}

asio::awaitable<Result<ObjectInfo>> RemoteObjectStore::stat(ObjectKey key) {
  if (auto checked = CheckObjectKey(key); !checked) co_return std::unexpected(checked.error());
  co_return co_await Shielded(StatObject(files_, std::move(key)));
}

asio::awaitable<Result<std::vector<ObjectInfo>>> RemoteObjectStore::list(std::string session) {
  if (!IsId(session)) co_return Fail(ErrorCode::kInvalid, "storage session is not an id");
  co_return co_await Shielded(ListObjects(files_, std::move(session)));
}

asio::awaitable<Result<std::vector<std::string>>> RemoteObjectStore::sessions(std::string after,
                                                                              std::size_t limit) {
  if (auto checked = CheckSessionPage(after, limit); !checked) co_return std::unexpected(checked.error());
  co_return co_await Shielded(ListSessions(files_, std::move(after), limit));
}

asio::awaitable<Result<void>> RemoteObjectStore::remove(ObjectKey key) {
  if (auto checked = CheckObjectKey(key); !checked) co_return std::unexpected(checked.error());
  co_return co_await Shielded(RemoveObject(files_, std::move(key)));
}

std::unique_ptr<ObjectStore> RemoteObjectStore::traced(std::string trace) {
  auto files = std::make_shared<RemoteFiles>(*files_);
  files->trace = std::move(trace);
  return View(std::move(files));
}

asio::awaitable<Result<void>> RemoteObjectStore::check() {
  co_return co_await Shielded(Check(files_));
}

}  // namespace codeapi
