#include "jail/digest.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace codeapi {
namespace {

using Wide = unsigned __int128;

constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;

// Below twice the prime, for every value below 2^122.
std::uint64_t Reduce(Wide value) {
  const std::uint64_t low = static_cast<std::uint64_t>(value) & kPrime;
  return low + static_cast<std::uint64_t>(value >> 61);
}

void FillRandom(void* data, std::size_t size) {
  auto* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t n = ::getrandom(at, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) std::abort();  // no kernel that has the call refuses it
    at += n;
    size -= static_cast<std::size_t>(n);
  }
}

}  // namespace

DigestKey::DigestKey() {
  FillRandom(block_.data(), sizeof block_);
  FillRandom(points_.data(), sizeof points_);
  for (std::uint64_t& point : points_) point %= kPrime;
}

void InputDigest::Coefficient(std::uint64_t value) {
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const std::uint64_t reduced = Reduce(Wide{sums_[i]} * key_->points_[i] + value);
    sums_[i] = reduced >= kPrime ? reduced - kPrime : reduced;
  }
}

void InputDigest::Block(const char* data) {
  std::array<std::uint64_t, DigestKey::kWords> words;
  std::memcpy(words.data(), data, sizeof words);
  Wide sum = 0;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    sum += Wide{words[i] + key_->block_[i]} * (words[i + 1] + key_->block_[i + 1]);
  }
  // In pieces below the prime, so that different sums are different coefficients.
  for (int shift = 0; shift < 128; shift += 32) {
    Coefficient(static_cast<std::uint32_t>(sum >> shift));
  }
}

void InputDigest::Update(const void* data, std::size_t size) {
  const auto* at = static_cast<const char*>(data);
  total_ += size;
  if (pending_size_ > 0) {
    const std::size_t part = std::min(size, kBlock - pending_size_);
    std::memcpy(pending_.data() + pending_size_, at, part);
    pending_size_ += part;
    at += part;
    size -= part;
    if (pending_size_ < kBlock) return;
    Block(pending_.data());
    pending_size_ = 0;
  }
  for (; size >= kBlock; at += kBlock, size -= kBlock) Block(at);
  std::memcpy(pending_.data(), at, size);
  pending_size_ = size;
}

Digest InputDigest::Finish() {
  if (pending_size_ > 0) {
    std::memset(pending_.data() + pending_size_, 0, kBlock - pending_size_);
    Block(pending_.data());
  }
  Coefficient(total_ & 0xffffffff);
  Coefficient(total_ >> 32);
  return sums_;
}

}  // namespace codeapi
