#include "net/redis_subscriber.h"

#include <array>
#include <atomic>
#include <utility>

#include <boost/asio.hpp>

#include "net/redis_link.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using error_code = boost::system::error_code;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

awaitable<bool> Send(RedisLink& link, std::vector<std::string_view> args) {
  const Result<RedisCommand> command = RedisCommand::Encode(args);
  if (!command) co_return false;
  const std::array buffers{asio::buffer(command->bytes())};
  co_return !co_await link.write(buffers);
}

}  // namespace

struct RedisSubscriber::Core : std::enable_shared_from_this<Core> {
  Core(const asio::any_io_executor& executor, RedisOptions o, RedisTrust t, std::string c, RedisListener l)
      : options(std::move(o)),
        trust(std::move(t)),
        channel(std::move(c)),
        listener(std::move(l)),
        strand(asio::make_strand(executor)),
        pause(strand),
        patience(strand) {}

  const RedisOptions options;
  const RedisTrust trust;
  const std::string channel;
  const RedisListener listener;
  const asio::strand<asio::any_io_executor> strand;
  std::atomic<bool> closed = false;

  // On the strand.
  std::shared_ptr<RedisLink> link;
  bool heard = false;  // since the last look
  asio::steady_timer pause, patience;

  awaitable<bool> listen(std::shared_ptr<RedisLink> current);
  static awaitable<void> Watch(std::shared_ptr<Core> core, std::shared_ptr<RedisLink> link);
  static awaitable<void> Run(std::shared_ptr<Core> core);
};

// Keeps asking whether the server is there for as long as the link is the current one.
awaitable<void> RedisSubscriber::Core::Watch(std::shared_ptr<Core> core, std::shared_ptr<RedisLink> link) {
  for (;;) {
    core->heard = false;
    if (!co_await Send(*link, {"PING"})) break;
    if (core->link != link) co_return;
    core->patience.expires_after(core->options.command_timeout);
    co_await core->patience.async_wait(kToken);
    if (core->link != link) co_return;
    if (!core->heard) break;
  }
  link->close();
}

// Until the link ends; whether it was of use.
awaitable<bool> RedisSubscriber::Core::listen(std::shared_ptr<RedisLink> current) {
  bool subscribed = false;
  if (!co_await Send(*current, {"SUBSCRIBE", channel})) co_return false;
  asio::co_spawn(strand, Watch(shared_from_this(), current), asio::detached);
  for (;;) {
    const Result<RedisValue> push = co_await current->read();
    if (!push || closed) break;
    heard = true;
    if (push->type == RedisValue::Type::kError) break;
    if (push->elements.size() != 3) continue;  // a pong
    const std::string& kind = push->elements[0].text;
    if (kind == "subscribe" && !subscribed) {
      subscribed = true;
      listener.on_subscribed();
    } else if (kind == "message") {
      listener.on_message(push->elements[2].text);
    }
  }
  if (subscribed && listener.on_lost) listener.on_lost();
  co_return subscribed;
}

awaitable<void> RedisSubscriber::Core::Run(std::shared_ptr<Core> core) {
  auto backoff = core->options.min_backoff;
  while (!core->closed) {
    auto opened = co_await RedisLink::Open(core->strand, core->options, core->trust);
    bool useful = false;
    if (opened && !core->closed) {
      core->link = std::move(*opened);
      useful = co_await core->listen(core->link);
      core->link->close();
      core->link.reset();
      core->patience.cancel();
    }
    if (core->closed) break;
    if (useful) {
      backoff = core->options.min_backoff;
      continue;
    }
    core->pause.expires_after(backoff);
    backoff = std::min(backoff * 2, core->options.max_backoff);
    co_await core->pause.async_wait(kToken);
  }
}

RedisSubscriber::RedisSubscriber(std::shared_ptr<Core> core) : core_(std::move(core)) {}

RedisSubscriber::~RedisSubscriber() {
  core_->closed = true;
  asio::post(core_->strand, [core = core_] {
    if (core->link != nullptr) core->link->close();
    core->pause.cancel();
  });
}

Result<std::unique_ptr<RedisSubscriber>> RedisSubscriber::Make(const asio::any_io_executor& executor,
                                                               RedisOptions options, std::string channel,
                                                               RedisListener listener) {
  Result<RedisTrust> trust = RedisTrust::Make(options);
  if (!trust) return std::unexpected(std::move(trust.error()));
  auto core = std::make_shared<Core>(executor, std::move(options), std::move(*trust), std::move(channel),
                                     std::move(listener));
  asio::co_spawn(core->strand, Core::Run(core), asio::detached);
  return std::unique_ptr<RedisSubscriber>(new RedisSubscriber(std::move(core)));
}

}  // namespace codeapi
