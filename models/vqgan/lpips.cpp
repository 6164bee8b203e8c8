#include "models/vqgan/lpips.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

namespace oar {
namespace {

/// A convolution by its number in torchvision's `features`; its slice is the stage it belongs to.
struct Place {
  int64_t number, slice, in_channels, channels;
};
constexpr std::array<Place, 13> kPlaces = {{{0, 1, 3, 64},
                                            {2, 1, 64, 64},
                                            {5, 2, 64, 128},
                                            {7, 2, 128, 128},
                                            {10, 3, 128, 256},
                                            {12, 3, 256, 256},
                                            {14, 3, 256, 256},
                                            {17, 4, 256, 512},
                                            {19, 4, 512, 512},
                                            {21, 4, 512, 512},
                                            {24, 5, 512, 512},
                                            {26, 5, 512, 512},
                                            {28, 5, 512, 512}}};
constexpr std::array<int64_t, 5> kStageChannels = {64, 128, 256, 512, 512};
constexpr const char* kPrefixes[] = {"", "perceptual_loss.", "loss.perceptual_loss."};

/// Takes tensors out of a file by any of their names, and remembers what it did not find.
class Finder {
 public:
  Finder(const TensorMap& tensors, torch::Device device) : tensors_(tensors), device_(device) {}

  torch::Tensor take(const std::vector<std::string>& names, at::IntArrayRef shape) {
    for (const std::string& name : names) {
      for (const char* prefix : kPrefixes) {
        const auto found = tensors_.find(prefix + name);
        if (found == tensors_.end()) continue;
        if (found->second.sizes() != shape) {
          wrong_.push_back(fmt::format("{} is [{}], must be [{}]", found->first,
                                       fmt::join(found->second.sizes(), ", "),
                                       fmt::join(shape, ", ")));
        }
        ++found_;
        return found->second.detach().to(device_, torch::kFloat);
      }
    }
    missing_.push_back(fmt::format("{}", fmt::join(names, " or ")));
    return {};
  }

  /// What is wrong with the tensors asked for so far, of which `none` says that there were none.
  void check(const std::string& source, const std::string& none) {
    if (found_ == 0) throw BadWeights(fmt::format("{}: {}", source, none));
    if (!missing_.empty()) {
      throw BadWeights(fmt::format("{}: {} of LPIPS's tensors are missing: {}", source,
                                   missing_.size(), fmt::join(missing_, ", ")));
    }
    if (!wrong_.empty()) {
      throw BadWeights(fmt::format("{}: not the tensors of LPIPS with VGG-16: {}", source,
                                   fmt::join(wrong_, ", ")));
    }
    found_ = 0;
  }

 private:
  const TensorMap& tensors_;
  torch::Device device_;
  int64_t found_ = 0;
  std::vector<std::string> missing_, wrong_;
};

torch::Tensor unit_channels(const torch::Tensor& stage) {
  return stage / (at::linalg_vector_norm(stage, 2, 1, /*keepdim=*/true) + 1e-10);
}

torch::Tensor by_channel(const std::vector<float>& values, torch::Device device) {
  return at::tensor(values).view({1, 3, 1, 1}).to(device);
}

}  // namespace

Lpips::Lpips(const TensorMap& tensors, const std::string& source, torch::Device device)
    : shift_(by_channel({-0.030F, -0.088F, -0.188F}, device)),
      scale_(by_channel({0.458F, 0.448F, 0.450F}, device)) {
  Finder finder(tensors, device);
  for (const Place& place : kPlaces) {
    const std::vector<std::string> names = {
        fmt::format("features.{}.", place.number),
        fmt::format("net.slice{}.{}.", place.slice, place.number)};
    const auto with = [&](const char* part) {
      return std::vector<std::string>{names[0] + part, names[1] + part};
    };
    convolutions_.push_back({finder.take(with("weight"), {place.channels, place.in_channels, 3, 3}),
                             finder.take(with("bias"), {place.channels})});
  }
  finder.check(source,
               "there are no convolutions of VGG-16 in it (features.0.weight or "
               "net.slice1.0.weight, ...); tokenizer.perceptual_weights names their file, such as "
               "torchvision's vgg16-397923af.pth");
  for (size_t i = 0; i < linear_.size(); ++i) {
    linear_[i] = finder.take(
        {fmt::format("lin{}.model.1.weight", i), fmt::format("lins.{}.model.1.weight", i)},
        {1, kStageChannels[i], 1, 1});
  }
  finder.check(source,
               "there are no linear layers of LPIPS in it (lin0.model.1.weight, ...); "
               "tokenizer.perceptual_linear names their file: vgg.pth of LPIPS v0.1");
}

std::vector<torch::Tensor> Lpips::stages(const torch::Tensor& images) const {
  std::vector<torch::Tensor> found;
  torch::Tensor x = ((images - shift_) / scale_).contiguous(torch::MemoryFormat::ChannelsLast);
  for (size_t i = 0; i < kPlaces.size(); ++i) {
    if (i > 0 && kPlaces[i].slice != kPlaces[i - 1].slice) {
      found.push_back(unit_channels(x));
      x = at::max_pool2d(x, {2, 2}, {2, 2});
    }
    const Conv& conv = convolutions_[i];
    x = at::relu(at::conv2d(x, conv.weight, conv.bias, /*stride=*/1, /*padding=*/1));
  }
  found.push_back(unit_channels(x));
  return found;
}

torch::Tensor Lpips::distance(const torch::Tensor& reference, const torch::Tensor& images) const {
  if (reference.sizes() != images.sizes() || images.dim() != 4 || images.size(1) != 3 ||
      images.size(2) < kLeastSide || images.size(3) < kLeastSide) {
    throw std::invalid_argument(fmt::format(
        "lpips: images of shapes {} and {}; accepted: two of one shape [B, 3, height, width] with "
        "height and width at least {}",
        c10::str(reference.sizes()), c10::str(images.sizes()), kLeastSide));
  }
  std::vector<torch::Tensor> wanted;
  {
    const torch::NoGradGuard no_grad;
    wanted = stages(reference);
  }
  const std::vector<torch::Tensor> found = stages(images);
  torch::Tensor sum;
  for (size_t i = 0; i < found.size(); ++i) {
    const torch::Tensor stage = (linear_[i] * (wanted[i] - found[i]).square()).sum(1).mean({1, 2});
    sum = sum.defined() ? sum + stage : stage;
  }
  return sum;
}

Lpips read_lpips(const std::filesystem::path& weights, const std::filesystem::path& linear,
                 torch::Device device) {
  const ReadOptions options{.skip_unknown_objects = true};
  TensorMap tensors = read_tensors(weights, options);
  if (linear.empty()) return {tensors, weights.string(), device};
  for (auto& [name, tensor] : read_tensors(linear, options)) tensors[name] = tensor;
  return {tensors, fmt::format("{} and {}", weights.string(), linear.string()), device};
}

}  // namespace oar
