// The error regime of the services: what can happen in normal life is a value, not an exception.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <utility>

namespace codeapi {

/// What went wrong, as far as a caller has to tell cases apart. Maps one to one to how the API answers.
enum class ErrorCode {
  kInvalid,      ///< the request can never work as sent
  kNotFound,     ///< the thing asked for does not exist, or no longer does
  kForbidden,    ///< it exists, but not for this caller
  kTooLarge,     ///< a size limit was exceeded
  kConflict,     ///< someone else got there first
  kUnavailable,  ///< a part we depend on is away or full; trying again later can help
  kSetupFailed,  ///< no cell could be made
  kCancelled,    ///< the caller gave up
  kDeadline,     ///< the deadline passed before there was an answer
  kInternal,     ///< a fault of ours
};

/// Stable lower-case name of a code, for logs. Never fails.
const char* ErrorCodeName(ErrorCode code);

/// A code for programs and a sentence for people. The sentence may name paths and errno texts: it belongs in
/// logs and on the operator's terminal, and the HTTP layer decides what of it a client may see.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;

/// `return Fail(ErrorCode::kInvalid, "...")` from any function that returns a Result.
inline std::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

/// An error for a failed system call: `what` names the call and its object; errno's text is appended.
inline std::unexpected<Error> FailErrno(std::string what, int error = errno,
                                        ErrorCode code = ErrorCode::kInternal) {
  return std::unexpected(Error{code, std::move(what) + ": " + std::strerror(error)});
}

}  // namespace codeapi
