#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace oar {

/// An artifact that a stage reads.
struct StageInput {
  std::string role;   ///< what it is to the stage that reads it: "tokens", "model"
  std::string stage;  ///< the stage that made it
  std::string key;    ///< its key
};

/// In paths a key is called by its first digits: so many.
inline constexpr size_t kKeyDigits = 32;

/// One stage of one recipe: what is to be computed, and from what. It is named by its key, which
/// depends on nothing else: equal keys are equal artifacts, whoever asks and under whatever name.
struct StageNode {
  std::string stage;               ///< snake_case; a folder of the store
  int version = 1;                 ///< raised whenever the stage's code changes what it makes
  nlohmann::json config;           ///< the stage's own part of the recipe, resolved
  std::vector<StageInput> inputs;  ///< what it reads
  std::string key;                 ///< SHA-256 in 64 hex digits, see make_node
  // What a plan expects of it, in units of its own kind (harness/stages/work.h); not in the key.
  double work = 0;  ///< grows with the time it takes
  double size = 0;  ///< grows with the bytes it makes

  /// Short name for messages: `any_order/0123456789ab`.
  std::string label() const;
};

/// A node with its key: the SHA-256 of the canonical JSON (keys sorted, no spaces) of
/// {config, inputs: {role: key}, stage, version}. The order in which keys of the configuration or
/// inputs are written does not matter; the numbers 1 and 1.0 are two values.
///
/// Errors  std::logic_error on a stage name that cannot be a folder's, a role named twice, an input
///         without a key, or a number that is not finite: those are the caller's mistakes.
StageNode make_node(std::string stage, int version, nlohmann::json config,
                    const std::vector<std::pair<std::string, StageNode>>& inputs = {});

}  // namespace oar
