// The little XML that S3 and STS answer with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace codeapi {

/// An element without its attributes. Name without prefix.
struct XmlElement {
  std::string name;
  std::string text;  ///< all character data directly in it
  std::vector<XmlElement> children;

  /// The first child called `child_name`, or nullptr.
  const XmlElement* find(std::string_view child_name) const;

  /// The text of that child; empty when there is none.
  std::string get(std::string_view child_name) const;
};

inline constexpr std::size_t kMaxXmlDepth = 16;
inline constexpr std::size_t kMaxXmlElements = 50'000;

/// The root of a well-formed document. kInvalid if it is not one, is deeper or has more elements than the
/// limits, or has a document type (so that no entity can be declared). Blanks before it are let pass: S3
/// sends them while it works.
Result<XmlElement> ParseXml(std::string_view document);

/// `text` with `&`, `<`, `>` and quotes as entities.
std::string XmlEscape(std::string_view text);

}  // namespace codeapi
