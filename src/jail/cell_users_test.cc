#include "jail/cell_users.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>

#include <cstdio>
#include <memory>
#include <vector>

namespace codeapi {
namespace {

struct Closer {
  void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};
using Stream = std::unique_ptr<std::FILE, Closer>;

Stream Open(std::string& text) {
  return Stream(::fmemopen(text.data(), text.size(), "r"));
}

// As the C library reads them, so that every entry is one to programs.
TEST(CellUsers, OneUserIsCalledSandbox) {
  std::string text = PasswdText(200'003, 300'004);
  const Stream stream = Open(text);
  std::vector<std::string> found;
  while (const passwd* user = ::fgetpwent(stream.get())) {
    found.push_back(std::string(user->pw_name) + " " + std::to_string(user->pw_uid) + " " +
                    std::to_string(user->pw_gid) + " " + user->pw_dir + " " + user->pw_shell);
  }
  EXPECT_EQ(found, (std::vector<std::string>{"root 0 0 / /usr/sbin/nologin",
                                             "sandbox 200003 300004 /mnt/data /bin/bash",
                                             "nobody 65534 65534 /nonexistent /usr/sbin/nologin"}));
}

TEST(CellUsers, OneGroupIsCalledSandbox) {
  std::string text = GroupText(300'004);
  const Stream stream = Open(text);
  std::vector<std::string> found;
  while (const group* entry = ::fgetgrent(stream.get())) {
    found.push_back(std::string(entry->gr_name) + " " + std::to_string(entry->gr_gid) +
                    (*entry->gr_mem == nullptr ? "" : " members"));
  }
  EXPECT_EQ(found, (std::vector<std::string>{"root 0", "sandbox 300004", "nogroup 65534"}));
}

}  // namespace
}  // namespace codeapi
