// Whether a run is one that the API has signed. The worker has looked already; the jailer does not take its
// word, because a worker stands next to strangers' programs and speaks to the network.
//
// Theory of operation. A run is held against its manifest when it is asked for, before it has a cell: who,
// which round, runtime, limits, how many files and tools, and what it is started by. What files it has and
// what is in its program shows only as they stream by, so every file frame passes here on its way to the
// cell. A program starts when its last file has ended; a run whose files are not what was signed is over
// before that. An execution and round is remembered while it runs and, when it has ended with a verdict,
// until its manifest has expired: it does not run twice.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "jailer/messages.h"
#include "jailer/protocol.h"
#include "manifest/content_digest.h"
#include "manifest/signed_manifest.h"

namespace codeapi {

/// Rounds that have ended, until their manifests expire. Bounded: when it is full the ones that were issued
/// first are let go of, and from then on nothing that was issued so early is taken any more.
class EndedRounds {
 public:
  explicit EndedRounds(std::size_t most) : most_(most) {}

  using Round = std::pair<std::string, std::uint32_t>;

  /// Remembers one. Times are seconds since 1970.
  void Add(const Round& round, std::int64_t issued, std::int64_t expires);

  /// Whether it may have ended here: it is remembered, or so old that it might have been let go of.
  bool MayContain(const Round& round, std::int64_t issued) const;

  /// Lets go of what has expired by `now`.
  void Expire(std::int64_t now);

  std::size_t size() const { return rounds_.size(); }

 private:
  struct Times {
    std::int64_t issued = 0, expires = 0;
  };
  void Remove(std::map<Round, Times>::iterator entry);

  const std::size_t most_;
  std::map<Round, Times> rounds_;
  std::set<std::pair<std::int64_t, const Round*>> by_issue_, by_expiry_;  // of names in rounds_
  std::int64_t floor_ = -1;  // all that was issued until then counts as ended
};

/// Not thread-safe; the jailer has one thread.
class Admission {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  /// Rounds that are remembered after their end.
  static constexpr std::size_t kMostEnded = 1u << 17;

  /// Without keys every run is admitted.
  explicit Admission(std::optional<ManifestVerifier> keys, Clock clock = std::chrono::system_clock::now,
                     std::size_t most_ended = kMostEnded);

  /// Whether the run may have a cell. Its files must then pass File(). kForbidden otherwise; the message is
  /// for the log.
  Result<void> Begin(std::uint32_t job, const RunRequest& request);

  /// Whether a file frame may go on to the cell. After an error the job is to be ended; nothing more of it
  /// passes.
  Result<void> File(std::uint32_t job, FrameType type, std::string_view payload);

  /// The job is over: with a verdict about a program that had a cell, or without one.
  void End(std::uint32_t job, bool verdict);

 private:
  struct Run {
    std::optional<EndedRounds::Round> round;  // none: the canary
    std::int64_t issued = 0, expires = 0;
    std::string source_name, code, support;                    // what is wanted
    std::map<std::string, std::uint32_t, std::less<>> inputs;  // name and index of those still to come
    std::uint32_t files_left = 0;
    bool stdin_seen = false, source_seen = false, refused = false;
    std::optional<CellFileKind> open;  // the file that is under way
    std::string open_name;
    std::optional<ContentDigest> digest;  // of it, where that matters
    SupportDigest support_seen;
  };

  static Result<void> BeginFile(Run& run, std::string_view payload);
  static Result<void> EndFile(Run& run);

  const std::optional<ManifestVerifier> keys_;
  const Clock clock_;
  std::unordered_map<std::uint32_t, Run> runs_;
  std::set<EndedRounds::Round> running_;
  EndedRounds ended_;
};

}  // namespace codeapi
