// JSON as programs and people read it.
#pragma once

#include <string>
#include <string_view>

#include <boost/json.hpp>

namespace codeapi {

/// The value as compact JSON: no spaces, members in their order, numbers in their shortest form (`7.5`,
/// `1e+21`), so that a number reads as it was written; boost::json's own serializer would say `7.5E0`.
/// Whatever boost::json parses comes back with the same value.
std::string CompactJson(const boost::json::value& value);

/// The member, unless it is absent or null: clients send both for "none". Lives as long as the object.
const boost::json::value* Member(const boost::json::object& in, std::string_view name);

}  // namespace codeapi
