#include "harness/weights/known_weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "harness/store/progress.h"
#include "harness/sweep/nearest_name.h"

namespace oar {

const std::vector<KnownWeights>& known_weights() {
  static const std::vector<KnownWeights> known = {
#define FETCHED_WEIGHTS(name, extractor, file, bytes, sha256, licence, what, ...) \
  {#name, #extractor, file, bytes, sha256, licence, what, {__VA_ARGS__}, false},
#define EMBEDDED_WEIGHTS(name, extractor, file, bytes, sha256, licence, what, source) \
  {#name, #extractor, file, bytes, sha256, licence, what, {source}, true},
#include "harness/weights/known_weights.def"
#undef EMBEDDED_WEIGHTS
#undef FETCHED_WEIGHTS
  };
  return known;
}

const KnownWeights& weights_called(const std::string& name,
                                   const std::vector<KnownWeights>& known) {
  std::vector<std::string> names;
  for (const KnownWeights& weights : known) {
    if (weights.name == name) return weights;
    names.push_back(weights.name);
  }
  const std::string nearest = did_you_mean(name, names);
  throw std::invalid_argument(fmt::format("no known weights are called \"{}\".\n  known: {}{}",
                                          name, fmt::join(names, ", "),
                                          nearest.empty() ? "" : "\n  " + nearest));
}

std::string identity_of(const KnownWeights& weights) {
  return fmt::format("{}, {} bytes, SHA-256 {}", weights.file, count_text(weights.bytes),
                     weights.sha256);
}

}  // namespace oar
