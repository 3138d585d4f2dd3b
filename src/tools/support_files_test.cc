#include "tools/support_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace codeapi {
namespace {

namespace json = boost::json;

std::string File(const std::vector<SupportFile>& files, std::string_view name) {
  const auto it = std::ranges::find(files, name, &SupportFile::name);
  return it == files.end() ? "no such file" : it->bytes;
}

std::set<std::string> Names(const std::vector<SupportFile>& files) {
  std::set<std::string> out;
  for (const SupportFile& file : files) out.insert(file.name);
  return out;
}

const std::vector<Tool> kHostile = {{.name = "a'\"$(touch /tmp/x)`id`\n;b", .parameters = {"c\"'\n", "d"}},
                                    {.name = "}; reboot; {", .parameters = {}}};

TEST(SupportFiles, KeepWhatAToolSaysInDataOnly) {
  const auto python = SupportFiles(ToolLanguage::kPython, kHostile);
  EXPECT_EQ(Names(python),
            (std::set<std::string>{"tools.json", "run.py", "codeapi_calls.py", "codeapi_program.py",
                                   "codeapi_spawned.py", "codeapi_tools.py"}));
  const auto other = SupportFiles(ToolLanguage::kPython, {{.name = "b", .parameters = {}}});
  for (const SupportFile& file : python) {
    EXPECT_EQ(file.bytes != File(other, file.name), file.name == "tools.json") << file.name;
  }
  const json::value list = json::parse(File(python, "tools.json"));
  EXPECT_EQ(
      list,
      json::value(
          {{{"name", kHostile[0].name}, {"function", "atouch_tmpxid_b"}, {"parameters", {"c\"'\n", "d"}}},
           {{"name", "}; reboot; {"}, {"function", "_reboot_"}, {"parameters", json::array()}}}));
}

TEST(SupportFiles, DefineOneFunctionForEachToolOfBash) {
  const auto bash = SupportFiles(ToolLanguage::kBash, kHostile);
  EXPECT_EQ(Names(bash), (std::set<std::string>{"tools.json", "functions.sh", "call"}));
  EXPECT_EQ(File(bash, "functions.sh"),
            "# The tools of this execution.\n"
            "atouch_tmpxid_b() { /tmp/.codeapi/call 0 atouch_tmpxid_b \"$@\"; }\n"
            "_reboot_() { /tmp/.codeapi/call 1 _reboot_ \"$@\"; }\n");
}

TEST(SupportFiles, CarryAProgramThatIsSmallAndNeedsNoLoader) {
  const std::string call = File(SupportFiles(ToolLanguage::kBash, kHostile), "call");
  ASSERT_GT(call.size(), 64u);
  EXPECT_EQ(call.substr(0, 4),
            "\x7f"
            "ELF");
  EXPECT_LT(call.size(), 16u << 10);  // it is sent with each run
  EXPECT_EQ(call.find("ld-linux"), std::string::npos);
}

}  // namespace
}  // namespace codeapi
