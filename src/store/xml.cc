#include "store/xml.h"

#include <expat.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace codeapi {
namespace {

class Builder {
 public:
  explicit Builder(XML_Parser parser) : parser_(parser) {
    XML_SetUserData(parser, this);
    XML_SetElementHandler(
        parser,
        [](void* self, const XML_Char* name, const XML_Char** /*attributes*/) {
          static_cast<Builder*>(self)->start(name);
        },
        [](void* self, const XML_Char* /*name*/) { static_cast<Builder*>(self)->end(); });
    XML_SetCharacterDataHandler(parser, [](void* self, const XML_Char* text, int size) {
      static_cast<Builder*>(self)->open_.back().text.append(text, static_cast<std::size_t>(size));
    });
    XML_SetStartDoctypeDeclHandler(parser,
                                   [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
                                     static_cast<Builder*>(self)->stop("it has a document type");
                                   });
  }

  XmlElement& root() { return root_; }
  const char* problem() const { return problem_; }

 private:
  void start(std::string_view name) {
    if (++count_ > kMaxXmlElements || open_.size() >= kMaxXmlDepth) return stop("it is too large");
    const std::size_t colon = name.rfind(':');
    open_.push_back({std::string(colon == std::string_view::npos ? name : name.substr(colon + 1)), {}, {}});
  }

  void end() {
    if (problem_ != nullptr) return;
    XmlElement done = std::move(open_.back());
    open_.pop_back();
    (open_.empty() ? root_ : open_.back().children.emplace_back()) = std::move(done);
  }

  void stop(const char* problem) {
    problem_ = problem;
    XML_StopParser(parser_, XML_FALSE);
  }

  XML_Parser parser_;
  XmlElement root_;
  std::vector<XmlElement> open_;  // from the root inwards
  std::size_t count_ = 0;
  const char* problem_ = nullptr;
};

}  // namespace

const XmlElement* XmlElement::find(std::string_view child_name) const {
  const auto found = std::ranges::find(children, child_name, &XmlElement::name);
  return found == children.end() ? nullptr : &*found;
}

std::string XmlElement::get(std::string_view child_name) const {
  const XmlElement* child = find(child_name);
  return child == nullptr ? std::string() : child->text;
}

Result<XmlElement> ParseXml(std::string_view document) {
  document.remove_prefix(std::min(document.find_first_not_of(" \t\r\n"), document.size()));
  const std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)> parser(
      XML_ParserCreate(nullptr), &XML_ParserFree);
  if (parser == nullptr) return Fail(ErrorCode::kUnavailable, "out of memory");
  constexpr std::size_t kMax = 64uz << 20;
  if (document.size() > kMax) return Fail(ErrorCode::kInvalid, "not an XML document: it is too large");
  Builder builder(parser.get());
  if (XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), XML_TRUE) ==
      XML_STATUS_OK) {
    return std::move(builder.root());
  }
  const char* why =
      builder.problem() != nullptr ? builder.problem() : XML_ErrorString(XML_GetErrorCode(parser.get()));
  return Fail(ErrorCode::kInvalid, std::string("not an XML document: ") + why);
}

std::string XmlEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace codeapi
