#include "net/multipart_header.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace codeapi {
namespace {

std::unexpected<Error> Bad(std::string text) {
  return Fail(ErrorCode::kInvalid, std::move(text));
}

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsTokenChar(char c) {
  return IsAlnum(c) || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").contains(c));
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, IsTokenChar);
}

bool IsBoundary(std::string_view text) {
  constexpr std::size_t kLongest = 70;
  return !text.empty() && text.size() <= kLongest && text.back() != ' ' &&
         std::ranges::all_of(text, [](char c) {
           return IsAlnum(c) || (c != '\0' && std::string_view("'()+_,-./:=? ").contains(c));
         });
}

bool IsControl(char c) {
  return (c >= 0 && c < 0x20) || c == 0x7f;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// A quoted-string at the front of `text`, taken off. Only `\"` and `\\` are escapes: a browser sends the
// backslash of a name as it is.
Result<std::string> TakeQuoted(std::string_view& text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool escapes =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    if (escapes) {
      value += text[++i];
    } else if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    } else {
      value += text[i];
    }
  }
  return Bad("a quoted value has no end");
}

struct Parameter {
  std::string name;  // lower case
  std::string value;
};

// The next `; name=value` at the front of `text`, taken off; nothing at the end.
Result<std::optional<Parameter>> TakeParameter(std::string_view& text) {
  // Empty parameters (`;;`, a trailing `;`) are harmless and do occur.
  do {
    text = Trim(text);
    if (text.empty()) return std::nullopt;
    if (text.front() != ';') return Bad("a header of the form cannot be read");
    text = Trim(text.substr(1));
  } while (text.empty() || text.front() == ';');
  const std::size_t equals = text.find('=');
  const std::string_view name = Trim(text.substr(0, equals));
  if (equals == std::string_view::npos || !IsToken(name)) return Bad("a header of the form cannot be read");
  Parameter parameter{AsciiLower(name), {}};
  text = Trim(text.substr(equals + 1));
  if (text.starts_with('"')) {
    Result<std::string> value = TakeQuoted(text);
    if (!value) return std::unexpected(value.error());
    parameter.value = std::move(*value);
  } else {
    const std::string_view value = text.substr(0, text.find(';'));
    text.remove_prefix(value.size());
    parameter.value = Trim(value);
  }
  return parameter;
}

// Puts `value` into `slot`, once.
Result<void> SetOnce(std::optional<std::string>& slot, std::string value, std::string_view what) {
  if (slot) return Bad(std::string(what) + " is given twice");
  slot = std::move(value);
  return {};
}

std::string UndoFormEscapes(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 3> kEscapes = {
      {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}}};
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto* escape =
        std::ranges::find_if(kEscapes, [&](const auto& one) { return text.starts_with(one.first); });
    out += escape == kEscapes.end() ? text.front() : escape->second;
    text.remove_prefix(escape == kEscapes.end() ? 1 : escape->first.size());
  }
  return out;
}

// RFC 5987: UTF-8'language'percent-encoded.
Result<std::string> DecodeExtended(std::string_view text) {
  const std::size_t first = text.find('\'');
  const std::size_t second = first == std::string_view::npos ? first : text.find('\'', first + 1);
  if (second == std::string_view::npos) return Bad("an encoded file name cannot be read");
  if (AsciiLower(text.substr(0, first)) != "utf-8") return Bad("a file name is not in UTF-8");
  text.remove_prefix(second + 1);
  std::string decoded = PercentDecode(text);
  // What was encoded whole decodes to two bytes less per escape, and has only plain characters besides.
  const auto escapes = static_cast<std::size_t>(std::ranges::count(text, '%'));
  const bool whole = decoded.size() + 2 * escapes == text.size();
  const bool plain = std::ranges::all_of(text, [](char c) { return c == '%' || IsTokenChar(c); });
  if (!whole || !plain) return Bad("an encoded file name cannot be read");
  return decoded;
}

Result<void> CheckName(std::string_view name, std::string_view what) {
  if (std::ranges::any_of(name, IsControl)) return Bad(std::string(what) + " has control characters");
  if (!IsUtf8(name)) return Bad(std::string(what) + " is not UTF-8");
  return {};
}

struct Disposition {
  std::optional<std::string> name, filename, extended;
};

Result<Disposition> ParseDisposition(std::string_view text) {
  const std::string_view type = text.substr(0, text.find(';'));
  text.remove_prefix(type.size());
  if (AsciiLower(Trim(type)) != "form-data") return Bad("a part is not form-data");
  Disposition out;
  while (true) {
    auto parameter = TakeParameter(text);
    if (!parameter) return std::unexpected(parameter.error());
    if (!*parameter) return out;
    auto& [key, value] = **parameter;
    Result<void> set;
    if (key == "name") set = SetOnce(out.name, std::move(value), "the name of a part");
    if (key == "filename") set = SetOnce(out.filename, std::move(value), "a file name");
    if (key == "filename*") set = SetOnce(out.extended, std::move(value), "a file name");
    if (!set) return std::unexpected(set.error());
  }
}

Result<void> ReadDisposition(std::string_view text, MultipartPart& part) {
  auto disposition = ParseDisposition(text);
  if (!disposition) return std::unexpected(disposition.error());
  if (!disposition->name) return Bad("a part has no name");
  part.name = UndoFormEscapes(*disposition->name);
  if (auto checked = CheckName(part.name, "the name of a part"); !checked) return checked;
  if (disposition->extended) {
    auto decoded = DecodeExtended(*disposition->extended);
    if (!decoded) return std::unexpected(decoded.error());
    part.filename = std::move(*decoded);
  } else if (disposition->filename) {
    part.filename = UndoFormEscapes(*disposition->filename);
  }
  return part.filename ? CheckName(*part.filename, "a file name") : Result<void>{};
}

Result<void> ReadContentType(std::string_view text, MultipartPart& part) {
  if (!std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; })) {
    return Bad("the content type of a part is not printable ASCII");
  }
  part.content_type = text;
  if (AsciiLower(text).starts_with("multipart/")) return Bad("a part is a form of its own");
  return {};
}

Result<void> CheckTransferEncoding(std::string_view text) {
  const std::string encoding = AsciiLower(text);
  if (encoding == "7bit" || encoding == "8bit" || encoding == "binary") return {};
  return Bad("the transfer encoding of a part is not supported");
}

struct Lines {
  std::optional<std::string> disposition, type, encoding;
};

Result<void> ReadLine(std::string_view line, Lines& out) {
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return Bad("a header of a part has a stray line end");
  }
  const std::size_t colon = line.find(':');
  // A folded line begins with white space and so with no token.
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return Bad("a header of a part cannot be read");
  }
  const std::string name = AsciiLower(line.substr(0, colon));
  std::string value(Trim(line.substr(colon + 1)));
  if (name == "content-disposition") return SetOnce(out.disposition, std::move(value), name);
  if (name == "content-type") return SetOnce(out.type, std::move(value), name);
  if (name == "content-transfer-encoding") return SetOnce(out.encoding, std::move(value), name);
  return {};
}

}  // namespace

Result<std::string> ParseMultipartBoundary(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  std::string_view rest = content_type.substr(type.size());
  if (AsciiLower(Trim(type)) != "multipart/form-data") return Bad("the body is not multipart/form-data");
  std::optional<std::string> boundary;
  while (true) {
    auto parameter = TakeParameter(rest);
    if (!parameter) return std::unexpected(parameter.error());
    if (!*parameter) break;
    if ((*parameter)->name != "boundary") continue;
    if (auto set = SetOnce(boundary, std::move((*parameter)->value), "the boundary"); !set) {
      return std::unexpected(set.error());
    }
  }
  if (!boundary) return Bad("the form has no boundary");
  if (!IsBoundary(*boundary)) return Bad("the boundary of the form is not allowed");
  return std::move(*boundary);
}

Result<MultipartPart> ParseMultipartHeader(std::string_view lines) {
  Lines read;
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    if (end == std::string_view::npos) return Bad("a header of a part cannot be read");
    if (auto line = ReadLine(lines.substr(0, end), read); !line) return std::unexpected(line.error());
    lines.remove_prefix(end + 2);
  }
  if (!read.disposition) return Bad("a part has no Content-Disposition");
  MultipartPart part;
  Result<void> result = ReadDisposition(*read.disposition, part);
  part.content_type = part.filename ? "application/octet-stream" : "text/plain";
  if (result && read.type && !read.type->empty()) result = ReadContentType(*read.type, part);
  if (result && read.encoding) result = CheckTransferEncoding(*read.encoding);
  if (!result) return std::unexpected(result.error());
  return part;
}

}  // namespace codeapi
