// UTF-8 and names: small, pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace codeapi {

/// Whether `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

/// Bytes as text for JSON: every maximal ill-formed part becomes one U+FFFD, as the WHATWG decoder does.
std::string ToUtf8Lossy(std::string_view bytes);

/// The longest prefix of `bytes` that does not end in the middle of a character. Ill-formed bytes before the
/// end stay; only an unfinished but so far valid sequence at the very end is dropped.
std::string_view TrimPartialCharacter(std::string_view bytes);

/// Why a name cannot be a file below the workspace, or empty if it can: relative, at most `max_length` bytes
/// and `max_depth` segments, no empty, `.` or `..` segment, no backslash or NUL, well-formed UTF-8. A segment
/// has at most 255 bytes (NAME_MAX).
std::string WorkspaceNameProblem(std::string_view name, std::size_t max_length = 256,
                                 std::size_t max_depth = 10);

/// `text` with every byte outside RFC 5987's attr-char percent-encoded, for `filename*=UTF-8''…`.
std::string PercentEncode(std::string_view text);

/// Decodes %XX; a malformed escape stays as it is. `+` is not a space.
std::string PercentDecode(std::string_view text);

/// Lower-cased ASCII; other bytes stay.
std::string AsciiLower(std::string_view text);

/// Edits needed to turn one word into the other (Levenshtein, on bytes). For "did you mean".
std::size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace codeapi
