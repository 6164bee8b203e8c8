#include <ATen/ops/arange.h>

#include "harness/stages/artifacts.h"
#include "harness/stages/conditions.h"
#include "harness/stages/measured_images.h"
#include "harness/stages/stages.h"
#include "models/any_order/trainer.h"
#include "orders/order_policy.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kImagesTogether = 64;

json numbers_of(const torch::Tensor& values) {  // float64 [N]
  return std::vector<double>(values.const_data_ptr<double>(),
                             values.const_data_ptr<double>() + values.numel());
}

}  // namespace

json run_accuracy(StageContext& context, const Environment& environment) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  const TokenGrids tokens = read_tokens(context.input("tokens"));
  const Transformer model = read_transformer(context.input("model"), environment.device);
  check_fit(model->config(), tokens.grid, tokens.codebook_size, context.input("model").string());
  const auto [images, split] = measured_images(index, config.at("images"));
  OrderConfig order;
  order.name = "random";
  order.grid = tokens.grid;
  order.seed = config.at("seed");
  const auto count = static_cast<int64_t>(images.size());
  const torch::Tensor position_at = make_order(order)->position_at(at::arange(count));
  const torch::Tensor condition =
      rows_of(conditions_of(model->config(), index, context), indices(images));
  const Predictions predictions =
      predictions_by_step(model, tokens.codes.index_select(0, indices(images)), position_at,
                          condition, kImagesTogether);
  json record = {{"images", count},
                 {"split", split},
                 {"order", "random"},
                 {"accuracy", predictions.accuracy.mean().item<double>()},
                 {"lowest", predictions.accuracy.min().item<double>()},
                 {"confidence", predictions.confidence.mean().item<double>()},
                 {"calibration_error", predictions.calibration_error},
                 {"by_step", numbers_of(predictions.accuracy)},
                 {"confidence_by_step", numbers_of(predictions.confidence)}};
  write_json(context.work() / "accuracy.json", record);
  return record;
}

}  // namespace oar
