// How the text of an environment variable becomes a value, and back. Pure functions; no setting is named
// here.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace codeapi {

/// A whole number in decimal, with an optional minus. Spaces, a plus, hex and fractions are errors.
Result<std::int64_t> ParseInteger(std::string_view text);

/// A number of bytes: `1024`, or with a unit in any case: `b k kb kib m mb mib g gb gib t tb tib`. Every unit
/// is a power of 1024 (`1MB` is 1,048,576), as the settings of the services we stand in for are read. A
/// number without a unit is multiplied by `bare_unit`. Errors: no number, unknown unit, overflow.
Result<std::int64_t> ParseSize(std::string_view text, std::int64_t bare_unit = 1);

/// A duration: a number of `bare_unit`, or with a unit `ms s m h d`.
Result<std::chrono::milliseconds> ParseDuration(
    std::string_view text, std::chrono::milliseconds bare_unit = std::chrono::milliseconds(1));

/// `true false 1 0 yes no on off`, in any case. Anything else is an error.
Result<bool> ParseBoolean(std::string_view text);

/// A number with at most two decimals, in hundredths: `1.5` is 150.
Result<std::int64_t> ParseHundredths(std::string_view text);

/// File name extensions, separated by commas: `md, .PARQUET` is {"md", "parquet"}; `*` stands for all. Empty
/// items are dropped, duplicates too. Errors: an item with a slash, a space, a control character or over 32
/// bytes.
Result<std::vector<std::string>> ParseExtensions(std::string_view text);

/// The shortest exact text that ParseSize reads back: `512MiB`, `65536` is `64KiB`, `10000000` stays.
std::string FormatSize(std::int64_t bytes);

/// The shortest exact text that ParseDuration reads back: `30s`, `5m`, `1500ms`; zero is `0`.
std::string FormatDuration(std::chrono::milliseconds duration);

/// Hundredths as ParseHundredths reads them: 150 is `1.5`.
std::string FormatHundredths(std::int64_t hundredths);

}  // namespace codeapi
