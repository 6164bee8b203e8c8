#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace oar {

/// A published weights file: its bytes never change, so its SHA-256 is its identity.
struct KnownWeights {
  std::string name;                  ///< as `oar-bench weights fetch` takes it, snake_case
  std::string extractor;             ///< registry name of the feature extractor that reads it
  std::string file;                  ///< its name in the weights folder
  int64_t bytes = 0;                 ///< its size
  std::string sha256;                ///< 64 lower-case hexadecimal digits
  std::string licence;               ///< SPDX identifier
  std::string what;                  ///< one sentence
  std::vector<std::string> sources;  ///< addresses of the same bytes; where it is from, if embedded
  bool is_embedded = false;          ///< part of the program: nothing to fetch
};

/// Every known file, in the order of known_weights.def.
const std::vector<KnownWeights>& known_weights();

/// The file called `name`.
///
/// Errors  std::invalid_argument with the known names and the nearest.
const KnownWeights& weights_called(const std::string& name, const std::vector<KnownWeights>& known);

/// "dinov2_vitl14_pretrain.pth, 1,217,586,395 bytes, SHA-256 d538...": what to look for elsewhere.
std::string identity_of(const KnownWeights& weights);

}  // namespace oar
