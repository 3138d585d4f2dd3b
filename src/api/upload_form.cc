#include "api/upload_form.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/session_access.h"
#include "base/media_type.h"
#include "base/text.h"

namespace codeapi {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxField = 1024;  // of those we read; more than any id has
constexpr std::array<std::string_view, 5> kFields = {"kind", "id", "version", "entity_id", "read_only"};

bool IsOurs(std::string_view name) {
  return std::ranges::find(kFields, name) != kFields.end();
}

std::unexpected<UploadProblem> Problem(int status, std::string text, bool fatal = true) {
  return std::unexpected(UploadProblem{status, std::move(text), fatal});
}

// What the reader said, for the client. Its own words name only what the client sent.
std::unexpected<UploadProblem> ReadFailed(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return Problem(400, "Malformed form: " + error.message);
    case ErrorCode::kTooLarge:
      return Problem(413, "Form field too large");
    case ErrorCode::kDeadline:
      return Problem(504, "Upload timeout");
    case ErrorCode::kCancelled:
      return Problem(400, "Upload aborted");
    default:
      return Problem(500, "Error uploading files");
  }
}

// LibreChat cleans names itself. A backslash is the one thing it leaves in that no reference may have.
std::string CleanName(std::string name) {
  std::ranges::replace(name, '\\', '_');
  return name;
}

std::string ContentType(const std::string& sent, const std::string& name) {
  const bool usable = !sent.empty() && sent.size() <= kMaxObjectContentType;
  return usable ? sent : std::string(MediaTypeOf(name));
}

}  // namespace

UploadForm::Outcome<UploadForm> UploadForm::Open(Request& request, const Settings& settings) {
  if (request.media_type() != "multipart/form-data")
    return Problem(400, "Invalid content type. Must be multipart/form-data.");
  auto reader = MultipartReader::Open(request.body, request.header("Content-Type"), {});
  if (!reader) return ReadFailed(reader.error());
  return UploadForm(std::move(*reader), settings);
}

asio::awaitable<UploadForm::Outcome<void>> UploadForm::TakeField(const MultipartReader::Part& part,
                                                                 Params& fields) {
  if (!IsOurs(part.name)) co_return Outcome<void>();
  auto text = co_await reader_.read_text(kMaxField);
  if (!text) co_return ReadFailed(text.error());
  fields.add(part.name, std::move(*text));
  co_return Outcome<void>();
}

asio::awaitable<UploadForm::Outcome<ResourceScope>> UploadForm::ReadScope() {
  Params fields;
  while (!first_) {
    auto part = co_await reader_.next();
    if (!part) co_return ReadFailed(part.error());
    if (!*part) co_return Problem(400, "No files provided");
    if ((*part)->filename) {
      first_ = std::move(**part);
    } else if (auto taken = co_await TakeField(**part, fields); !taken) {
      co_return std::unexpected(taken.error());
    }
  }
  read_only_ = AsciiLower(fields.get("read_only")) == "true";
  auto scope = ScopeOf(fields);
  if (!scope) co_return Problem(400, scope.error().message);
  co_return std::move(*scope);
}

asio::awaitable<UploadForm::Outcome<std::optional<UploadForm::File>>> UploadForm::NextFile() {
  if (first_) co_return Accept(*std::exchange(first_, std::nullopt));
  while (true) {
    auto part = co_await reader_.next();
    if (!part) co_return ReadFailed(part.error());
    if (!*part) co_return std::nullopt;
    if ((*part)->filename) co_return Accept(std::move(**part));
    if (IsOurs((*part)->name)) co_return Problem(400, (*part)->name + " must come before the files");
  }
}

UploadForm::Outcome<std::optional<UploadForm::File>> UploadForm::Accept(MultipartReader::Part part) {
  file_deadline_ = Clock::now() + settings_->upload_timeout;
  refused_name_ = *part.filename;
  std::string name = CleanName(std::move(*part.filename));
  const std::string problem = WorkspaceNameProblem(name, static_cast<std::size_t>(settings_->max_path_length),
                                                   static_cast<std::size_t>(settings_->max_nesting_depth));
  if (!problem.empty()) return Problem(400, "Invalid file name: it " + problem, false);
  return File{name, ContentType(part.content_type, name)};
}

asio::awaitable<UploadForm::Outcome<std::size_t>> UploadForm::Read(std::span<char> into) {
  auto n = co_await reader_.read(into);
  if (!n) co_return ReadFailed(n.error());
  if (*n > 0 && Clock::now() > file_deadline_) co_return Problem(504, "Upload timeout");
  co_return *n;
}

}  // namespace codeapi
