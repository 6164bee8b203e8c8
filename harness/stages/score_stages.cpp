#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <cmath>

#include "harness/stages/artifacts.h"
#include "harness/measure/extractors.h"
#include "harness/stages/stages.h"
#include "metrics/fid.h"
#include "metrics/inception_score.h"
#include "metrics/kid.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kFeatureChunk = 256;

/// Extracts features of `total` images that `load` brings, writes them and returns the record.
json write_features(StageContext& context, const FeatureExtractor& extractor, int64_t total,
                    const std::function<torch::Tensor(int64_t begin, int64_t end)>& load) {
  const TensorMap found =
      in_chunks(context, "images", total, kFeatureChunk, [&](int64_t begin, int64_t end) {
        const Features features = extractor.extract(load(begin, end));
        return TensorMap{{"features", features.features}, {"logits", features.logits}};
      });
  write_safetensors(context.work() / "features.safetensors", found);
  return {{"images", total},
          {"extractor", std::string(extractor.name())},
          {"weights_sha256", extractor.weights_sha256()},
          {"device", extractor.device().str()},
          {"fid_name", qualified_name("FID", extractor.identity())},
          {"kid_name", qualified_name("KID", extractor.identity())},
          {"isc_name", qualified_name("IS", extractor.identity())}};
}

}  // namespace

json run_generated_features(StageContext& context, const std::string& weights,
                            const Environment& environment) {
  const auto extractor =
      load_extractor(context.config().at("features"), weights, environment.device);
  const auto folder = context.input("samples") / "images";
  const int64_t total = context.input_record("samples").at("images");
  return write_features(context, *extractor, total, [&](int64_t begin, int64_t end) {
    std::vector<torch::Tensor> images;
    for (int64_t i = begin; i < end; ++i) {
      images.push_back(read_png(folder / fmt::format("{:06}.png", i)));
    }
    return at::stack(images);
  });
}

json run_reference_features(StageContext& context, const DatasetConfig& dataset_config,
                            const std::string& weights, const Environment& environment) {
  const json& config = context.config();
  const auto extractor = load_extractor(config.at("features"), weights, environment.device);
  const auto dataset = open_dataset(dataset_config, read_index(context.input("dataset")));
  const std::string split = config.at("split");
  const std::vector<int64_t> images =
      images_of(dataset->index(), split == "train" ? Split::kTrain : Split::kHeldOut,
                config.at("max_images"));
  json record = write_features(
      context, *extractor, static_cast<int64_t>(images.size()), [&](int64_t begin, int64_t end) {
        return dataset->load({images.begin() + begin, images.begin() + end});
      });
  record["split"] = split;
  return record;
}

json run_scores(StageContext& context) {
  const json& config = context.config();
  const json made = context.input_record("generated"), real = context.input_record("reference");
  const TensorMap generated = read_tensors(context.input("generated") / "features.safetensors");
  const TensorMap reference = read_tensors(context.input("reference") / "features.safetensors");
  json scores = json::array();
  for (const std::string metric : config.at("metrics")) {
    json score = {{"metric", metric},
                  {"name", made.at(metric + "_name")},
                  {"version", 1},
                  {"higher_is_better", metric == "isc"},
                  {"stddev", nullptr},
                  {"num_generated", made.at("images")},
                  {"num_reference", real.at("images")},
                  {"reference", real.at("split")},
                  {"extractor", made.at("extractor")},
                  {"weights_sha256", made.at("weights_sha256")},
                  {"convention", "torch_fidelity"},
                  {"device", made.at("device")}};
    if (metric == "fid") {
      score["value"] = fid(reference.at("features"), generated.at("features"));
    } else if (metric == "kid") {
      const int64_t size = config.at("kid_subset_size"), subsets = config.at("kid_subsets");
      const Kid value = kid(reference.at("features"), generated.at("features"), subsets, size);
      score["value"] = value.mean;
      score["stddev"] = value.stddev;
      score["kid_subsets"] = subsets;
      score["kid_subset_size"] = size;
    } else {
      const int64_t splits = config.at("isc_splits");
      const InceptionScore value = inception_score(generated.at("logits"), splits);
      score["value"] = value.mean;
      score["stddev"] = value.stddev;
      score["isc_splits"] = splits;
      score.erase("num_reference");  // it looks at the generated images only
      score.erase("reference");
    }
    scores.push_back(std::move(score));
  }
  write_json(context.work() / "scores.json", scores);
  return {{"scores", std::move(scores)}};
}

}  // namespace oar
