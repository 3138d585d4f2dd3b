// Starting jailers: by the process that uses one, or by another one on its behalf.
//
// Theory of operation. A worker that has given up its privileges can make no jailer that has any, and still
// needs a new one when its jailer has died or there is a new root. So before it gives them up it starts a
// *launcher*: this process keeps root, reads nothing but single bytes, and answers each with a fresh jailer,
// whose executable and arguments were settled at its own start. It outlives none of its worker's sockets.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace codeapi {

/// A jailer, or a launcher: its end is what ends the process.
struct JailerProcess {
  UniqueFd pidfd;
  UniqueFd stream;  ///< connected to its descriptor 3
};

/// How jailers are started.
struct JailerCommand {
  std::string path;                         ///< of codeapi-jailer
  std::vector<std::string> arguments = {};  ///< of every jailer, also of a launcher's
};

/// The argument by which a jailer learns whose manifests it believes.
inline constexpr const char* kManifestKeysOption = "--manifest-keys=";

/// The jailer at `path` that takes runs with manifests of these keys only, for ManifestVerifier::FromText();
/// empty: any.
inline JailerCommand MakeJailerCommand(std::string path, const std::string& manifest_keys) {
  JailerCommand out{std::move(path)};
  if (!manifest_keys.empty()) out.arguments.push_back(kManifestKeysOption + manifest_keys);
  return out;
}

/// Starts a jailer as a child of this process, with no variable of its environment. Thread-safe.
Result<JailerProcess> SpawnJailer(const JailerCommand& command);

/// Starts a launcher of such jailers instead.
Result<JailerProcess> SpawnLauncher(const JailerCommand& command);

/// Asks a launcher for a jailer, without waiting for it. kSetupFailed when there is no launcher any more.
Result<void> AskLauncher(int socket);

/// Takes what it answered, without waiting. The jailer is no child of this process: its pidfd can be watched,
/// not waited for. kUnavailable: no answer yet; kSetupFailed: it cannot, or there is none any more.
Result<JailerProcess> TakeFromLauncher(int socket);

/// How `codeapi-jailer` becomes a launcher rather than a jailer.
inline constexpr const char* kLauncherArgument = "--launcher";

/// Launches jailers for whoever has the other end of `socket`, until that is closed and they have all ended;
/// an exit status. The process must be single-threaded.
int RunLauncher(UniqueFd socket, const JailerCommand& command);

}  // namespace codeapi
