#include "jailer/protocol.h"

namespace codeapi {
namespace {

void PutU32(char* out, std::uint32_t v) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<char>(v >> (8 * i));
}

std::uint32_t GetU32(const char* in) {
  std::uint32_t v = 0;
  for (int i = 0; i < 4; ++i) v |= static_cast<std::uint32_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  return v;
}

}  // namespace

std::string EncodeFrame(FrameType type, std::uint32_t job, std::string_view payload) {
  std::string out;
  out.reserve(kFrameHeaderSize + payload.size());
  AppendFrame(out, type, job, payload);
  return out;
}

void AppendFrame(std::string& out, FrameType type, std::uint32_t job, std::string_view payload) {
  std::array<char, kFrameHeaderSize> header;
  PutU32(header.data(), static_cast<std::uint32_t>(payload.size()));
  header[4] = static_cast<char>(type);
  PutU32(header.data() + 5, job);
  out.append(header.data(), header.size()).append(payload);
}

std::string EncodeCredit(std::uint32_t bytes) {
  std::string out(4, '\0');
  PutU32(out.data(), bytes);
  return out;
}

std::optional<std::uint32_t> DecodeCredit(std::string_view payload) {
  if (payload.size() != 4) return std::nullopt;
  return GetU32(payload.data());
}

std::optional<Frame> FrameParser::Next() {
  if (!error_.empty() || buffer_.size() - offset_ < kFrameHeaderSize) return std::nullopt;
  const char* header = buffer_.data() + offset_;
  const std::uint32_t length = GetU32(header);
  const auto type = static_cast<std::uint8_t>(header[4]);
  if (!IsKnownFrame(type)) {
    error_ = "unknown frame type " + std::to_string(type);
    return std::nullopt;
  }
  const std::uint32_t limit =
      IsDataFrame(static_cast<FrameType>(type)) ? kMaxDataPayload : kMaxControlPayload;
  if (length > limit) {
    error_ = "frame of type " + std::to_string(type) + " announces " + std::to_string(length) + " bytes";
    return std::nullopt;
  }
  if (buffer_.size() - offset_ < kFrameHeaderSize + length) return std::nullopt;
  Frame frame{static_cast<FrameType>(type), GetU32(header + 5),
              buffer_.substr(offset_ + kFrameHeaderSize, length)};
  offset_ += kFrameHeaderSize + length;
  // Moving the rest to the front after every small frame would make a burst of them quadratic.
  if (offset_ == buffer_.size()) {
    buffer_.clear();
    offset_ = 0;
  } else if (offset_ > (256u << 10)) {
    buffer_.erase(0, offset_);
    offset_ = 0;
  }
  return frame;
}

}  // namespace codeapi
