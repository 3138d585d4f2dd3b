// SHA-256 as manifests write it. For privileged rooms too, which see nothing of `store`.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace codeapi {

/// Of data that comes in pieces. Movable, not copyable; not thread-safe.
class ContentDigest {
 public:
  ContentDigest();
  ContentDigest(ContentDigest&&) noexcept;
  ContentDigest& operator=(ContentDigest&&) noexcept;
  ~ContentDigest();

  void Update(std::string_view bytes);

  /// base64url, 43 characters, of everything so far. The object cannot be used afterwards.
  std::string Finish();

  /// The same, of one text.
  static std::string Of(std::string_view bytes);

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace codeapi
