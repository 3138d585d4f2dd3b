// A workspace on a real directory, for the tests of writing and of the walk.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "jail/testing.h"
#include "jail/workspace.h"

namespace codeapi {

class WorkspaceTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kUid = 61'234, kGid = 61'235;

  /// Sends a file to the workspace, as the jailer does.
  void Put(const std::string& name, const std::string& bytes, std::uint32_t index = 0, bool read_only = false,
           CellFileKind kind = CellFileKind::kInput) {
    ASSERT_EQ(workspace_.BeginFile({kind, read_only, index, name}), 0) << name;
    ASSERT_EQ(workspace_.Append(bytes), 0) << name;
    ASSERT_EQ(workspace_.EndFile(), 0) << name;
  }

  /// Writes a file, as the program does.
  void Write(const std::string& name, const std::string& bytes) {
    std::filesystem::create_directories(std::filesystem::path(dir_ / name).parent_path());
    testing::WriteFile(dir_ / name, bytes);
  }
  void MakeDir(const std::string& name) { std::filesystem::create_directories(dir_ / name); }

  HarvestResult Walk() { return workspace_.Walk(rules_); }

  static std::vector<std::string> Names(const HarvestResult& result) {
    std::vector<std::string> out;
    for (const HarvestedFile& file : result.files) out.push_back(file.name);
    return out;
  }

  testing::TempDir dir_, elsewhere_;
  std::string support_ = elsewhere_ / "support";
  Workspace workspace_{UniqueFd(::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), kUid, kGid,
                       support_};
  HarvestRules rules_;
};

}  // namespace codeapi
