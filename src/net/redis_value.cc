#include "net/redis_value.h"

#include <hiredis/hiredis.h>

#include <limits>
#include <utility>

namespace codeapi {
namespace {

constexpr int kMaxElements = 1'000'000;

// hiredis calls these as it parses. Arrays know their size at once, so that a part's place stays where it is.
RedisValue* Place(const redisReadTask* task, RedisValue::Type type) {
  RedisValue* value = nullptr;
  if (task->parent == nullptr) {
    value = new RedisValue;
  } else {
    value = &static_cast<RedisValue*>(task->parent->obj)->elements[static_cast<std::size_t>(task->idx)];
  }
  value->type = type;
  return value;
}

void* MakeString(const redisReadTask* task, char* text, std::size_t size) {
  const auto type = task->type == REDIS_REPLY_ERROR    ? RedisValue::Type::kError
                    : task->type == REDIS_REPLY_STATUS ? RedisValue::Type::kStatus
                                                       : RedisValue::Type::kString;
  RedisValue* value = Place(task, type);
  value->text.assign(text, size);
  return value;
}

void* MakeArray(const redisReadTask* task, int size) {
  if (size < 0 || size > kMaxElements) return nullptr;
  RedisValue* value = Place(task, RedisValue::Type::kArray);
  value->elements.resize(static_cast<std::size_t>(size));
  return value;
}

void* MakeInteger(const redisReadTask* task, long long integer) {
  RedisValue* value = Place(task, RedisValue::Type::kInteger);
  value->integer = integer;
  return value;
}

void* MakeNil(const redisReadTask* task) {
  return Place(task, RedisValue::Type::kNil);
}

void Drop(void* value) {
  delete static_cast<RedisValue*>(value);
}

// hiredis takes a pointer to non-const and writes nothing.
redisReplyObjectFunctions g_functions = {MakeString, MakeArray, MakeInteger, MakeNil, Drop};

}  // namespace

Result<RedisCommand> RedisCommand::Encode(std::span<const std::string_view> args) {
  std::size_t total = 0;
  std::vector<const char*> data;
  std::vector<std::size_t> sizes;
  data.reserve(args.size());
  sizes.reserve(args.size());
  for (const std::string_view arg : args) {
    // hiredis does not look at the pointer of an empty argument, but memcpy must not get a null pointer.
    data.push_back(arg.empty() ? "" : arg.data());
    sizes.push_back(arg.size());
    total += arg.size() + 32;
  }
  if (args.empty() || total > std::numeric_limits<int>::max()) {
    return Fail(ErrorCode::kInvalid, "a Redis command of " + std::to_string(total) + " bytes");
  }
  char* encoded = nullptr;
  const int size = redisFormatCommandArgv(&encoded, static_cast<int>(args.size()), data.data(), sizes.data());
  if (size < 0) return Fail(ErrorCode::kInternal, "a Redis command could not be formatted");
  RedisCommand command;
  command.data_.reset(encoded);
  command.size_ = static_cast<std::size_t>(size);
  return command;
}

RedisReplyReader::RedisReplyReader(std::size_t max_bytes)
    : reader_(redisReaderCreateWithFunctions(&g_functions)), max_bytes_(max_bytes) {
  if (reader_ == nullptr) throw std::bad_alloc();
}

RedisReplyReader::~RedisReplyReader() {
  redisReaderFree(reader_);
}

Result<void> RedisReplyReader::feed(std::string_view bytes) {
  unanswered_ += bytes.size();
  if (redisReaderFeed(reader_, bytes.data(), bytes.size()) != REDIS_OK) {
    return Fail(ErrorCode::kUnavailable, std::string("Redis: ") + reader_->errstr);
  }
  return {};
}

Result<std::optional<RedisValue>> RedisReplyReader::next() {
  void* reply = nullptr;
  if (redisReaderGetReply(reader_, &reply) != REDIS_OK) {
    return Fail(ErrorCode::kUnavailable, std::string("Redis: ") + reader_->errstr);
  }
  if (reply == nullptr) {
    if (unanswered_ > max_bytes_) {
      return Fail(ErrorCode::kUnavailable, "Redis: a reply exceeds " + std::to_string(max_bytes_) + " bytes");
    }
    return std::optional<RedisValue>();
  }
  unanswered_ = reader_->len - reader_->pos;
  const std::unique_ptr<RedisValue> value(static_cast<RedisValue*>(reply));
  return std::optional<RedisValue>(std::move(*value));
}

}  // namespace codeapi
