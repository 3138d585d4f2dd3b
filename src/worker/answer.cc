#include "worker/answer.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <utility>

#include <boost/json.hpp>

#include "base/text.h"

namespace codeapi {
namespace {

namespace json = boost::json;

std::string SignalName(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? "SIG" + std::to_string(signal) : std::string("SIG") + name;
}

EndWords Killed(std::string status, std::string message) {
  return {128 + SIGKILL, "SIGKILL", std::move(status), std::move(message)};
}

json::value OrNull(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

std::string TruncationMessage(std::uint64_t limit) {
  return "stderr truncated at " + std::to_string(limit) + " bytes";
}

void AppendMarker(std::string& text, const std::string& message) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  text += "[sandbox] " + message + "\n";
}

json::object FileEntry(const AnswerFile& file) {
  json::object out{{"id", file.id}, {"name", file.name}, {"storage_session_id", file.session}};
  if (file.inherited) out["inherited"] = true;
  if (file.modified_from) {
    out["modified_from"] =
        json::object{{"id", file.modified_from->id}, {"storage_session_id", file.modified_from->session}};
  }
  return out;
}

json::object Truncation(const HarvestSummary& harvest) {
  constexpr std::pair<SkipReason, const char*> kReasons[] = {
      {kSkipMaxFiles, "max_files"}, {kSkipDepth, "depth"},           {kSkipSize, "size"},
      {kSkipPath, "path"},          {kSkipUnreadable, "unreadable"}, {kSkipExtension, "extension"},
  };
  json::array reasons, skipped;
  for (const auto& [bit, name] : kReasons) {
    if (harvest.skip_reasons & bit) reasons.emplace_back(name);
  }
  for (const std::string& name : harvest.skipped) skipped.emplace_back(ToUtf8Lossy(name));
  return {{"code", "artifact_truncated"},
          {"reasons", std::move(reasons)},
          {"skipped", std::move(skipped)},
          {"skipped_count", harvest.skipped_count}};
}

// How many outputs reached the store; only said when one did not.
json::object Delivery(std::uint32_t delivered, std::uint32_t failed) {
  return {{"code", "artifact_delivery_failed"},
          {"status", delivered > 0 ? "partial" : "failed"},
          {"attempted", delivered + failed},
          {"delivered", delivered},
          {"failed", failed}};
}

}  // namespace

EndWords DescribeEnd(const Verdict& verdict, std::uint64_t stderr_limit) {
  switch (verdict.end) {
    case RunEnd::kWallLimit:
      return Killed("TO", verdict.compiling ? "Compile time limit exceeded" : "Time limit exceeded");
    case RunEnd::kCpuLimit:
      return Killed("TO", verdict.compiling ? "Compile CPU time limit exceeded" : "CPU time limit exceeded");
    case RunEnd::kMemoryLimit:
      return Killed("SG", verdict.compiling ? "Out of memory while compiling" : "Out of memory");
    case RunEnd::kOutputLimit:
      return Killed("OL", "stdout length exceeded");
    case RunEnd::kCancelled:
      return Killed({}, "Execution cancelled");
    case RunEnd::kExit:
    case RunEnd::kSignal:
      break;
  }
  EndWords out;
  if (verdict.end == RunEnd::kSignal) {
    out.code = 128 + verdict.signal;
    out.signal = SignalName(verdict.signal);
  } else {
    out.code = verdict.code;
  }
  if (verdict.stderr_truncated) out.message = TruncationMessage(stderr_limit);
  return out;
}

namespace {

// What both kinds of answer tell: the streams as text, and the files.
struct Told {
  EndWords end;
  json::object body;
};

Told Tell(AnswerParts parts) {
  const EndWords end = DescribeEnd(parts.verdict, parts.output_limit);
  std::string_view out_bytes = parts.stdout_bytes, err_bytes = parts.stderr_bytes;
  if (parts.verdict.end == RunEnd::kOutputLimit) out_bytes = TrimPartialCharacter(out_bytes);
  if (parts.verdict.stderr_truncated) err_bytes = TrimPartialCharacter(err_bytes);
  std::string err = ToUtf8Lossy(err_bytes);
  if (parts.verdict.stderr_truncated) AppendMarker(err, TruncationMessage(parts.output_limit));
  if (!end.status.empty() || parts.verdict.end == RunEnd::kCancelled) AppendMarker(err, end.message);

  std::ranges::sort(parts.files, {}, &AnswerFile::name);
  std::ranges::sort(parts.deleted);
  const auto delivered =
      static_cast<std::uint32_t>(std::ranges::count(parts.files, false, &AnswerFile::inherited));
  json::array files;
  for (const AnswerFile& file : parts.files) files.push_back(FileEntry(file));
  json::object body{{"session_id", parts.session},
                    {"stdout", ToUtf8Lossy(out_bytes)},
                    {"stderr", std::move(err)},
                    {"files", std::move(files)}};
  if (!parts.deleted.empty()) {
    json::array deleted;
    for (const std::string& name : parts.deleted) deleted.emplace_back(name);
    body["deleted_files"] = std::move(deleted);
  }
  if (parts.verdict.harvest.skipped_count > 0)
    body["artifact_truncation"] = Truncation(parts.verdict.harvest);
  if (parts.failed_files > 0) body["artifact_delivery"] = Delivery(delivered, parts.failed_files);
  return {end, std::move(body)};
}

// Only these texts reach a model; it takes any other for "Code execution failed."
std::string ToolError(const Verdict& verdict, const EndWords& end) {
  switch (verdict.end) {
    case RunEnd::kWallLimit:
    case RunEnd::kCpuLimit:
      return "Time limit exceeded";
    case RunEnd::kMemoryLimit:
      return "Out of memory";
    case RunEnd::kOutputLimit:
      return "stdout length exceeded";
    case RunEnd::kCancelled:
      return "Execution failed or timed out";
    case RunEnd::kExit:
    case RunEnd::kSignal:
      break;
  }
  return "Sandbox exited with code " + std::to_string(end.code);
}

}  // namespace

std::string RenderAnswer(AnswerParts parts) {
  const std::uint64_t wall_us = parts.verdict.wall_us, cpu_us = parts.verdict.cpu_us,
                      memory = parts.verdict.memory_peak;
  auto [end, body] = Tell(std::move(parts));
  body["code"] = end.code;
  body["signal"] = OrNull(end.signal);
  body["message"] = OrNull(end.message);
  body["status"] = OrNull(end.status);
  body["wall_time"] = (wall_us + 500) / 1000;
  body["memory"] = memory;
  body["cpu_time"] = (cpu_us + 500) / 1000;
  return json::serialize(body);
}

std::string RenderToolEnd(AnswerParts parts) {
  const Verdict verdict = parts.verdict;
  auto [end, body] = Tell(std::move(parts));
  const bool completed = verdict.end == RunEnd::kExit && verdict.code == 0;
  body["status"] = completed ? "completed" : "error";
  if (!completed) body["error"] = ToolError(verdict, end);
  return json::serialize(body);
}

std::string RenderToolFailure(std::string_view session, std::string_view detail) {
  json::object body{{"status", "error"}, {"error", "Execution failed or timed out"}, {"session_id", session}};
  if (!detail.empty()) body["stderr"] = "[sandbox] " + std::string(detail) + "\n";
  return json::serialize(body);
}

}  // namespace codeapi
