// Whether a configured secret could be guessed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace codeapi {

/// How hard to guess a secret must be.
struct SecretDemand {
  std::size_t bytes = 32;  ///< shortest length
  double bits = 96;        ///< least estimated entropy of the whole
};

/// What is wrong with a secret, as the end of a sentence ("has less than 32 bytes"), or nothing. It finds
/// what people type – short texts, placeholders from examples, runs and repetitions – and not a secret that
/// was generated badly: entropy is estimated from how often each byte occurs. Never contains a part of the
/// secret.
std::string SecretWeakness(std::string_view secret, const SecretDemand& demand);

}  // namespace codeapi
