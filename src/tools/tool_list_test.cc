#include "tools/tool_list.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

namespace json = boost::json;

Result<std::vector<Tool>> Parse(std::string_view text) {
  const json::value value = json::parse(json::string_view(text.data(), text.size()));
  return ParseTools(&value);
}

std::string Problem(std::string_view text) {
  auto tools = Parse(text);
  if (tools) return "no problem";
  EXPECT_EQ(tools.error().code, ErrorCode::kInvalid);
  return tools.error().message;
}

std::string Python(std::string_view name) {
  return ToolFunctionName(ToolLanguage::kPython, name);
}

std::string Bash(std::string_view name) {
  return ToolFunctionName(ToolLanguage::kBash, name);
}

std::string Many(std::size_t count) {
  json::array out;
  for (std::size_t i = 0; i < count; ++i) out.push_back({{"name", "t" + std::to_string(i)}});
  return json::serialize(out);
}

TEST(ToolList, ReadsNamesAndParametersAndIgnoresTheRest) {
  auto tools = Parse(R"([{"name":"get-weather","description":"d","allowed_callers":["direct"],"parameters":
      {"type":"object","properties":{"units":{},"city":{},"day":{}},"required":["day","city","gone"]}},
      {"name":"b","parameters":null,"description":null}])");
  ASSERT_TRUE(tools) << tools.error().message;
  ASSERT_EQ(tools->size(), 2u);
  EXPECT_EQ((*tools)[0].name, "get-weather");
  // Required first, each group in the order of the schema.
  EXPECT_EQ((*tools)[0].parameters, (std::vector<std::string>{"city", "day", "units"}));
  EXPECT_EQ((*tools)[1], (Tool{.name = "b", .parameters = {}}));
}

TEST(ToolList, ReadsItsOwnJsonBack) {
  const std::vector<Tool> tools = {{.name = "a\"$(x)\n", .parameters = {"z", "a", ""}},
                                   {.name = "\u00e9", .parameters = {}}};
  const json::value form = ToolsToJson(tools);
  auto again = ParseTools(&form);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, tools);
}

TEST(ToolList, SaysWhatIsWrong) {
  const std::string missing = "Missing required field: tools (must be a non-empty array)";
  EXPECT_EQ(ParseTools(nullptr).error().message, missing);
  for (const char* text : {"[]", "null", "{}", "7"}) EXPECT_EQ(Problem(text), missing) << text;
  EXPECT_EQ(Problem(Many(101)), "Too many tools provided (101). Maximum is 100.");
  EXPECT_EQ(Problem(Many(100)), "no problem");
  for (const char* text : {"[{}]", R"([{"name":""}])", R"([{"name":7}])", R"([{"name":null}])"}) {
    EXPECT_EQ(Problem(text), "tools[0].name must be a non-empty string") << text;
  }
  EXPECT_EQ(Problem(R"([{"name":"a"},7])"), "tools[1] must be an object");
  EXPECT_EQ(Problem(R"([{"name":"a","parameters":[]}])"), "tools[0].parameters must be an object if present");
  EXPECT_EQ(Problem(R"([{"name":"a","description":{}}])"),
            "tools[0].description must be a string if present");
}

TEST(ToolList, CountsCharactersOfNamesAndNotBytes) {
  std::string name;
  for (int i = 0; i < 256; ++i) name += "\u00e9";
  EXPECT_EQ(Problem(R"([{"name":")" + name + R"("}])"), "no problem");
  EXPECT_EQ(Problem(R"([{"name":")" + name + R"(x"}])"), "tools[0].name is longer than 256 characters");
}

TEST(ToolList, CutsParametersAndTakesAnySchema) {
  json::object properties{{std::string(257, 'x'), json::object()}};
  for (int i = 0; i < 300; ++i) properties["p" + std::to_string(i)] = json::object();
  const json::value list = json::array{
      {{"name", "a"}, {"parameters", json::object{{"properties", std::move(properties)}, {"required", 7}}}}};
  auto tools = ParseTools(&list);
  ASSERT_TRUE(tools);
  EXPECT_EQ((*tools)[0].parameters.size(), 256u);
  EXPECT_EQ((*tools)[0].parameters[0], "p0");
  for (const char* schema : {R"({"properties":7})", R"({"properties":null})", R"({"required":["a"]})",
                             R"({"properties":{},"required":[7,{}]})"}) {
    auto parsed = Parse(R"([{"name":"a","parameters":)" + std::string(schema) + "}]");
    ASSERT_TRUE(parsed) << schema;
    EXPECT_TRUE((*parsed)[0].parameters.empty()) << schema;
  }
}

TEST(ToolFunctionName, IsWhatClientsComputeForPython) {
  EXPECT_EQ(Python("get-weather"), "get_weather");
  EXPECT_EQ(Python("get weather\t2"), "get_weather_2");
  EXPECT_EQ(Python("a\u00a0b\u2003c\u3000d\ufeff"), "a_b_c_d_");
  EXPECT_EQ(Python("a.b/c:d"), "abcd");
  EXPECT_EQ(Python("2fast"), "_2fast");
  EXPECT_EQ(Python("-2"), "_2");
  EXPECT_EQ(Python("class"), "class_tool");
  EXPECT_EQ(Python("cl.ass"), "class_tool");
  EXPECT_EQ(Python("print"), "print");
  EXPECT_EQ(Python("__import__"), "__import__");
  EXPECT_EQ(Python("__name__"), "__name___tool");
  EXPECT_EQ(Python("\u5929\u6c17"), "tool");
  EXPECT_EQ(Python("m\u00e9t\u00e9o"), "mto");
  EXPECT_EQ(Python("$(rm -rf /)\n\"'; x"), "rm__rf___x");
  EXPECT_EQ(Python(std::string_view("a\0b", 3)), "ab");
}

TEST(ToolFunctionName, IsWhatClientsComputeForBash) {
  EXPECT_EQ(Bash("get-weather.now"), "get_weather_now");
  EXPECT_EQ(Bash("1.5"), "_1_5");
  for (const char* word :
       {"if", "done", "export", "local", "echo", "test", "source", "unalias", "_ptc_x", "_PTC_x"}) {
    EXPECT_EQ(Bash(word), std::string(word) + "_tool");
  }
  EXPECT_EQ(Bash("class"), "class");
  EXPECT_EQ(Bash("$()"), "tool");
  EXPECT_EQ(Bash("a(){ :;};reboot"), "a_reboot");
}

TEST(ToolFunctionName, RefusesTwoOfOneNameInBashOnly) {
  const std::vector<Tool> tools = {{.name = "x", .parameters = {}},
                                   {.name = "get-it", .parameters = {}},
                                   {.name = "get.it", .parameters = {}}};
  auto checked = CheckToolFunctionNames(ToolLanguage::kBash, tools);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(checked.error().message,
            "Bash tool names \"get-it\" and \"get.it\" normalize to the same function identifier \"get_it\"; "
            "rename one to avoid collision");
  EXPECT_TRUE(CheckToolFunctionNames(ToolLanguage::kPython, tools));
  EXPECT_TRUE(CheckToolFunctionNames(ToolLanguage::kBash, {tools[0], tools[1]}));
}

TEST(ToolLanguage, HasNoAliases) {
  EXPECT_EQ(ToolLanguageOf("python"), ToolLanguage::kPython);
  EXPECT_EQ(ToolLanguageOf("bash"), ToolLanguage::kBash);
  for (const char* other : {"py", "sh", "", "Python"}) EXPECT_FALSE(ToolLanguageOf(other)) << other;
}

}  // namespace
}  // namespace codeapi
