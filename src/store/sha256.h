// SHA-256 of data that comes in pieces.
#pragma once

#include <memory>
#include <span>
#include <string>

struct evp_md_ctx_st;

namespace codeapi {

/// Movable, not copyable; not thread-safe.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  /// Appends `data`.
  void update(std::span<const char> data);

  /// Lower-case hex digest of everything so far, 64 characters. The object cannot be used afterwards.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace codeapi
