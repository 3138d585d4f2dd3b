// Content types of stored files.
#pragma once

#include <string_view>

namespace codeapi {

/// The media type that a file's extension stands for, ASCII case ignored; application/octet-stream when it
/// stands for none. Text types carry charset=utf-8.
std::string_view MediaTypeOf(std::string_view file_name);

}  // namespace codeapi
