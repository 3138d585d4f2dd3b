#include "files/janitor.h"

#include <optional>
#include <utility>
#include <vector>

#include "auth/ownership.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kPage = 1000;

}  // namespace

Janitor::Janitor(asio::any_io_executor executor, ObjectStore& objects, StateStore& state, Log& log,
                 JanitorOptions options)
    : objects_(objects),
      owners_(state),
      log_(log),
      options_(std::move(options)),
      periodic_(std::move(executor), [this] { return Turn(); }) {}

// Files written after this may still be given an owner.
std::chrono::system_clock::time_point Janitor::horizon() const {
  const auto now = options_.now ? options_.now() : std::chrono::system_clock::now();
  return now - options_.file_ttl - options_.grace;
}

asio::awaitable<Result<std::size_t>> Janitor::SweepSession(const std::string& session) {
  auto files = co_await objects_.list(session);
  if (!files) co_return std::unexpected(files.error());
  std::size_t removed = 0;
  for (const ObjectInfo& file : *files) {
    if (file.last_modified > horizon()) continue;
    auto gone = co_await objects_.remove(file.key);
    // Somebody else may sweep the same store.
    if (!gone && gone.error().code != ErrorCode::kNotFound) co_return std::unexpected(gone.error());
    if (gone) ++removed;
  }
  co_return removed;
}

asio::awaitable<Result<std::size_t>> Janitor::Sweep() {
  std::size_t removed = 0;
  std::string after;
  while (!periodic_.stopping()) {
    auto sessions = co_await objects_.sessions(after, kPage);
    if (!sessions) co_return std::unexpected(sessions.error());
    if (sessions->empty()) break;
    std::vector<std::string> keys;
    for (const std::string& session : *sessions) keys.push_back(OwnerKey(session));
    auto owners = co_await owners_.get_many(std::move(keys));
    if (!owners) co_return std::unexpected(owners.error());
    for (std::size_t i = 0; i < sessions->size() && !periodic_.stopping(); ++i) {
      if ((*owners)[i]) continue;
      auto swept = co_await SweepSession((*sessions)[i]);
      if (!swept) co_return swept;
      removed += *swept;
    }
    after = sessions->back();
    if (sessions->size() < kPage) break;
  }
  co_return removed;
}

asio::awaitable<std::chrono::milliseconds> Janitor::Turn() {
  const auto swept = co_await Sweep();
  if (!swept) {
    log_.Write(Severity::kWarning, "expired files not removed", {{"detail", swept.error().message}});
  } else if (*swept > 0) {
    log_.Write(Severity::kInfo, "expired files removed", {{"files", static_cast<std::int64_t>(*swept)}});
  }
  co_return options_.interval;
}

}  // namespace codeapi
