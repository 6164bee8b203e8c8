#include "harness/measure/device.h"

#include <fmt/format.h>
#include <torch/cuda.h>

#include <charconv>
#include <stdexcept>

namespace oar {

torch::Device device_from_name(const std::string& name) {
  const int64_t gpus = torch::cuda::is_available() ? torch::cuda::device_count() : 0;
  if (name == "cpu") return torch::kCPU;
  if (name == "auto") return gpus > 0 ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
  int64_t index = 0;
  const bool indexed = name.starts_with("cuda:");
  if (indexed) {
    const char* const end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + 5, end, index);
    if (error != std::errc() || rest != end || index < 0) index = -1;
  }
  if ((name != "cuda" && !indexed) || index < 0) {
    throw std::invalid_argument(fmt::format(
        "--device: \"{}\" is no device; accepted: auto, cpu, cuda, cuda:<index>", name));
  }
  if (index >= gpus) {
    throw std::invalid_argument(fmt::format(
        "--device: \"{}\" asks for GPU {}, but this program sees {} of them; use --device cpu, or "
        "build with a libtorch that has CUDA on a machine with a GPU",
        name, index, gpus));
  }
  return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(index));
}

}  // namespace oar
