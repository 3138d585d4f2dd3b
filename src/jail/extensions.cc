#include "jail/extensions.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace codeapi {
namespace {

// Sorted, for a binary search; the test checks the order.
constexpr auto kExtensions = std::to_array<std::string_view>({
    "7z",       "adoc",       "asciidoc",   "avif",         "bat",    "bmp",          "bson",       "bz2",
    "c",        "cmd",        "conf",       "cpp",          "cs",     "css",          "csv",        "deb",
    "dirkeep",  "doc",        "dockerfile", "dockerignore", "docx",   "editorconfig", "env",        "eot",
    "eslintrc", "gif",        "gitignore",  "go",           "groovy", "gz",           "gzip",       "hcl",
    "helmfile", "helmignore", "htm",        "html",         "ical",   "icalendar",    "ico",        "ics",
    "ifb",      "ini",        "java",       "jenkinsfile",  "jpeg",   "jpg",          "js",         "json",
    "json5",    "jsonl",      "jsx",        "kt",           "kts",    "less",         "log",        "lua",
    "md",       "nomad",      "odp",        "ods",          "odt",    "otf",          "parquet",    "pdf",
    "php",      "pl",         "png",        "ppt",          "pptx",   "prettierrc",   "properties", "ps1",
    "py",       "r",          "rar",        "rb",           "rpm",    "rs",           "rst",        "rtf",
    "sass",     "scala",      "scss",       "sh",           "sql",    "svelte",       "svg",        "swift",
    "tar",      "tex",        "tf",         "tfstate",      "tfvars", "tif",          "tiff",       "toml",
    "ts",       "tsv",        "tsx",        "ttf",          "txt",    "vagrantfile",  "vbs",        "vue",
    "webp",     "wiki",       "woff",       "woff2",        "xls",    "xlsx",         "xml",        "yaml",
    "yml",      "zip",
});
static_assert(std::ranges::is_sorted(kExtensions));

bool Known(std::string_view extension, const std::vector<std::string>& extra) {
  return std::ranges::binary_search(kExtensions, extension) ||
         std::ranges::find(extra, extension) != extra.end();
}

}  // namespace

bool IsKeptName(std::string_view base_name, const std::vector<std::string>& extra) {
  const std::string name = AsciiLower(base_name);
  const std::size_t dot = name.rfind('.');
  // Without a dot the whole name stands for the extension: Dockerfile is kept, Makefile is not.
  return Known(dot == std::string::npos ? name : name.substr(dot + 1), extra);
}

}  // namespace codeapi
