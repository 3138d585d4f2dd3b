// What one execution may do, as the API has decided: the claims of an execution manifest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace codeapi {

/// Bytes of a manifest's JSON. With 4096 inputs whose names have 400 bytes it fits; a token of it fits a
/// control frame of the jailer's protocol.
inline constexpr std::size_t kMaxManifestJson = 2u << 20;

/// An input that the execution may read.
struct ManifestFile {
  std::string id;
  std::string session_id;
  std::string name;

  bool operator==(const ManifestFile&) const = default;
};

/// Claims of version 1. Digests are base64url SHA-256, 43 characters. Members are spelled here as in the
/// JSON; `v` is not kept.
struct ExecutionManifest {
  std::string exec_id;  ///< an id (base/ids.h)
  std::uint32_t round = 1;
  std::string tenant_id, user_id;
  std::string session_key;                ///< owner of what it stores
  std::vector<ManifestFile> input_files;  ///< in the order of the request
  std::vector<std::string> read_sessions;
  std::string output_session_id;
  std::uint64_t max_upload_bytes = 0;  ///< of one output
  std::uint32_t max_output_files = 0;
  std::uint32_t max_requests = 0;   ///< that may be made for it
  std::int64_t iat = 0, exp = 0;    ///< seconds since 1970
  std::string execute_body_sha256;  ///< of the whole text of the job
  bool tool_call_socket = false;    ///< it has tools
  std::string principal_source;     ///< SourceName() of the caller's
  std::optional<std::string> auth_context_hash;

  std::string runtime;         ///< id of runtime/runtime.h
  std::string code_sha256;     ///< of the program's file; empty: a round that starts no program
  std::string command_sha256;  ///< CommandDigest(); empty as code_sha256 is
  std::string support_sha256;  ///< SupportDigest; empty without tools, or as code_sha256 is
  std::uint64_t wall_ms = 0, cpu_ms = 0, memory_bytes = 0;
  std::uint32_t tool_calls = 0;  ///< most that the program may make

  bool operator==(const ExecutionManifest&) const = default;

  /// The canonical JSON. kInvalid for claims that FromJson() would refuse, kTooLarge beyond kMaxManifestJson.
  Result<std::string> ToJson() const;

  /// The claims in `text`, which must be canonical, have every claim and no other, each of its type and in
  /// its range. kInvalid otherwise; the message says "Execution manifest …" and which claim, and quotes
  /// nothing of the text.
  static Result<ExecutionManifest> FromJson(std::string_view text);
};

/// Binds what a program is started by, apart from its text: the name of its file, its entry point (of
/// languages that have one) and its arguments.
std::string CommandDigest(std::string_view source_name, std::string_view entry,
                          const std::vector<std::string>& args);

/// Binds the files that a program with tools gets from us. Files are added in the order they are given to the
/// cell: the name, then the ContentDigest of the bytes.
class SupportDigest {
 public:
  void Add(std::string_view name, std::string_view content_digest);
  /// Of all that were added; empty if none was.
  std::string Finish() const;

 private:
  std::string list_;
};

}  // namespace codeapi
