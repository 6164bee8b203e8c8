#include "metrics/folded_conv.h"

#include <ATen/ops/convolution.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace oar {

WeightReader::WeightReader(const ExtractorWeights& weights, std::string network, std::string origin)
    : weights_(weights), network_(std::move(network)), origin_(std::move(origin)) {}

torch::Tensor WeightReader::take(const std::string& name, at::IntArrayRef shape) {
  const auto found = weights_.find(name);
  if (found == weights_.end()) {
    throw BadExtractorWeights(
        fmt::format("{} weights: tensor \"{}\" is missing; {} tensors are there, needed is one of "
                    "shape [{}]. {}",
                    network_, name, weights_.size(), fmt::join(shape, ", "), origin_));
  }
  const torch::Tensor& tensor = found->second;
  if (tensor.sizes() != shape || !tensor.is_floating_point()) {
    throw BadExtractorWeights(fmt::format(
        "{} weights: tensor \"{}\" is {} [{}], needed is a float tensor of shape [{}]. {}",
        network_, name, c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes(), ", "),
        fmt::join(shape, ", "), origin_));
  }
  taken_.insert(name);
  return tensor.detach().to(torch::kCPU, torch::kFloat32);
}

void WeightReader::finish() const {
  for (const auto& [name, tensor] : weights_) {
    if (taken_.contains(name) || name.ends_with("num_batches_tracked")) continue;
    throw BadExtractorWeights(fmt::format(
        "{} weights: tensor \"{}\" has no place in this network, so the file belongs to "
        "another one. {}",
        network_, name, origin_));
  }
}

torch::Tensor FoldedConv::operator()(const torch::Tensor& x) const {
  return at::convolution(x, weight, bias, {stride, stride}, padding, /*dilation=*/{1, 1},
                         /*transposed=*/false, /*output_padding=*/{0, 0}, groups);
}

FoldedConv read_folded_conv(WeightReader& reader, const std::string& conv, const std::string& norm,
                            at::IntArrayRef weight_shape, double epsilon, torch::Device device) {
  const int64_t out = weight_shape[0];
  const auto weight = reader.take(conv + ".weight", weight_shape).to(torch::kFloat64);
  const auto gamma = reader.take(norm + ".weight", {out}).to(torch::kFloat64);
  const auto beta = reader.take(norm + ".bias", {out}).to(torch::kFloat64);
  const auto mean = reader.take(norm + ".running_mean", {out}).to(torch::kFloat64);
  const auto variance = reader.take(norm + ".running_var", {out}).to(torch::kFloat64);
  const auto scale = gamma / (variance + epsilon).sqrt();
  FoldedConv folded;
  folded.weight = (weight * scale.view({-1, 1, 1, 1}))
                      .to(torch::kFloat32)
                      .to(device)
                      .contiguous(at::MemoryFormat::ChannelsLast);
  folded.bias = (beta - mean * scale).to(torch::kFloat32).to(device);
  return folded;
}

}  // namespace oar
