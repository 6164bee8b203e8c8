#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace oar {

/// A published tool whose numbers are reproduced: what it does to an image before the Inception
/// sees it, and how it cuts the images for the Inception Score. Where a tool does not have a
/// metric, torch-fidelity's way is taken. One line each in conventions.def.
struct Convention {
  std::string_view name;
  std::string_view sentence;

  /// uint8 [B, 3, H, W] of any size -> float32 [B, 3, 299, 299], the range the network was trained
  /// on, about -1 .. 1.
  torch::Tensor (*input)(const torch::Tensor& images);
};

/// Side of the Inception's input, in pixels.
inline constexpr int64_t kInceptionSide = 299;

/// Errors  std::invalid_argument for an unknown name, with the known ones.
const Convention& find_convention(std::string_view name);

/// Name and sentence, in the order of conventions.def.
std::vector<std::pair<std::string, std::string>> list_conventions();

}  // namespace oar
