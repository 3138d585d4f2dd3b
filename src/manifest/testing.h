// For tests: keys and a manifest that is in order.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "manifest/content_digest.h"
#include "manifest/signed_manifest.h"

namespace codeapi::testing {

/// Keys that protect nothing, made from fixed bytes.
inline constexpr char kManifestKey[] = "MC4CAQAwBQYDK2VwBCIEIHaSw601QLuAPAILOu5mzYiHEjI06gxucUPArdc/9DHt";
inline constexpr char kOtherManifestKey[] =
    "MC4CAQAwBQYDK2VwBCIEID/EzP50WHDiwNmfcfMP8GVsje3UHMHX09N2sNvmheLz";

inline ManifestSigner TestSigner(std::string_view key = kManifestKey) {
  return *ManifestSigner::FromText(key);
}

inline ManifestVerifier TestVerifier(std::string_view key = kManifestKey) {
  return *ManifestVerifier::FromText(TestSigner(key).PublicKey());
}

/// When TestManifest() was issued.
inline constexpr std::int64_t kManifestTime = 1'800'000'000;

inline std::chrono::system_clock::time_point ManifestTime(std::int64_t later = 0) {
  return std::chrono::system_clock::time_point(std::chrono::seconds(kManifestTime + later));
}

/// Claims of a bash program `code` with two inputs; good from kManifestTime for six minutes.
inline ExecutionManifest TestManifest(std::string_view code = "echo 1", std::string_view body = "the job") {
  ExecutionManifest out;
  out.exec_id = "abcdefghijklmnopqrstu";
  out.tenant_id = "tenant";
  out.user_id = "user";
  out.session_key = "tenant:user:user";
  out.input_files = {{"file-1", "session-1", "a.txt"}, {"file-2", "session-1", "dir/b.txt"}};
  out.read_sessions = {"session-1"};
  out.output_session_id = out.exec_id;
  out.max_upload_bytes = 1000;
  out.max_output_files = 50;
  out.max_requests = 1000;
  out.iat = kManifestTime;
  out.exp = kManifestTime + 360;
  out.execute_body_sha256 = ContentDigest::Of(body);
  out.principal_source = "librechat_jwt";
  out.runtime = "bash";
  out.code_sha256 = ContentDigest::Of(code);
  out.command_sha256 = CommandDigest("main.sh", "", {});
  out.wall_ms = 1000;
  out.cpu_ms = 2000;
  out.memory_bytes = 64 << 20;
  return out;
}

}  // namespace codeapi::testing
