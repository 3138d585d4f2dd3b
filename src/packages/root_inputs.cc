#include "packages/root_inputs.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

#include "packages/files.h"

namespace codeapi {
namespace {

// Goes up when this program itself builds something else from the same inputs.
constexpr int kRecipe = 1;

const std::regex kPypiLine(
    "([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.+!]+)((?:\\s+--hash=sha256:[0-9a-f]{64})*)\\s*");

void Append(std::string& text, const std::string& key, const std::vector<std::string>& words) {
  for (const std::string& word : words) text += fmt::format("{} {}\n", key, word);
}

std::string Digest(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  // Fails only without memory or in an OpenSSL without SHA-256; a wrong address must never look like a right
  // one.
  if (::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha256(), nullptr) != 1)
    std::abort();
  std::string out;
  for (unsigned int i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace

std::string RootInputs::Address() const {
  // The profile's name is no part of it: two names for the same packages are one root.
  std::string text = fmt::format("recipe {}\narchitecture {}\nsuite {}\n", kRecipe, architecture, set.suite);
  Append(text, "component", set.components);
  Append(text, "debian", set.debian);
  Append(text, "locale", set.locales);
  for (const PlacedProgram& program : set.programs)
    text += fmt::format("program {} {} {}\n", program.group, program.pattern, program.to);
  text += "npm " + set.npm + "\n";
  for (const PypiPackage& package : pypi) {
    text += fmt::format("pypi {} {}\n", package.name, package.version);
    Append(text, "hash", package.hashes);
  }
  for (const auto& [name, content] : files) text += fmt::format("file {} {}\n", name, Digest(content));
  return Digest(text);
}

Result<std::vector<PypiPackage>> ParsePypiList(const std::string& file, const std::string& text) {
  std::vector<PypiPackage> out;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    line.erase(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    std::smatch parts;
    if (!std::regex_match(line, parts, kPypiLine)) {
      return Fail(ErrorCode::kInvalid,
                  fmt::format("{}:{}: is not name==version --hash=sha256:…", file, number));
    }
    PypiPackage package{parts[1], parts[2], {}};
    std::istringstream words(parts[3]);
    for (std::string word; words >> word;) package.hashes.push_back(word.substr(word.find('=') + 1));
    out.push_back(std::move(package));
  }
  return out;
}

Result<RootInputs> LoadRootInputs(const std::string& directory, const std::string& profile,
                                  const std::string& architecture) {
  auto set = LoadPackageSet(directory, profile);
  if (!set) return std::unexpected(set.error());
  RootInputs out{std::move(*set), architecture, {}, {}};
  std::set<std::string> names = {"finish.sh"};
  std::set<std::string> groups;
  for (const PlacedProgram& program : out.set.programs) groups.insert(program.group);
  if (!out.set.npm.empty()) groups.insert(out.set.npm);
  for (const std::string& group : groups) {
    names.insert(fmt::format("npm/{}/package.json", group));
    names.insert(fmt::format("npm/{}/package-lock.json", group));
  }
  for (const std::string& name : names) {
    auto content = ReadWholeFile(fmt::format("{}/{}", directory, name));
    if (!content) return std::unexpected(content.error());
    out.files[name] = std::move(*content);
  }
  for (const std::string& name : out.set.pypi) {
    const std::string file = fmt::format("{}/pypi/{}.txt", directory, name);
    auto content = ReadWholeFile(file);
    if (!content) return std::unexpected(content.error());
    auto packages = ParsePypiList(file, *content);
    if (!packages) return std::unexpected(packages.error());
    out.pypi.insert(out.pypi.end(), packages->begin(), packages->end());
  }
  std::ranges::sort(out.pypi, {}, &PypiPackage::name);
  return out;
}

std::string DebianArchitecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__riscv) && __riscv_xlen == 64
  return "riscv64";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
  return "ppc64el";
#elif defined(__s390x__)
  return "s390x";
#else
#error "Debian's name of this architecture is not known here"
#endif
}

}  // namespace codeapi
