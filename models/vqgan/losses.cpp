#include "models/vqgan/losses.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <torch/csrc/autograd/autograd.h>

namespace oar {
namespace {

torch::Tensor unit_channels(const torch::Tensor& stage) {
  return stage / (stage.square().sum(1, /*keepdim=*/true) + 1e-10).sqrt();
}

}  // namespace

torch::Tensor perceptual_distance(const std::vector<torch::Tensor>& real,
                                  const std::vector<torch::Tensor>& reconstructed) {
  TORCH_CHECK(!real.empty() && real.size() == reconstructed.size(),
              "perceptual_distance: ", real.size(), " stages against ", reconstructed.size());
  torch::Tensor sum;
  for (size_t i = 0; i < real.size(); ++i) {
    const torch::Tensor stage =
        (unit_channels(real[i]) - unit_channels(reconstructed[i])).square().sum(1).mean();
    sum = sum.defined() ? sum + stage : stage;
  }
  return sum / static_cast<double>(real.size());
}

PerceptualLoss perceptual_loss_in(
    std::function<std::vector<torch::Tensor>(const torch::Tensor& images)> activations) {
  return [activations](const torch::Tensor& real, const torch::Tensor& reconstructed) {
    const auto in_bytes = [](const torch::Tensor& images) { return (images + 1.0) * 127.5; };
    std::vector<torch::Tensor> wanted;
    {
      const torch::NoGradGuard no_grad;
      wanted = activations(in_bytes(real));
    }
    return perceptual_distance(wanted, activations(in_bytes(reconstructed)));
  };
}

torch::Tensor codebook_loss(const torch::Tensor& z, const torch::Tensor& quantised, double beta,
                            bool legacy_beta) {
  const torch::Tensor codebook = (z.detach() - quantised).square().mean();
  const torch::Tensor commitment = (z - quantised.detach()).square().mean();
  return legacy_beta ? beta * codebook + commitment : codebook + beta * commitment;
}

torch::Tensor commitment_loss(const torch::Tensor& z, const torch::Tensor& quantised, double beta,
                              bool legacy_beta) {
  const torch::Tensor commitment = (z - quantised.detach()).square().mean();
  return legacy_beta ? commitment : beta * commitment;
}

torch::Tensor adaptive_weight(const torch::Tensor& nll, const torch::Tensor& generator,
                              const torch::Tensor& last_weight) {
  const torch::Tensor nll_gradient =
      torch::autograd::grad({nll}, {last_weight}, {}, /*retain_graph=*/true)[0];
  const torch::Tensor generator_gradient =
      torch::autograd::grad({generator}, {last_weight}, {}, /*retain_graph=*/true)[0];
  const torch::Tensor ratio =
      at::linalg_vector_norm(nll_gradient) / (at::linalg_vector_norm(generator_gradient) + 1e-4);
  return ratio.clamp(0.0, 1e4).detach();
}

}  // namespace oar
