#include "metrics/convention.h"

#include <ATen/ops/upsample_bilinear2d.h>
#include <fmt/format.h>

#include <stdexcept>

#include "metrics/resize.h"

namespace oar {
namespace {

using torch::Tensor;

// TensorFlow's own scaling: 0 .. 255 to -1 .. 0.992.
Tensor around_128(const Tensor& pixels) { return (pixels - 128) / 128; }

Tensor make_torch_fidelity_input(const Tensor& images) {
  return around_128(resize_bilinear_tf1(images, kInceptionSide));
}

Tensor make_pytorch_fid_input(const Tensor& images) {
  const Tensor x = images.to(torch::kFloat32) / 255;
  return 2 * at::upsample_bilinear2d(x, {kInceptionSide, kInceptionSide}, /*align_corners=*/false) -
         1;
}

Tensor make_clean_fid_input(const Tensor& images) {
  return around_128(resize_bicubic_antialias(images, kInceptionSide));
}

// Its evaluator runs the graph of the original TensorFlow file, which torch-fidelity imitates.
Tensor make_adm_input(const Tensor& images) { return make_torch_fidelity_input(images); }

constexpr Convention kConventions[] = {
#define CONVENTION(name, sentence) {#name, sentence, &make_##name##_input},
#include "metrics/conventions.def"
#undef CONVENTION
};

}  // namespace

const Convention& find_convention(std::string_view name) {
  std::string known;
  for (const Convention& convention : kConventions) {
    if (convention.name == name) return convention;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", convention.name);
  }
  throw std::invalid_argument(
      fmt::format("no convention is called \"{}\"; known: {}", name, known));
}

std::vector<std::pair<std::string, std::string>> list_conventions() {
  std::vector<std::pair<std::string, std::string>> list;
  for (const Convention& convention : kConventions) {
    list.emplace_back(convention.name, convention.sentence);
  }
  return list;
}

}  // namespace oar
