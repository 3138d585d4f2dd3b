// Small things that both versions of cgroups need: reading and writing their files, and sweeping dead groups.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace codeapi {

/// Writes `value` to `file` in the group that `dir` is open on, in one call.
Result<void> WriteCgroupFile(int dir, const char* file, const std::string& value);

/// The first 4 KiB of `file`; empty when it cannot be read.
std::string ReadCgroupFile(int dir, const char* file);

/// The number that `text` begins with; 0 when it begins with none.
std::uint64_t NumberIn(std::string_view text);

/// The number behind `name` ("oom_kill ") at the start of a line of `text`; 0 when there is no such line.
std::uint64_t FieldIn(std::string_view text, std::string_view name);

/// The groups directly below the one that `dir` is open on.
std::vector<std::string> ChildGroups(int dir);

/// Removes the group `name` below `parent` with the groups directly in it. Groups that are not empty stay:
/// then it returns false.
bool RemoveGroupTree(int parent, const std::string& name);

/// The name of this process's group for its cells: `codeapi.<pid>`.
std::string OwnGroupName();

/// Removes the groups below `parent` that dead processes of ours left behind, by the process id in their
/// name. One whose id is in use again is left to a later start.
void SweepDeadGroups(int parent);

}  // namespace codeapi
