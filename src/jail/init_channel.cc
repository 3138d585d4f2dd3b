#include "jail/init_channel.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace codeapi {
namespace {

bool ReadFull(int fd, char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::read(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

std::optional<CellMessageIn> InitChannel::Receive() {
  std::array<char, kCellHeaderSize> header;
  if (!ReadFull(fd_, header.data(), header.size())) return std::nullopt;
  std::uint32_t length;
  std::memcpy(&length, header.data(), sizeof length);
  if (length > kMaxCellPayload) return std::nullopt;
  CellMessageIn out{static_cast<CellMessage>(header[4]), std::string(length, '\0')};
  if (!ReadFull(fd_, out.payload.data(), length)) return std::nullopt;
  return out;
}

void InitChannel::Queue(CellMessage type, std::string_view payload) {
  const auto length = static_cast<std::uint32_t>(payload.size());
  std::array<char, kCellHeaderSize> header;
  std::memcpy(header.data(), &length, sizeof length);
  header[4] = static_cast<char>(type);
  constexpr std::size_t kWorthMoving = 1u << 20;
  if (queue_at_ > kWorthMoving) {
    queue_.erase(0, queue_at_);
    queue_whole_ -= queue_at_;
    queue_at_ = 0;
  }
  queue_.append(header.data(), header.size()).append(payload);
}

bool InitChannel::Flush() {
  while (queue_at_ < queue_.size()) {
    const ssize_t n =
        ::send(fd_, queue_.data() + queue_at_, queue_.size() - queue_at_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return false;
    queue_at_ += static_cast<std::size_t>(n);
  }
  // Over the messages that are gone.
  while (queue_whole_ < queue_at_) {
    std::uint32_t length;
    std::memcpy(&length, queue_.data() + queue_whole_, sizeof length);
    queue_whole_ += kCellHeaderSize + length;
  }
  if (queue_at_ == queue_.size()) {
    queue_.clear();
    queue_at_ = queue_whole_ = 0;
  }
  return true;
}

void InitChannel::DropQueued() {
  queue_.resize(queue_whole_);
}

bool InitChannel::FinishQueue() {
  while (queue_at_ < queue_.size()) {
    const ssize_t n = ::write(fd_, queue_.data() + queue_at_, queue_.size() - queue_at_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    queue_at_ += static_cast<std::size_t>(n);
  }
  queue_.clear();
  queue_at_ = queue_whole_ = 0;
  return true;
}

bool InitChannel::Send(CellMessage type, std::string_view payload) {
  if (!FinishQueue()) return false;
  std::array<char, kCellHeaderSize> header;
  const auto length = static_cast<std::uint32_t>(payload.size());
  std::memcpy(header.data(), &length, sizeof length);
  header[4] = static_cast<char>(type);
  std::size_t sent = 0;
  const std::size_t total = header.size() + payload.size();
  while (sent < total) {
    iovec parts[2];
    int count = 0;
    if (sent < header.size()) parts[count++] = {header.data() + sent, header.size() - sent};
    const std::size_t offset = sent > header.size() ? sent - header.size() : 0;
    if (offset < payload.size())
      parts[count++] = {const_cast<char*>(payload.data()) + offset, payload.size() - offset};
    const ssize_t n = ::writev(fd_, parts, count);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

void InitChannel::SendFailure(const std::string& step, int error, bool input) {
  Send(CellMessage::kFailed, CellFailure{input, error, step}.Encode());
}

}  // namespace codeapi
