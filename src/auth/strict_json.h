// JSON from strangers and operators, where two readings of one text would be a fault.
#pragma once

#include <cstddef>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/result.h"

namespace codeapi {

/// The object that `text` is: RFC 8259, well-formed UTF-8, at most `max_depth` levels deep, and no member
/// name twice in any object. JSON libraries disagree on which of two equal names counts, so whoever issued a
/// token and whoever checks it could see different claims (RFC 7515, section 4, lets us refuse them).
/// kInvalid otherwise; the message is a predicate ("is not JSON: …") and quotes nothing of the text.
Result<boost::json::object> ParseStrictObject(std::string_view text, std::size_t max_depth = 16);

}  // namespace codeapi
