// A form of files as it arrives: whose they are first, then the files one after the other.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "auth/principal.h"
#include "base/result.h"
#include "base/settings.h"
#include "net/http_message.h"
#include "net/multipart.h"

namespace codeapi {

/// What could not be done, as the client is told.
struct UploadProblem {
  int status = 400;
  std::string text;
  bool fatal = true;  ///< the rest of the form cannot be read either
};

/// Reads `kind`, `id`, `version`, `read_only` (and the `entity_id` of older clients), which must come before
/// the first file, and then each file. A field named like one of these after the first file is refused, since
/// it would have been ignored. Other fields are skipped. One call at a time; the request must outlive it.
class UploadForm {
 public:
  template <typename T>
  using Outcome = std::expected<T, UploadProblem>;

  struct File {
    std::string name;          ///< a valid name below the workspace
    std::string content_type;  ///< as sent, or guessed from the name
  };

  /// Refuses what is not multipart/form-data.
  static Outcome<UploadForm> Open(Request& request, const Settings& settings);

  /// The fields before the first file. Call it first, once. A form without any file is refused.
  asio::awaitable<Outcome<ResourceScope>> ReadScope();

  /// Whether the files are sealed inputs. Valid after ReadScope().
  bool read_only() const { return read_only_; }

  /// The next file; nothing after the last. What was not read of the one before is skipped. A problem that is
  /// not fatal is about this file alone, whose name as sent is in `refused_name()`.
  asio::awaitable<Outcome<std::optional<File>>> NextFile();
  const std::string& refused_name() const { return refused_name_; }

  /// More of the file; 0 is its end. Fails with 504 when the file takes longer than it may.
  asio::awaitable<Outcome<std::size_t>> Read(std::span<char> into);

 private:
  UploadForm(MultipartReader reader, const Settings& settings)
      : reader_(std::move(reader)), settings_(&settings) {}
  asio::awaitable<Outcome<void>> TakeField(const MultipartReader::Part& part, Params& fields);
  Outcome<std::optional<File>> Accept(MultipartReader::Part part);

  MultipartReader reader_;
  const Settings* settings_;
  bool read_only_ = false;
  std::optional<MultipartReader::Part> first_;  // the file that ended the fields
  std::string refused_name_;
  std::chrono::steady_clock::time_point file_deadline_;
};

}  // namespace codeapi
