// How many executions one caller may have at once.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "auth/principal.h"

namespace codeapi {

/// Counts per caller, in this process. Thread-safe. Memory is proportional to the slots that are taken.
class ConcurrencyLimiter {
  struct Counts;

 public:
  /// One execution, running or waiting. Given back by its destructor, on any thread; may outlive the limiter.
  class Slot {
   public:
    Slot(Slot&&) noexcept = default;
    Slot& operator=(Slot&&) = delete;
    ~Slot();

   private:
    friend class ConcurrencyLimiter;
    Slot(std::shared_ptr<Counts> counts, std::string key)
        : counts_(std::move(counts)), key_(std::move(key)) {}

    std::shared_ptr<Counts> counts_;  // empty when moved from
    std::string key_;
  };

  /// At most `limit` slots for each caller.
  explicit ConcurrencyLimiter(std::size_t limit);

  /// A slot, or nothing when the caller has as many as it may.
  std::optional<Slot> TryAcquire(const Principal& principal);

  /// Callers that have a slot.
  std::size_t callers() const;

 private:
  const std::size_t limit_;
  std::shared_ptr<Counts> counts_;
};

}  // namespace codeapi
