#include "worker/tool_job.h"

#include <exception>
#include <utility>

#include <boost/json.hpp>

namespace codeapi {
namespace {

namespace json = boost::json;

json::array Pack(const std::vector<ProgramCall>& calls) {
  json::array out;
  for (const ProgramCall& call : calls) {
    json::array item{call.number, call.tool, call.input};
    if (call.result) {
      item.emplace_back(call.result->error);
      item.emplace_back(call.result->text);
    }
    out.push_back(std::move(item));
  }
  return out;
}

std::vector<ProgramCall> Unpack(const json::array& in) {
  std::vector<ProgramCall> out;
  for (const json::value& item : in) {
    const json::array& parts = item.as_array();
    ProgramCall call{parts.at(0).to_number<std::uint32_t>(), parts.at(1).to_number<std::uint32_t>(),
                     std::string(parts.at(2).as_string()), std::nullopt};
    if (parts.size() > 3)
      call.result = CallResult{parts.at(3).as_bool(), std::string(parts.at(4).as_string())};
    out.push_back(std::move(call));
  }
  return out;
}

template <typename T, typename F>
Result<T> Reading(const char* what, F read) {
  // Written by this program; anything else is a fault, told as one.
  try {
    return read();
  } catch (const std::exception& e) {
    return Fail(ErrorCode::kInternal, std::string("unreadable ") + what + ": " + e.what());
  }
}

}  // namespace

std::string ToolJob::Encode() const {
  json::object out{{"kind", static_cast<int>(kind)}, {"execution", execution}, {"calls", Pack(calls)}};
  if (request) {
    out["request"] = request->Encode();
    out["tools"] = tools;
  }
  return "T" + json::serialize(out);
}

Result<ToolJob> ToolJob::Decode(std::string_view text) {
  return Reading<ToolJob>("job", [&]() -> Result<ToolJob> {
    if (!Is(text)) return Fail(ErrorCode::kInternal, "not a round");
    const json::object in = json::parse(json::string_view(text.data() + 1, text.size() - 1)).as_object();
    ToolJob out;
    const int kind = in.at("kind").to_number<int>();
    if (kind < 0 || kind > static_cast<int>(Kind::kDrop)) return Fail(ErrorCode::kInternal, "unknown round");
    out.kind = static_cast<Kind>(kind);
    out.execution = in.at("execution").as_string();
    out.calls = Unpack(in.at("calls").as_array());
    if (const json::value* packed = in.if_contains("request")) {
      auto request = ExecutionRequest::Decode(packed->as_string());
      if (!request) return std::unexpected(request.error());
      out.request = std::move(*request);
      out.tools = in.at("tools").as_string();
    }
    const bool runs = out.kind == Kind::kStart || out.kind == Kind::kReplay;
    if (runs != out.request.has_value()) return Fail(ErrorCode::kInternal, "a round without its program");
    return out;
  });
}

std::string RoundAnswer::Encode() const {
  return json::serialize(json::object{{"state", static_cast<int>(state)},
                                      {"taker", taker},
                                      {"calls", Pack(calls)},
                                      {"stdout", stdout_text},
                                      {"stderr", stderr_text},
                                      {"status", status},
                                      {"stored_files", stored_files},
                                      {"body", body}});
}

Result<RoundAnswer> RoundAnswer::Decode(std::string_view text) {
  return Reading<RoundAnswer>("answer of a worker", [&]() -> Result<RoundAnswer> {
    const json::object in = json::parse(json::string_view(text.data(), text.size())).as_object();
    RoundAnswer out;
    const int state = in.at("state").to_number<int>();
    if (state < 0 || state > static_cast<int>(State::kNeedReplay))
      return Fail(ErrorCode::kInternal, "unknown state of a round");
    out.state = static_cast<State>(state);
    out.taker = in.at("taker").as_string();
    out.calls = Unpack(in.at("calls").as_array());
    out.stdout_text = in.at("stdout").as_string();
    out.stderr_text = in.at("stderr").as_string();
    out.status = in.at("status").to_number<int>();
    out.stored_files = in.at("stored_files").as_bool();
    out.body = in.at("body").as_string();
    return out;
  });
}

}  // namespace codeapi
