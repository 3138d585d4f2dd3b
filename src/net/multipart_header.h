// What the header lines of multipart/form-data say: pure functions, apart from the stream they come from.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace codeapi {

/// One part of a form: a field, or a file if it has a file name.
struct MultipartPart {
  std::string name;  ///< of the form's field; well-formed UTF-8 without control characters, may be empty
  /// As the client sent it, byte for byte, after its escapes are undone: well-formed UTF-8 without control
  /// characters. May be empty, may hold slashes, `..`, quotes or marks that change the direction of text: it
  /// is a stranger's word and no path.
  std::optional<std::string> filename;
  /// As sent, printable ASCII; application/octet-stream for a file and text/plain for a field that has none.
  std::string content_type;
};

/// The boundary out of a request's Content-Type. kInvalid unless that is multipart/form-data with exactly one
/// boundary of 1 to 70 of the characters that RFC 2046 section 5.1.1 allows.
Result<std::string> ParseMultipartBoundary(std::string_view content_type);

/// Reads the header lines of one part; each ends with CRLF, the empty line behind them is left out.
///
/// File names: `filename*=UTF-8''…` (RFC 5987) wins over `filename`. In `filename="…"`, `\"` and `\\` are
/// undone and other backslashes stay, as busboy has it; then `%22`, `%0D` and `%0A`, which is how WHATWG
/// forms and form-data 4.0.6 write the three characters that cannot stand there. No other escape is: a name
/// may well contain `%20`.
///
/// kInvalid: no `Content-Disposition: form-data` with a name; a header or parameter that matters given twice;
/// folded lines; a name that is not UTF-8 or has control characters; another charset than UTF-8; a nested
/// multipart; a Content-Transfer-Encoding that would have to be decoded.
Result<MultipartPart> ParseMultipartHeader(std::string_view lines);

}  // namespace codeapi
