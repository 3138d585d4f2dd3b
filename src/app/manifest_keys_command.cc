// `codeapi keys manifest`: the pair of keys that jobs are signed and checked with. Nothing keeps a copy.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "app/commands.h"
#include "base/unique_fd.h"
#include "manifest/signed_manifest.h"

namespace codeapi {
namespace {

int Complain(const std::string& message) {
  static_cast<void>(std::fprintf(stderr, "codeapi: %s\n", message.c_str()));
  return 1;
}

// A file that was not there before, for its owner alone.
Result<void> WriteNew(const std::string& path, std::string_view text) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return FailErrno("make " + path);
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t n = ::write(file.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const auto failed = FailErrno("write " + path);
      ::unlink(path.c_str());
      return failed;
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  // Whatever the umask is.
  if (::fchmod(file.get(), 0600) != 0 || ::fsync(file.get()) != 0) return FailErrno("write " + path);
  return {};
}

int WriteTo(const std::string& directory, const ManifestKeyPair& pair) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return Complain("make " + directory + ": " + std::strerror(errno));
  const std::string secret = directory + "/manifest-private-key.pem";
  const std::string open = directory + "/manifest-public-key.pem";
  if (auto written = WriteNew(secret, pair.private_pem); !written) return Complain(written.error().message);
  if (auto written = WriteNew(open, pair.public_pem); !written) {
    ::unlink(secret.c_str());  // half a pair is of no use
    return Complain(written.error().message);
  }
  return std::printf("%s\n%s\n", secret.c_str(), open.c_str()) < 0 ? 1 : 0;
}

}  // namespace

int ManifestKeysCommand(const ManifestKeysOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto pair = ManifestKeyPair::Make();
  if (!pair) return Complain(pair.error().message);
  int printed = 0;
  if (options.out) {
    if (const int status = WriteTo(*options.out, *pair); status != 0) return status;
  } else if (options.pem) {
    printed = std::printf("%s%s", pair->private_pem.c_str(), pair->public_pem.c_str());
  } else {
    printed =
        std::printf("CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY=%s\nSANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY=%s\n",
                    pair->private_base64.c_str(), pair->public_base64.c_str());
  }
  if (printed < 0 || std::fflush(stdout) != 0) return Complain("the keys could not be printed");
  static_cast<void>(std::fprintf(
      stderr,
      "codeapi: the private key is for the API alone, the public one for workers; neither is kept "
      "anywhere else\n"));
  return 0;
}

}  // namespace codeapi
