// One execution on its way through the queue: what the API asks for and what the worker answers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/trace.h"

namespace codeapi {

class ObjectStore;

/// An input by reference. The API has checked that the caller may read it.
struct InputRef {
  std::string session;  ///< storage session
  std::string id;
  std::string name;  ///< where it goes, relative to the workspace; unique within one execution
};

struct ExecutionRequest {
  std::string id;       ///< also the storage session of its outputs
  std::string runtime;  ///< id of runtime/runtime.h
  std::string code;
  std::vector<std::string> args;
  std::optional<std::string> input;  ///< stdin
  std::vector<InputRef> files;
  std::uint64_t wall_ms = 0;
  std::uint64_t cpu_ms = 0;
  std::uint64_t memory_bytes = 0;

  // Not part of the text: the queue knows them, and the worker fills them in.
  TraceContext trace;                    ///< the worker's hop
  std::string log_tenant;                ///< LogHash() of the tenant
  std::string manifest;                  ///< token of the job's manifest, if it has one
  std::shared_ptr<ObjectStore> objects;  ///< of this execution alone; none: the executor's own

  std::string Encode() const;
  static Result<ExecutionRequest> Decode(std::string_view text);
};

/// The finished HTTP answer: the worker writes it once and nobody parses it again on its way to the client.
struct ExecutionAnswer {
  int status = 200;
  bool stored_files = false;  ///< objects were stored under the execution's id, and need an owner
  std::string body;           ///< JSON

  std::string Encode() const;
  static Result<ExecutionAnswer> Decode(std::string_view text);
};

}  // namespace codeapi
