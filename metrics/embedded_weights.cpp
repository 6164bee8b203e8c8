#include "metrics/embedded_weights.h"

extern "C" {
extern const std::byte oar_efficientnet_lite0_begin[];
extern const std::byte oar_efficientnet_lite0_end[];
}

namespace oar {

std::span<const std::byte> embedded_efficientnet_lite0() {
  return {oar_efficientnet_lite0_begin, oar_efficientnet_lite0_end};
}

const std::string& embedded_efficientnet_lite0_sha256() {
  static const std::string sha256 = OAR_FEATURE_WEIGHTS_SHA256;
  return sha256;
}

}  // namespace oar
