// Fuzzes what a worker's texts reach. Seals cannot be guessed, so besides taking the input as a whole token
// this seals what the input says, in the name of each kind: then what is inside is reached as well.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fuzzing.h"
#include "base/ids.h"
#include "egress/grant.h"

namespace codeapi {
namespace {

const Sealer& OurSealer() {
  static const Sealer sealer = *Sealer::Make("a secret of exactly 32 bytes, ok");
  return sealer;
}

std::chrono::system_clock::time_point At(std::int64_t second) {
  return std::chrono::system_clock::time_point(std::chrono::seconds(second));
}

void FuzzUnsealed(std::string_view input) {
  Grant grant;
  grant.grant_id = NewId();
  Require(!Grant::OpenAnyTime(OurSealer(), input), "nobody can make a grant");
  Require(!CallbackToken::Open(OurSealer(), input, At(0)), "nobody can make a callback token");
  for (const auto kind : {Handle::Kind::kReadSession, Handle::Kind::kWriteSession, Handle::Kind::kObject})
    Require(!Handle::Open(OurSealer(), input, kind, grant), "nobody can make a handle");
}

void FuzzGrant(std::string_view input) {
  const std::string sealed = OurSealer().Seal(kGrantLabel, input);
  const auto grant = Grant::OpenAnyTime(OurSealer(), sealed);
  if (!grant) return;
  Require(IsId(grant->grant_id) && IsId(grant->exec_id) && IsId(grant->output_session_id),
          "a grant has ids only");
  Require(grant->round > 0, "rounds begin at 1");
  Require(Grant::OpenAnyTime(OurSealer(), grant->Seal(OurSealer())) == grant, "a grant survives sealing");
  Require(!Grant::Open(OurSealer(), sealed, At(grant->exp + 31)), "a grant ends");
  Require(!CallbackToken::Open(OurSealer(), sealed, At(grant->iat)), "a grant is no callback token");
}

void FuzzHandle(std::string_view input) {
  const std::string sealed = OurSealer().Seal(kHandleLabel, input);
  Grant grant;
  grant.grant_id = input.size() > kIdLength ? std::string(input.substr(1, kIdLength)) : NewId();
  for (const auto kind : {Handle::Kind::kReadSession, Handle::Kind::kWriteSession, Handle::Kind::kObject}) {
    const auto handle = Handle::Open(OurSealer(), sealed, kind, grant);
    if (!handle) continue;
    Require(handle->kind == kind && handle->grant_id == grant.grant_id, "a handle is of its kind and grant");
    Require(IsId(handle->session_id), "a handle names an id");
    Require(IsId(handle->object_id) == (kind == Handle::Kind::kObject),
            "objects alone have an id of their own");
    Grant other = grant;
    other.grant_id = NewId();
    Require(!Handle::Open(OurSealer(), sealed, kind, other), "a handle is of one grant");
    Require(Handle::Open(OurSealer(), handle->Seal(OurSealer()), kind, grant) == handle,
            "a handle survives sealing");
  }
}

void FuzzCallback(std::string_view input) {
  const std::string sealed = OurSealer().Seal(kCallbackLabel, input);
  const auto token = CallbackToken::Open(OurSealer(), sealed, At(1'800'000'000));
  if (!token) return;
  Require(IsId(token->grant_id), "a callback token names a grant");
  Require(CallbackToken::Open(OurSealer(), token->Seal(OurSealer()), At(1'800'000'000)) == token,
          "a callback token survives sealing");
}

}  // namespace
}  // namespace codeapi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  codeapi::FuzzUnsealed(input);
  if (size > 64u << 10) return 0;  // more than is ever sealed
  codeapi::FuzzGrant(input);
  codeapi::FuzzHandle(input);
  codeapi::FuzzCallback(input);
  return 0;
}
