#include "jail/cell_messages.h"

#include "jail/cell_wire.h"

namespace codeapi {

const char* SetupStepName(SetupStep step) {
  switch (step) {
    case SetupStep::kClone:
      return "clone";
    case SetupStep::kCgroup:
      return "cgroup";
    case SetupStep::kCgroupNamespace:
      return "cgroup_namespace";
    case SetupStep::kRoot:
      return "root";
    case SetupStep::kWorkspace:
      return "workspace";
    case SetupStep::kProc:
      return "proc";
    case SetupStep::kPrivileges:
      return "privileges";
    case SetupStep::kCount:
      break;
  }
  return "unknown";
}

std::string HarvestRules::Encode() const {
  return WireWriter()
      .U32(max_files)
      .U64(max_file_size)
      .U32(max_depth)
      .U32(max_path)
      .U8(any_extension)
      .Strs(extra_extensions)
      .payload();
}

std::optional<HarvestRules> HarvestRules::Decode(std::string_view payload) {
  WireReader in(payload);
  HarvestRules out;
  out.max_files = in.U32();
  out.max_file_size = in.U64();
  out.max_depth = in.U32();
  out.max_path = in.U32();
  out.any_extension = in.U8() != 0;
  out.extra_extensions = in.Strs();
  return in.done() ? std::optional(std::move(out)) : std::nullopt;
}

std::string CellSetup::Encode() const {
  return WireWriter()
      .U32(uid)
      .U32(gid)
      .U64(workspace_bytes)
      .U64(workspace_inodes)
      .U8(cgroup_namespace)
      .U8(rootless)
      .U8(log_refusals)
      .Strs(private_mounts)
      .Str(filter_allow)
      .Str(filter_deny)
      .payload();
}

std::optional<CellSetup> CellSetup::Decode(std::string_view payload) {
  WireReader in(payload);
  CellSetup out;
  out.uid = in.U32();
  out.gid = in.U32();
  out.workspace_bytes = in.U64();
  out.workspace_inodes = in.U64();
  out.cgroup_namespace = in.U8() != 0;
  out.rootless = in.U8() != 0;
  out.log_refusals = in.U8() != 0;
  out.private_mounts = in.Strs();
  out.filter_allow = in.Str();
  out.filter_deny = in.Str();
  return in.done() ? std::optional(std::move(out)) : std::nullopt;
}

std::string CellBegin::Encode() const {
  return WireWriter()
      .Strs(argv)
      .Strs(compile)
      .Str(build_directory)
      .Strs(env)
      .U64(open_files)
      .U64(processes)
      .U64(file_size)
      .U64(data_limit)
      .U64(compile_data_limit)
      .U64(memory)
      .U32(tool_calls)
      .U32s(cpus)
      .U8(warm)
      .Str(rules.Encode())
      .payload();
}

std::optional<CellBegin> CellBegin::Decode(std::string_view payload) {
  WireReader in(payload);
  CellBegin out;
  out.argv = in.Strs();
  out.compile = in.Strs();
  out.build_directory = in.Str();
  out.env = in.Strs();
  out.open_files = in.U64();
  out.processes = in.U64();
  out.file_size = in.U64();
  out.data_limit = in.U64();
  out.compile_data_limit = in.U64();
  out.memory = in.U64();
  out.tool_calls = in.U32();
  out.cpus = in.U32s();
  out.warm = in.U8() != 0;
  const auto rules = HarvestRules::Decode(in.Str());
  if (!rules || !in.done() || out.argv.empty()) return std::nullopt;
  out.rules = *rules;
  return out;
}

std::string CellPrestart::Encode() const {
  return WireWriter().Str(begin.Encode()).Str(program).Strs(missing).payload();
}

std::optional<CellPrestart> CellPrestart::Decode(std::string_view payload) {
  WireReader in(payload);
  CellPrestart out;
  auto begin = CellBegin::Decode(in.Str());
  out.program = in.Str();
  out.missing = in.Strs();
  if (!begin || !in.done()) return std::nullopt;
  out.begin = std::move(*begin);
  return out;
}

std::string CellFile::Encode() const {
  return WireWriter().U8(static_cast<std::uint8_t>(kind)).U8(read_only).U32(index).Str(name).payload();
}

std::optional<CellFile> CellFile::Decode(std::string_view payload) {
  WireReader in(payload);
  CellFile out;
  const std::uint8_t kind = in.U8();
  out.kind = static_cast<CellFileKind>(kind);
  out.read_only = in.U8() != 0;
  out.index = in.U32();
  out.name = in.Str();
  if (!in.done() || kind > static_cast<std::uint8_t>(kLastCellFileKind)) return std::nullopt;
  return out;
}

std::string CellExit::Encode() const {
  WireWriter out;
  out.U32(wait_status)
      .U64(wall_us)
      .U64(cpu_us)
      .U64(max_rss)
      .U8(warm)
      .U32(static_cast<std::uint32_t>(refused.size()));
  for (const RefusedCall& call : refused) {
    out.U32(static_cast<std::uint32_t>(call.number))
        .U32(static_cast<std::uint32_t>(call.error))
        .U64(call.count);
    for (const std::uint64_t argument : call.arguments) out.U64(argument);
  }
  return out.payload();
}

std::optional<CellExit> CellExit::Decode(std::string_view payload) {
  WireReader in(payload);
  CellExit out;
  out.wait_status = in.U32();
  out.wall_us = in.U64();
  out.cpu_us = in.U64();
  out.max_rss = in.U64();
  out.warm = in.U8() != 0;
  const std::uint32_t refused = in.U32();
  if (refused > RefusedCall::kMost) return std::nullopt;
  for (std::uint32_t i = 0; i < refused && in.ok(); ++i) {
    RefusedCall& call = out.refused.emplace_back();
    call.number = static_cast<std::int32_t>(in.U32());
    call.error = static_cast<std::int32_t>(in.U32());
    call.count = in.U64();
    for (std::uint64_t& argument : call.arguments) argument = in.U64();
  }
  return in.done() ? std::optional(out) : std::nullopt;
}

std::string CellOutput::Encode() const {
  return WireWriter().U32(input).U64(size).Str(name).payload();
}

std::optional<CellOutput> CellOutput::Decode(std::string_view payload) {
  WireReader in(payload);
  CellOutput out;
  out.input = in.U32();
  out.size = in.U64();
  out.name = in.Str();
  return in.done() ? std::optional(std::move(out)) : std::nullopt;
}

std::string HarvestSummary::Encode() const {
  return WireWriter()
      .U32s(unchanged)
      .U32s(deleted)
      .U32(skip_reasons)
      .U32(skipped_count)
      .Strs(skipped)
      .payload();
}

std::optional<HarvestSummary> HarvestSummary::Decode(std::string_view payload) {
  WireReader in(payload);
  HarvestSummary out;
  out.unchanged = in.U32s();
  out.deleted = in.U32s();
  out.skip_reasons = in.U32();
  out.skipped_count = in.U32();
  out.skipped = in.Strs();
  if (!in.done() || out.skipped.size() > kMaxSkippedNames) return std::nullopt;
  return out;
}

std::string CellToolCall::Encode() const {
  return WireWriter().U32(call).U32(tool).Rest(input).payload();
}

std::optional<CellToolCall> CellToolCall::Decode(std::string_view payload) {
  WireReader in(payload);
  CellToolCall out;
  out.call = in.U32();
  out.tool = in.U32();
  out.input = in.Rest();
  if (!in.done() || out.tool >= kMaxTools || out.input.size() > kMaxToolInput) return std::nullopt;
  return out;
}

std::string CellToolResult::Encode() const {
  return WireWriter().U32(call).U8(last).U8(static_cast<std::uint8_t>(kind)).Rest(bytes).payload();
}

std::optional<CellToolResult> CellToolResult::Decode(std::string_view payload) {
  WireReader in(payload);
  CellToolResult out;
  out.call = in.U32();
  const std::uint8_t last = in.U8();
  out.last = last != 0;
  out.kind = static_cast<char>(in.U8());
  out.bytes = in.Rest();
  if (!in.done() || last > 1 || out.kind < '0' || out.kind > '2') return std::nullopt;
  return out;
}

std::string CellToolWait::Encode() const {
  return WireWriter().U32(answers).payload();
}

std::optional<CellToolWait> CellToolWait::Decode(std::string_view payload) {
  WireReader in(payload);
  CellToolWait out;
  out.answers = in.U32();
  return in.done() ? std::optional(out) : std::nullopt;
}

std::string CellFailure::Encode() const {
  return WireWriter().U8(input).U32(static_cast<std::uint32_t>(error)).Str(step).payload();
}

std::optional<CellFailure> CellFailure::Decode(std::string_view payload) {
  WireReader in(payload);
  CellFailure out;
  out.input = in.U8() != 0;
  out.error = static_cast<std::int32_t>(in.U32());
  out.step = in.Str();
  return in.done() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace codeapi
