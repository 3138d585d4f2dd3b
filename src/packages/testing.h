// A directory for a test, and files in it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace codeapi::testing {

/// Made empty, removed at the end.
class PackagesDir {
 public:
  PackagesDir() {
    std::string name = std::filesystem::temp_directory_path() / "codeapi-packages-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~PackagesDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PackagesDir(const PackagesDir&) = delete;
  PackagesDir& operator=(const PackagesDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  /// Makes the file and the directories it is in.
  void Write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + name).parent_path());
    std::ofstream out(path_ + "/" + name, std::ios::binary | std::ios::trunc);
    out << content;
    ASSERT_TRUE(out.flush()) << name;
  }

 private:
  std::string path_;
};

}  // namespace codeapi::testing
