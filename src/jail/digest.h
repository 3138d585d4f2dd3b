// A digest of an input's content, for the cell init: decides whether a program changed it.
//
// Theory of operation. The digest is compared in the process that made it, and nobody else ever sees it, so
// it need not be SHA-256, which took half of all the time that carrying inputs into a cell costs. It is a
// universal hash under a key that is random for each cell: whoever does not know the key cannot do better
// than chance, however they choose the content. Blocks of 1 KiB are compressed by NH (as in UMAC and VMAC:
// sums of products of pairs of words, each with a word of the key added), which two contents of one block
// survive alike with probability 2^-64; what the blocks gave becomes the coefficients of a polynomial over
// the integers modulo 2^61 - 1, evaluated at two secret points, where two polynomials of degree n agree at
// one with at most n / 2^61.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace codeapi {

using Digest = std::array<std::uint64_t, 2>;

/// The key of a cell's digests. Digests under different keys have nothing to do with each other.
class DigestKey {
 public:
  /// A random one.
  DigestKey();

 private:
  friend class InputDigest;
  static constexpr std::size_t kWords = 128;
  std::array<std::uint64_t, kWords> block_{};
  std::array<std::uint64_t, 2> points_{};
};

/// Incremental, not thread-safe. The key must outlive it.
class InputDigest {
 public:
  explicit InputDigest(const DigestKey& key) : key_(&key) {}
  void Update(const void* data, std::size_t size);
  /// Of everything so far. The object cannot be used afterwards.
  Digest Finish();

 private:
  static constexpr std::size_t kBlock = DigestKey::kWords * sizeof(std::uint64_t);

  void Block(const char* data);
  void Coefficient(std::uint64_t value);

  const DigestKey* key_;
  std::array<char, kBlock> pending_{};
  std::size_t pending_size_ = 0;
  std::uint64_t total_ = 0;
  Digest sums_{};
};

}  // namespace codeapi
