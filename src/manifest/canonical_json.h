// JSON with one spelling: what is signed has to be the same bytes for whoever signs and whoever checks.
#pragma once

#include <string>

#include <boost/json/value.hpp>

#include "base/result.h"

namespace codeapi {

/// The text that JavaScript's JSON.stringify gives for `value` once the members of every object are in the
/// order of their names' UTF-16 code units: no spaces, everything but control characters, `"` and `\` as it
/// is, numbers in their shortest form. kInvalid for what has no such text: numbers that are not finite,
/// whole numbers beyond 2^53 - 1 on either side of zero, strings that are not UTF-8, and more than 16 levels.
Result<std::string> CanonicalJson(const boost::json::value& value);

}  // namespace codeapi
