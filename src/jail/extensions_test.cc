#include "jail/extensions.h"

#include <gtest/gtest.h>

#include <sstream>

namespace codeapi {
namespace {

// The list that LibreChat promises the model, as its documentation spells it.
constexpr const char* kPromised =
    ".c .cs .cpp .go .java .js .kt .kts .lua .php .pl .ps1 .py .r .rb .rs .scala .sh .sql .swift .ts .jsx "
    ".tsx .groovy .css .htm .html .less .sass .scss .svg .svelte .vue .adoc .asciidoc .md .rst .tex .txt "
    ".wiki .csv .json .bson .json5 .jsonl .parquet .tsv .xml .yaml .yml .ics .ical .ifb .icalendar .conf "
    ".env .gitignore .ini .properties .toml .doc .docx .pdf .ppt .pptx .xls .xlsx .odt .ods .odp .rtf .avif "
    ".bmp .gif .ico .jpeg .jpg .png .tif .tiff .webp .eot .ttf .woff .woff2 .7z .bz2 .gz .gzip .rar .tar "
    ".zip .tf .tfvars .tfstate .hcl .dockerfile .Dockerfile .dockerignore .helmignore .helmfile "
    ".jenkinsfile .vagrantfile .eslintrc .prettierrc .editorconfig .nomad .bat .cmd .deb .log .rpm .vbs";

TEST(Extensions, KeepsAllThatIsPromised) {
  std::istringstream promised(kPromised);
  for (std::string extension; promised >> extension;) {
    EXPECT_TRUE(IsKeptName("name" + extension, {})) << extension;
    EXPECT_TRUE(IsKeptName(extension, {})) << extension << " as the whole name";
  }
  EXPECT_TRUE(IsKeptName(".dirkeep", {}));
}

TEST(Extensions, LeavesOutTheRest) {
  for (const char* name :
       {"a.xyz",    "a",     "Makefile", "a.mp3",  "a.mp4", "a.wav", "a.ipynb", "a.pkl", "a.npy",  "a.db",
        "a.sqlite", "a.mjs", "a.h",      "a.wasm", "",      ".",     "..",      "a.",    "a.txt.", "a.pn"}) {
    EXPECT_FALSE(IsKeptName(name, {})) << name;
  }
}

TEST(Extensions, OnlyTheLastOneCounts) {
  EXPECT_TRUE(IsKeptName("a.xyz.csv", {}));
  EXPECT_TRUE(IsKeptName("a.tar.gz", {}));
  EXPECT_FALSE(IsKeptName("a.csv.xyz", {}));
}

TEST(Extensions, CaseIsIgnored) {
  EXPECT_TRUE(IsKeptName("A.CSV", {}));
  EXPECT_TRUE(IsKeptName("photo.JpEg", {}));
  EXPECT_TRUE(IsKeptName("Dockerfile", {}));
  EXPECT_TRUE(IsKeptName("Jenkinsfile", {}));
}

TEST(Extensions, MoreCanBeNamed) {
  const std::vector<std::string> extra = {"xyz", "makefile"};
  EXPECT_TRUE(IsKeptName("a.xyz", extra));
  EXPECT_TRUE(IsKeptName("a.XYZ", extra));
  EXPECT_TRUE(IsKeptName("Makefile", extra));
  EXPECT_TRUE(IsKeptName("a.csv", extra));
  EXPECT_FALSE(IsKeptName("a.xy", extra));
}

}  // namespace
}  // namespace codeapi
