#include "worker/execution.h"

#include <charconv>

#include <boost/json.hpp>

namespace codeapi {
namespace {

namespace json = boost::json;

}  // namespace

std::string ExecutionRequest::Encode() const {
  json::array argv, refs;
  for (const std::string& arg : args) argv.emplace_back(arg);
  for (const InputRef& file : files) refs.push_back(json::array{file.session, file.id, file.name});
  json::object out{{"id", id},
                   {"runtime", runtime},
                   {"code", code},
                   {"args", std::move(argv)},
                   {"files", std::move(refs)},
                   {"wall_ms", wall_ms},
                   {"cpu_ms", cpu_ms},
                   {"memory_bytes", memory_bytes}};
  if (input) out["input"] = *input;
  return json::serialize(out);
}

Result<ExecutionRequest> ExecutionRequest::Decode(std::string_view text) {
  // Written by Encode() of this program; anything else is a fault, told as one.
  try {
    const json::object in = json::parse(json::string_view(text.data(), text.size())).as_object();
    ExecutionRequest out;
    out.id = in.at("id").as_string();
    out.runtime = in.at("runtime").as_string();
    out.code = in.at("code").as_string();
    for (const json::value& arg : in.at("args").as_array()) out.args.emplace_back(arg.as_string());
    for (const json::value& ref : in.at("files").as_array()) {
      const json::array& parts = ref.as_array();
      out.files.push_back({std::string(parts.at(0).as_string()), std::string(parts.at(1).as_string()),
                           std::string(parts.at(2).as_string())});
    }
    if (const json::value* input = in.if_contains("input")) out.input = input->as_string();
    out.wall_ms = in.at("wall_ms").to_number<std::uint64_t>();
    out.cpu_ms = in.at("cpu_ms").to_number<std::uint64_t>();
    out.memory_bytes = in.at("memory_bytes").to_number<std::uint64_t>();
    return out;
  } catch (const std::exception& e) {
    return Fail(ErrorCode::kInternal, std::string("unreadable job: ") + e.what());
  }
}

// `<status> <0 or 1> <body>`: the body stays as it is.
std::string ExecutionAnswer::Encode() const {
  return std::to_string(status) + (stored_files ? " 1 " : " 0 ") + body;
}

Result<ExecutionAnswer> ExecutionAnswer::Decode(std::string_view text) {
  ExecutionAnswer out;
  const bool shaped =
      text.size() >= 6 && text[3] == ' ' && (text[4] == '0' || text[4] == '1') && text[5] == ' ';
  if (!shaped || std::from_chars(text.data(), text.data() + 3, out.status).ptr != text.data() + 3 ||
      out.status < 100) {
    return Fail(ErrorCode::kInternal, "unreadable answer of a worker");
  }
  out.stored_files = text[4] == '1';
  out.body = text.substr(6);
  return out;
}

}  // namespace codeapi
