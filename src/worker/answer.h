// The body of POST /v1/exec's answer: how an execution's end is told to clients.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jailer/messages.h"
#include "worker/execution.h"

namespace codeapi {

/// A file in the answer.
struct AnswerFile {
  std::string id;
  std::string session;
  std::string name;
  bool inherited = false;                 ///< an input that is as it was
  std::optional<InputRef> modified_from;  ///< the input it is a change of
};

/// The words for an end, as clients know them. Empty strings stand for null.
struct EndWords {
  int code = 0;
  std::string signal;
  std::string status;
  std::string message;
};

/// Maps a verdict to code, signal, status and message. `stderr_limit` is in bytes, for the message of a
/// truncated stderr.
EndWords DescribeEnd(const Verdict& verdict, std::uint64_t stderr_limit);

/// Everything the answer is made of.
struct AnswerParts {
  std::string session;
  std::string stdout_bytes;
  std::string stderr_bytes;
  std::vector<AnswerFile> files;
  std::vector<std::string> deleted;  ///< names of inputs that are gone
  std::uint32_t failed_files = 0;    ///< outputs that could not be stored
  Verdict verdict;
  std::uint64_t output_limit = 0;
};

/// The JSON text. Output bytes become UTF-8 (ill-formed parts are replaced); every abnormal end adds one line
/// `[sandbox] <message>` to stderr, because that is the only place where clients look for it.
std::string RenderAnswer(AnswerParts parts);

/// The end of a program with tools, as POST /v1/exec/programmatic tells it: `completed`, or `error` with one
/// of the texts that clients show to a model. Bytes as in RenderAnswer().
std::string RenderToolEnd(AnswerParts parts);

/// The end of one that could not be run to its end. `detail`, if any, goes to stderr for the model.
std::string RenderToolFailure(std::string_view session, std::string_view detail);

}  // namespace codeapi
