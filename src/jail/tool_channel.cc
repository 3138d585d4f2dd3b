#include "jail/tool_channel.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "jail/monotonic.h"

namespace codeapi {
namespace {

constexpr std::size_t kMaxCallers = 256;
constexpr std::size_t kFrameHead = 8;
constexpr std::size_t kMaxIndexDigits = 2;
static_assert(kMaxTools <= 100);
// The index, its NUL and the input.
constexpr std::size_t kMaxRequest = kMaxToolInput + kMaxIndexDigits + 1;
// Up to here an input that is too large is told so; beyond it is no input.
constexpr std::size_t kMaxSkipped = 64u << 20;
constexpr std::size_t kReadAtOnce = 64u << 10;
// Answers that a caller may leave unread before it is not listened to.
constexpr std::size_t kMostUnread = 64;
// Bytes of calls that may wait for the jailer.
constexpr std::size_t kMostQueued = 1u << 20;
// How long after a call or an answer the program may go on computing before the round is called complete
// all the same; and how long in all, when there is always one more, or something more starts. Looks are apart
// by pauses that double.
constexpr std::uint64_t kPatienceUs = 40'000, kAllPatienceUs = 400'000;
constexpr std::uint64_t kFirstPauseUs = 50, kLongestPauseUs = 5'000;

std::uint32_t U32At(std::string_view bytes, std::size_t at) {
  std::uint32_t out = 0;
  std::memcpy(&out, bytes.data() + at, sizeof out);
  return out;
}

}  // namespace

ToolChannel::ToolChannel(InitChannel& jailer, std::uint32_t most_calls, Sight program)
    : jailer_(jailer), most_calls_(most_calls), program_(program) {}

int ToolChannel::Open() {
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_) return errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  kToolSocketName.copy(address.sun_path + 1, kToolSocketName.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kToolSocketName.size());
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), static_cast<int>(kMaxCallers)) != 0) {
    return errno;
  }
  return 0;
}

bool ToolChannel::Listens(const Caller& caller) const {
  return !caller.ended && caller.out.size() <= kMostUnread && jailer_.queued() <= kMostQueued;
}

short ToolChannel::Wanted(const Caller& caller) const {
  // The end of both directions is always told.
  return static_cast<short>((Listens(caller) ? POLLIN : 0) | (caller.out.empty() ? 0 : POLLOUT));
}

void ToolChannel::Watch(std::vector<pollfd>& fds) const {
  const bool accepts = callers_.size() < kMaxCallers && !cannot_accept_;
  fds.push_back({accepts ? listener_.get() : -1, POLLIN, 0});
  for (const auto& [serial, caller] : callers_) fds.push_back({caller.fd.get(), Wanted(caller), 0});
}

bool ToolChannel::OnEvents(std::span<const pollfd> fds) {
  // The callers are those that Watch() saw, in its order; new ones come last.
  std::size_t at = 1;
  for (auto it = callers_.begin(); it != callers_.end() && at < fds.size(); ++at) {
    if (fds[at].revents == 0 || Serve(it->first, it->second, fds[at].revents)) {
      ++it;
      continue;
    }
    it = Drop(it);
  }
  if (!fds.empty() && fds[0].revents != 0) Accept();
  return jailer_.Flush();
}

ToolChannel::Callers::iterator ToolChannel::Drop(Callers::iterator caller) {
  waited_for_ -= caller->second.unanswered;
  cannot_accept_ = false;
  return callers_.erase(caller);
}

bool ToolChannel::IsDone(const Caller& caller) {
  return caller.ended && caller.unanswered == 0 && caller.out.empty();
}

void ToolChannel::Accept() {
  while (callers_.size() < kMaxCallers) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      // Out of descriptors or memory: the listener would be readable again and again.
      cannot_accept_ = errno != EAGAIN && errno != EINTR && errno != ECONNABORTED && !callers_.empty();
      return;
    }
    callers_[next_caller_++].fd = std::move(fd);
  }
}

bool ToolChannel::Serve(std::uint64_t serial, Caller& caller, short events) {
  if ((events & POLLOUT) != 0 && !Write(caller)) return false;
  if ((events & POLLIN) != 0 && Listens(caller) && !Read(serial, caller)) return false;
  // Nobody is there to take an answer. What it still sent before has been asked for above, or never will be.
  if ((events & (POLLHUP | POLLERR)) != 0 && ((events & POLLIN) == 0 || caller.ended)) return false;
  return !IsDone(caller);
}

bool ToolChannel::Read(std::uint64_t serial, Caller& caller) {
  std::array<char, kReadAtOnce> buffer;
  const ssize_t n = ::recv(caller.fd.get(), buffer.data(), buffer.size(), 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) {
    caller.ended = true;
    return true;
  }
  std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
  const std::size_t skipped = std::min<std::uint64_t>(caller.skip, bytes.size());
  caller.skip -= skipped;
  bytes.remove_prefix(skipped);
  caller.in.append(bytes);
  return Parse(serial, caller);
}

bool ToolChannel::Parse(std::uint64_t serial, Caller& caller) {
  std::size_t at = 0;
  while (caller.in.size() - at >= kFrameHead) {
    const std::uint32_t length = U32At(caller.in, at), id = U32At(caller.in, at + 4);
    if (length > kMaxSkipped) return false;
    const std::size_t there = std::min<std::size_t>(caller.in.size() - at - kFrameHead, length);
    if (length > kMaxRequest) {
      Answer(caller, id, '2', "tool input is larger than " + std::to_string(kMaxToolInput) + " bytes");
      caller.skip = length - there;
    } else if (there < length) {
      break;
    } else if (!OnRequest(serial, caller, id, std::string_view(caller.in).substr(at + kFrameHead, length))) {
      return false;
    }
    at += kFrameHead + there;
  }
  caller.in.erase(0, at);
  return Write(caller);
}

bool ToolChannel::OnRequest(std::uint64_t serial, Caller& caller, std::uint32_t id,
                            std::string_view request) {
  const std::size_t digits = request.substr(0, kMaxIndexDigits + 1).find('\0');
  if (digits == std::string_view::npos || digits == 0) return false;
  std::uint32_t tool = 0;
  for (const char c : request.substr(0, digits)) {
    if (c < '0' || c > '9') return false;
    tool = tool * 10 + static_cast<std::uint32_t>(c - '0');
  }
  const std::string_view input = request.substr(digits + 1);
  if (input.size() > kMaxToolInput) {
    Answer(caller, id, '2', "tool input is larger than " + std::to_string(kMaxToolInput) + " bytes");
  } else if (made_ >= most_calls_) {
    Answer(caller, id, '2', "Execution exceeded maximum tool calls (" + std::to_string(most_calls_) + ")");
  } else {
    calls_[++made_] = Call{serial, id, {}};
    ++caller.unanswered;
    ++waited_for_;
    jailer_.Queue(CellMessage::kToolCall, CellToolCall{made_, tool, std::string(input)}.Encode());
    News();
  }
  return true;
}

void ToolChannel::Answer(Caller& caller, std::uint32_t id, char kind, std::string_view text) {
  const auto length = static_cast<std::uint32_t>(text.size() + 1);
  std::string frame(kFrameHead, '\0');
  std::memcpy(frame.data(), &length, sizeof length);
  std::memcpy(frame.data() + 4, &id, sizeof id);
  frame.reserve(kFrameHead + length);
  frame.push_back(kind);
  frame.append(text);
  caller.out.push_back(std::move(frame));
}

bool ToolChannel::Write(Caller& caller) {
  while (!caller.out.empty()) {
    const std::string_view rest = std::string_view(caller.out.front()).substr(caller.out_at);
    const ssize_t n = ::send(caller.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN || errno == ENOBUFS;
    caller.out_at += static_cast<std::size_t>(n);
    if (caller.out_at < caller.out.front().size()) continue;
    caller.out.pop_front();
    caller.out_at = 0;
  }
  return true;
}

bool ToolChannel::OnResult(std::string_view payload) {
  const auto part = CellToolResult::Decode(payload);
  const auto found = part ? calls_.find(part->call) : calls_.end();
  if (found == calls_.end()) return false;
  Call& call = found->second;
  if (call.answer.size() + part->bytes.size() > kMaxToolResult) return false;
  call.answer += part->bytes;
  if (!part->last) return true;
  ++answers_;
  if (const auto caller = callers_.find(call.caller); caller != callers_.end()) {
    --caller->second.unanswered;
    --waited_for_;
    Answer(caller->second, call.id, part->kind, call.answer);
    if (!Write(caller->second) || IsDone(caller->second)) Drop(caller);
  }
  calls_.erase(found);
  News();
  return true;
}

void ToolChannel::News() {
  last_news_us_ = NowMicros();
  if (!std::exchange(news_, true)) first_news_us_ = last_news_us_;
  due_us_ = last_news_us_;
  pause_us_ = kFirstPauseUs;
}

bool ToolChannel::HasUnread() const {
  std::vector<pollfd> fds;
  Watch(fds);
  for (pollfd& fd : fds) fd.events &= POLLIN;
  // A caller that has ended with a call unanswered is polled for its going only.
  return ::poll(fds.data(), fds.size(), 0) != 0;
}

bool ToolChannel::Look(std::uint64_t now_us) {
  if (now_us < due_us_) return true;
  if (!jailer_.Flush()) return false;
  if (waited_for_ == 0) {
    news_ = false;
    due_us_ = kNever;
    return true;
  }
  const auto patient = [&] {
    return now_us - first_news_us_ < kAllPatienceUs &&
           (now_us - last_news_us_ < kPatienceUs || program_.starts());
  };
  // Behind calls that have not gone a wait would be late; and peers are not read meanwhile.
  const bool complete = jailer_.queued() == 0 && ((program_.sleeps() && !HasUnread()) || !patient());
  if (!complete) {
    due_us_ = NowMicros() + pause_us_;
    pause_us_ = std::min(pause_us_ * 2, kLongestPauseUs);
    return true;
  }
  jailer_.Queue(CellMessage::kToolWait, CellToolWait{answers_}.Encode());
  news_ = false;
  due_us_ = kNever;
  return jailer_.Flush();
}

}  // namespace codeapi
