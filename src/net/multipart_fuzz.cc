// Fuzzes multipart/form-data. The property: what a form says does not depend on how its bytes arrive or how
// much is read at a time, whether it is whole, broken or hostile.
//
// The first byte chooses the splits, the second the limits; the rest is the body. The boundary is fixed, so
// that the fuzzer can spell it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fuzzing.h"
#include "base/text.h"
#include "net/multipart_fixture.h"

namespace codeapi {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=b-";

void RequireSame(const ReadForm& a, const ReadForm& b) {
  Require(a.error.has_value() == b.error.has_value(), "forms end the same way");
  Require(!a.error || (a.error->code == b.error->code && a.error->message == b.error->message),
          "forms fail the same way");
  Require(a.parts.size() == b.parts.size(), "forms have the same parts");
  for (std::size_t i = 0; i < a.parts.size(); ++i) {
    Require(a.parts[i].head.name == b.parts[i].head.name &&
                a.parts[i].head.filename == b.parts[i].head.filename &&
                a.parts[i].head.content_type == b.parts[i].head.content_type,
            "parts are called the same");
    Require(a.parts[i].content == b.parts[i].content, "parts have the same content");
    Require(a.parts[i].whole == b.parts[i].whole, "parts end the same way");
  }
}

bool IsPlain(std::string_view name) {
  return IsUtf8(name) &&
         name.find_first_of(std::string_view("\0\r\n\t\x1b\x7f", 6)) == std::string_view::npos;
}

void RequireSane(const ReadForm& form, std::string_view body, const MultipartLimits& limits) {
  Require(form.parts.size() <= limits.max_parts, "parts are bounded");
  for (const ReadForm::Part& part : form.parts) {
    Require(IsPlain(part.head.name) && IsPlain(part.head.filename.value_or("")), "names are plain text");
    Require(part.content.find("\r\n--b-") == std::string::npos, "content holds no delimiter");
    Require(body.find(part.content) != std::string_view::npos, "content is part of the body");
    Require(part.whole || form.error, "only an error cuts a part short");
  }
  Require(form.error || body.find("--b---") != std::string_view::npos, "a form without an end is refused");
}

}  // namespace
}  // namespace codeapi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace codeapi;
  if (size < 2) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const MultipartLimits limits{.max_parts = 1 + data[1] % 8uz,
                               .max_header_bytes = 64 + data[1] * 4uz,
                               .max_margin_bytes = data[1] * 2uz};
  MemoryBody at_once(body);
  const ReadForm form = RunNow(ReadWholeForm(at_once, kType, limits, 4096));
  RequireSane(form, body, limits);
  const std::size_t cut = data[0] * (body.size() + 1) / 256;
  for (const std::size_t step : {1uz, 1 + data[0] % 16uz, std::string::npos}) {
    MemoryBody pieces(body, {cut, cut + 1 + data[0] % 4}, step);
    RequireSame(form, RunNow(ReadWholeForm(pieces, kType, limits, 1 + data[0] % 7)));
  }
  return 0;
}
