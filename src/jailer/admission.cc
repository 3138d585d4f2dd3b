#include "jailer/admission.h"

#include <algorithm>
#include <utility>

#include "jailer/canary.h"

namespace codeapi {
namespace {

std::int64_t Seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::unexpected<Error> Refuse(std::string_view what) {
  return Fail(ErrorCode::kForbidden, "Execution manifest " + std::string(what));
}

// The worker's own look at whether programs run. Nobody has signed it, and it can do nothing else.
bool IsCanary(const RunRequest& request) {
  return request.manifest.empty() && request.runtime == kCanaryRuntime &&
         request.source_name == kCanaryName && request.entry.empty() && request.args.empty() &&
         request.files == 1 && request.tool_calls == 0 && request.wall_ms <= kCanaryMillis &&
         request.cpu_ms <= kCanaryMillis && request.memory_bytes <= kCanaryMemory;
}

// What of a run is known before its files.
Result<void> Compare(const ExecutionManifest& claims, const RunRequest& request) {
  if (claims.code_sha256.empty()) return Refuse("starts no program");
  if (claims.runtime != request.runtime) return Refuse("runtime does not match request");
  if (claims.wall_ms != request.wall_ms || claims.cpu_ms != request.cpu_ms ||
      claims.memory_bytes != request.memory_bytes)
    return Refuse("limits do not match request");
  if (claims.tool_calls != request.tool_calls) return Refuse("tool calls do not match request");
  if (claims.command_sha256 != CommandDigest(request.source_name, request.entry, request.args))
    return Refuse("command does not match request");
  return {};
}

}  // namespace

void EndedRounds::Add(const Round& round, std::int64_t issued, std::int64_t expires) {
  const auto [entry, fresh] = rounds_.emplace(round, Times{issued, expires});
  if (!fresh) return;
  by_issue_.emplace(issued, &entry->first);
  by_expiry_.emplace(expires, &entry->first);
  while (rounds_.size() > most_) {
    floor_ = std::max(floor_, by_issue_.begin()->first);
    Remove(rounds_.find(*by_issue_.begin()->second));
  }
}

bool EndedRounds::MayContain(const Round& round, std::int64_t issued) const {
  return issued <= floor_ || rounds_.contains(round);
}

void EndedRounds::Expire(std::int64_t now) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first < now)
    Remove(rounds_.find(*by_expiry_.begin()->second));
}

void EndedRounds::Remove(std::map<Round, Times>::iterator entry) {
  by_issue_.erase({entry->second.issued, &entry->first});
  by_expiry_.erase({entry->second.expires, &entry->first});
  rounds_.erase(entry);
}

Admission::Admission(std::optional<ManifestVerifier> keys, Clock clock, std::size_t most_ended)
    : keys_(std::move(keys)), clock_(std::move(clock)), ended_(most_ended) {}

Result<void> Admission::Begin(std::uint32_t job, const RunRequest& request) {
  if (!keys_) return {};
  Run run;
  run.files_left = request.files;
  run.source_name = request.source_name;
  if (IsCanary(request)) {
    run.code = ContentDigest::Of(kCanaryCode);
    runs_.insert_or_assign(job, std::move(run));
    return {};
  }
  if (request.manifest.empty()) return Refuse("is required");
  const auto now = clock_();
  auto claims = keys_->Verify(request.manifest, now);
  if (!claims) return Fail(ErrorCode::kForbidden, std::move(claims.error().message));
  if (auto same = Compare(*claims, request); !same) return same;
  EndedRounds::Round round(claims->exec_id, claims->round);
  // A token is taken for as long after its end as clocks may differ.
  ended_.Expire(Seconds(now) - kManifestClockTolerance.count());
  if (running_.contains(round)) return Refuse("is of an execution that runs already");
  if (ended_.MayContain(round, claims->iat))
    return Refuse("is of an execution that has ended, or is too old");
  for (std::size_t i = 0; i < claims->input_files.size(); ++i) {
    run.inputs.emplace(std::move(claims->input_files[i].name), static_cast<std::uint32_t>(i));
  }
  run.code = std::move(claims->code_sha256);
  run.support = std::move(claims->support_sha256);
  run.issued = claims->iat;
  run.expires = claims->exp;
  running_.insert(round);
  run.round = std::move(round);
  runs_.insert_or_assign(job, std::move(run));
  return {};
}

Result<void> Admission::File(std::uint32_t job, FrameType type, std::string_view payload) {
  const auto entry = runs_.find(job);
  if (entry == runs_.end()) return keys_ ? Refuse("is required") : Result<void>();
  Run& run = entry->second;
  Result<void> passes;
  if (run.refused) {
    passes = Refuse("does not match request");
  } else if (type == FrameType::kFileBegin) {
    passes = BeginFile(run, payload);
  } else if (!run.open) {
    passes = Refuse("does not allow for data of no file");
  } else if (type == FrameType::kFileEnd) {
    passes = EndFile(run);
  } else if (run.digest) {
    run.digest->Update(payload);
  }
  run.refused = !passes;
  return passes;
}

Result<void> Admission::BeginFile(Run& run, std::string_view payload) {
  const auto file = RunFile::Decode(payload);
  if (!file) return std::unexpected(file.error());
  if (run.open || run.files_left == 0) return Refuse("does not allow for another file");
  switch (file->kind) {
    case CellFileKind::kSource:
      // What is started is the file of this name.
      if (std::exchange(run.source_seen, true) || file->name != run.source_name)
        return Refuse("program does not match request");
      break;
    case CellFileKind::kStdin:
      if (std::exchange(run.stdin_seen, true)) return Refuse("does not allow for another file");
      break;
    case CellFileKind::kInput: {
      const auto wanted = run.inputs.find(file->name);
      if (wanted == run.inputs.end() || wanted->second != file->index)
        return Refuse("input file scope does not match request");
      run.inputs.erase(wanted);
      break;
    }
    case CellFileKind::kSupport:
      if (run.support.empty()) return Refuse("does not allow for support files");
      break;
  }
  run.open = file->kind;
  run.open_name = file->name;
  run.digest.reset();
  if (file->kind == CellFileKind::kSource || file->kind == CellFileKind::kSupport) run.digest.emplace();
  return {};
}

Result<void> Admission::EndFile(Run& run) {
  const CellFileKind kind = *std::exchange(run.open, std::nullopt);
  if (kind == CellFileKind::kSource && run.digest->Finish() != run.code)
    return Refuse("code hash does not match request");
  if (kind == CellFileKind::kSupport) run.support_seen.Add(run.open_name, run.digest->Finish());
  run.digest.reset();
  if (--run.files_left > 0) return {};
  // The cell starts the program when it has this.
  if (!run.source_seen) return Refuse("program does not match request");
  if (!run.inputs.empty()) return Refuse("input file scope does not match request");
  if (run.support_seen.Finish() != run.support) return Refuse("support files do not match request");
  return {};
}

void Admission::End(std::uint32_t job, bool verdict) {
  const auto entry = runs_.find(job);
  if (entry == runs_.end()) return;
  const Run& run = entry->second;
  if (run.round) {
    running_.erase(*run.round);
    if (verdict) ended_.Add(*run.round, run.issued, run.expires);
  }
  runs_.erase(entry);
}

}  // namespace codeapi
