#include "runtime/source.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace codeapi {
namespace {

// With ".java" it stays a file name that every limit on names lets pass.
constexpr std::size_t kMaxStem = 100;
constexpr std::size_t kMaxEntry = 256;

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The tokens of a Java source that matter here: words, and single characters of everything else. Comments and
// literals are left out.
class JavaTokens {
 public:
  explicit JavaTokens(std::string_view code) : rest_(code) {}

  // Empty at the end.
  std::string_view Next() {
    while (!rest_.empty()) {
      if (rest_.starts_with("//")) {
        Drop(rest_.find('\n'));
      } else if (rest_.starts_with("/*")) {
        DropPast(rest_.find("*/", 2), 2);
      } else if (rest_.starts_with("\"\"\"")) {
        rest_.remove_prefix(3);
        Literal("\"\"\"");
      } else if (rest_.front() == '"' || rest_.front() == '\'') {
        const std::string_view quote = rest_.substr(0, 1);
        rest_.remove_prefix(1);
        Literal(quote);
      } else if (IsWordByte(rest_.front())) {
        return Take(static_cast<std::size_t>(std::ranges::find_if_not(rest_, IsWordByte) - rest_.begin()));
      } else if (static_cast<unsigned char>(rest_.front()) <= ' ') {
        rest_.remove_prefix(1);
      } else {
        return Take(1);
      }
    }
    return {};
  }

 private:
  std::string_view Take(std::size_t size) {
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(out.size());
    return out;
  }
  void Drop(std::size_t size) { rest_.remove_prefix(std::min(size, rest_.size())); }
  void DropPast(std::size_t at, std::size_t size) { Drop(at == rest_.npos ? at : at + size); }

  void Literal(std::string_view quote) {
    while (!rest_.empty() && !rest_.starts_with(quote)) Drop(rest_.front() == '\\' ? 2 : 1);
    Drop(quote.size());
  }

  std::string_view rest_;
};

struct JavaClass {
  std::string name;
  bool is_public = false;
  bool has_main = false;
};

struct JavaSource {
  std::string package;
  std::vector<JavaClass> classes;  // of the top level
};

bool DeclaresType(std::string_view word) {
  return word == "class" || word == "interface" || word == "enum" || word == "record";
}

// `package a.b;`, up to the semicolon.
std::string PackageName(JavaTokens& tokens) {
  std::string out;
  for (std::string_view token = tokens.Next(); !token.empty() && token != ";"; token = tokens.Next()) {
    out += token;
    if (out.size() > kMaxEntry) break;
  }
  return out;
}

JavaSource ReadJava(std::string_view code) {
  JavaSource out;
  JavaTokens tokens(code);
  int depth = 0;
  bool is_public = false;
  std::string_view previous;
  for (std::string_view token = tokens.Next(); !token.empty(); token = tokens.Next()) {
    if (token == "{") {
      ++depth;
    } else if (token == "}") {
      depth = std::max(depth - 1, 0);
      is_public = false;
    } else if (depth == 0) {
      if (token == "package" && out.package.empty() && out.classes.empty()) out.package = PackageName(tokens);
      if (token == ";") is_public = false;
      if (token == "public") is_public = true;
      // After a dot it is `Foo.class`, in an annotation; a type's name follows it otherwise.
      if (DeclaresType(token) && previous != ".") {
        const std::string_view name = tokens.Next();
        if (!name.empty() && IsWordByte(name.front())) {
          out.classes.push_back({std::string(name), std::exchange(is_public, false), false});
        }
        token = name;
      }
    } else if (depth == 1 && token == "main" && previous == "void" && !out.classes.empty()) {
      out.classes.back().has_main = true;
    }
    previous = token;
  }
  return out;
}

SourceNames JavaNames(const Runtime& runtime, std::string_view code) {
  const JavaSource source = ReadJava(code);
  const auto find = [&](auto&& wanted) -> const JavaClass* {
    const auto it = std::ranges::find_if(source.classes, wanted);
    return it == source.classes.end() ? nullptr : &*it;
  };
  const JavaClass* entry = find([](const JavaClass& c) { return c.is_public && c.has_main; });
  if (entry == nullptr) entry = find([](const JavaClass& c) { return c.has_main; });
  const JavaClass* file = find([](const JavaClass& c) { return c.is_public; });
  if (entry == nullptr) entry = file;
  if (entry == nullptr && !source.classes.empty()) entry = &source.classes.front();
  SourceNames out{runtime.source_stem, runtime.source_stem};
  if (entry != nullptr) out.entry = (source.package.empty() ? "" : source.package + ".") + entry->name;
  if (file != nullptr && file->name.size() <= kMaxStem &&
      WorkspaceNameProblem(file->name + runtime.source_extension).empty()) {
    out.stem = file->name;
  }
  if (!IsEntryName(out.entry)) out.entry = runtime.source_stem;
  return out;
}

}  // namespace

SourceNames NamesInSource(const Runtime& runtime, std::string_view code) {
  if (runtime.naming == Naming::kJava) return JavaNames(runtime, code);
  return {runtime.source_stem, {}};
}

std::string SourceText(const Runtime& runtime, std::string code) {
  const auto has = [&](const std::string& mark) { return code.find(mark) != std::string::npos; };
  if (runtime.opening.empty() || std::ranges::any_of(runtime.marks, has)) return code;
  return runtime.opening + code;
}

bool IsEntryName(std::string_view entry) {
  return entry.size() <= kMaxEntry && IsUtf8(entry) &&
         std::ranges::all_of(entry, [](char c) { return IsWordByte(c) || c == '.'; });
}

}  // namespace codeapi
