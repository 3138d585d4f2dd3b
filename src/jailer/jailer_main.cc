// codeapi-jailer: started by a worker with its stream as descriptor 3. See jailer.h.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "jailer/event_loop.h"
#include "jailer/host.h"
#include "jailer/jailer.h"
#include "jailer/jailer_process.h"
#include "manifest/signed_manifest.h"

namespace {

constexpr int kStreamFd = 3;

// The public keys of manifests come from whoever starts this program, as its first and only argument: nothing
// that is said over the stream later can change them.
constexpr std::string_view kKeysOption = codeapi::kManifestKeysOption;

// False, with the reason told, when the arguments are none that a worker gives.
bool ReadKeys(int argc, char** argv, std::optional<codeapi::ManifestVerifier>& keys) {
  if (argc == 1) return true;
  const std::string_view argument = argv[1];
  if (argc > 2 || !argument.starts_with(kKeysOption)) {
    std::fputs("codeapi-jailer: unknown arguments; a codeapi worker starts this program\n", stderr);
    return false;
  }
  auto read = codeapi::ManifestVerifier::FromText(argument.substr(kKeysOption.size()));
  if (!read) {
    std::fprintf(stderr, "codeapi-jailer: SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY %s\n",
                 read.error().message.c_str());
    return false;
  }
  keys = std::move(*read);
  return true;
}

}  // namespace

#ifdef CODEAPI_SANITIZED
// Leaks are looked for through /proc, which the template root does not show.
extern "C" int __lsan_is_turned_off() {  // NOLINT(bugprone-reserved-identifier)
  return 1;
}
#endif

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--help") == 0) {
    std::puts(
        "codeapi-jailer makes cells for a codeapi worker, which starts it with a socket as descriptor 3.\n"
        "There is nothing to run by hand; see `codeapi doctor`.");
    return 0;
  }
  struct stat st{};
  if (::fstat(kStreamFd, &st) != 0 || !S_ISSOCK(st.st_mode)) {
    std::fputs("codeapi-jailer: descriptor 3 is not a socket; a codeapi worker starts this program\n",
               stderr);
    return 2;
  }
  ::fcntl(kStreamFd, F_SETFD, FD_CLOEXEC);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (argc > 1 && std::strcmp(argv[1], codeapi::kLauncherArgument) == 0) {
    return codeapi::RunLauncher(codeapi::UniqueFd(kStreamFd), {"/proc/self/exe", {argv + 2, argv + argc}});
  }
  std::optional<codeapi::ManifestVerifier> keys;
  if (!ReadKeys(argc, argv, keys)) return 2;
  // A launcher executes it under another name.
  ::prctl(PR_SET_NAME, "codeapi-jailer", 0, 0, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  // A Ctrl-C on the terminal is for the server: it lets programs finish and then closes the stream.
  ::signal(SIGINT, SIG_IGN);
  std::error_code ec;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
  const std::string init_path = self.parent_path() / "codeapi-init";
  codeapi::UniqueFd init(::open(init_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!init) {
    std::fprintf(stderr, "codeapi-jailer: cannot open %s: %s\n", init_path.c_str(), std::strerror(errno));
    return 2;
  }
  // Out of the way of the numbers a cell's init is given its own descriptors at.
  init.reset(::fcntl(init.get(), F_DUPFD_CLOEXEC, 16));
  codeapi::EventLoop loop;
  codeapi::LinuxHost host(std::move(init));
  return codeapi::Jailer(codeapi::UniqueFd(kStreamFd), host, loop, std::move(keys)).Run();
}
