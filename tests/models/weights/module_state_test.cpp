#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/module.h>

#include "tests/models/weights/expect_bad_weights.h"

namespace oar {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Two parameters, a buffer that counts, and a module below.
struct Layer : torch::nn::Module {
  explicit Layer(bool has_child = true) {
    weight = register_parameter("weight", at::zeros({2, 3}));
    bias = register_parameter("bias", at::zeros({2}));
    steps = register_buffer("steps", at::zeros({}, at::kLong));
    if (has_child) child = register_module("child", std::make_shared<Layer>(false));
  }
  torch::Tensor weight, bias, steps;
  std::shared_ptr<Layer> child;
};

TensorMap filled(double value) {
  Layer layer;
  TensorMap state = state_of(layer);
  for (auto& [name, tensor] : state) tensor.fill_(value);
  return state;
}

std::string mistakes(const TensorMap& tensors, const std::vector<std::string>& ignored = {}) {
  Layer layer;
  const std::string message =
      bad_weights([&] { load_state(layer, tensors, "", "weights.pth", ignored); });
  EXPECT_EQ(layer.weight.sum().item<float>(), 0.0f) << "written to before all was checked";
  return message;
}

TEST(StateOf, NamesEveryParameterAndBufferAndOwnsTheValues) {
  Layer layer;
  const TensorMap state = state_of(layer, "model.");
  ASSERT_EQ(state.size(), 6);
  EXPECT_EQ(state.at("model.child.steps").scalar_type(), at::kLong);
  state.at("model.weight").fill_(5);
  EXPECT_EQ(layer.weight.sum().item<float>(), 0.0f);
  EXPECT_FALSE(state.at("model.weight").requires_grad());
}

TEST(LoadState, CopiesEverythingIntoTheModulesOwnTensors) {
  Layer layer;
  load_state(layer, filled(3), "", "weights.pth");
  EXPECT_EQ(layer.weight.sum().item<float>(), 18.0f);
  EXPECT_EQ(layer.child->bias.sum().item<float>(), 6.0f);
  EXPECT_EQ(layer.steps.item<int64_t>(), 3);
  EXPECT_TRUE(layer.weight.requires_grad() && layer.weight.is_leaf());
}

TEST(LoadState, LooksOnlyUnderItsPrefix) {
  TensorMap tensors;
  for (const auto& [name, tensor] : filled(2)) tensors["ema." + name] = tensor;
  tensors["optimizer.lr"] = at::zeros({1});
  Layer layer;
  load_state(layer, tensors, "ema.", "weights.pth");
  EXPECT_EQ(layer.bias.sum().item<float>(), 4.0f);
}

TEST(LoadState, ConvertsBetweenFloatTypesOnly) {
  TensorMap tensors = filled(1.5);
  tensors["weight"] = tensors["weight"].to(at::kHalf);
  Layer layer;
  load_state(layer, tensors, "", "weights.pth");
  EXPECT_EQ(layer.weight.scalar_type(), at::kFloat);
  EXPECT_EQ(layer.weight.sum().item<float>(), 9.0f);  // 1.5 is exact in half precision
  tensors["bias"] = at::zeros({2}, at::kLong);
  EXPECT_THAT(mistakes(tensors), AllOf(HasSubstr("1 with another element type"),
                                       HasSubstr("bias is Long, must be Float")));
}

TEST(LoadState, NamesWhatIsMissing) {
  TensorMap tensors = filled(1);
  tensors.erase("child.weight");
  EXPECT_THAT(mistakes(tensors),
              AllOf(HasSubstr("weights.pth: "), HasSubstr("1 missing: child.weight")));
  EXPECT_THAT(mistakes({}), AllOf(HasSubstr("6 missing: "), HasSubstr(", ...")));
}

TEST(LoadState, NamesBothShapesOfAMisShapedTensor) {
  TensorMap tensors = filled(1);
  tensors["weight"] = at::zeros({3, 2});
  EXPECT_THAT(mistakes(tensors), HasSubstr("weight is [3, 2], must be [2, 3]"));
}

TEST(LoadState, RefusesUnexpectedTensorsUnlessTheyAreListed) {
  TensorMap tensors = filled(1);
  tensors["loss.scale"] = tensors["loss.bias"] = tensors["lossy"] = at::zeros({1});
  EXPECT_THAT(mistakes(tensors), HasSubstr("3 unexpected: \"loss.bias\", \"loss.scale\""));
  EXPECT_THAT(mistakes(tensors, {"loss."}),
              AllOf(HasSubstr("1 unexpected: \"lossy\""), Not(HasSubstr("loss.bias"))));
  Layer layer;
  load_state(layer, tensors, "", "weights.pth", {"loss.", "lossy"});
  EXPECT_EQ(layer.bias.sum().item<float>(), 2.0f);
}

}  // namespace
}  // namespace oar
