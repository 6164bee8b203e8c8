#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <cmath>

#include "harness/measure/extractors.h"
#include "harness/measure/scores.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/stages.h"
#include "metrics/moments.h"

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
          {"device", extractor.device().str()}};
}

FeatureSet read_set(const std::filesystem::path& folder) {
  const TensorMap tensors = read_tensors(folder / "features.safetensors");
  FeatureSet set;
  set.count = tensors.at("features").size(0);
  set.features = FeatureRows(tensors.at("features"));
  set.logits = FeatureRows(tensors.at("logits"));
  if (set.count > 1) set.moments = moments_of(tensors.at("features"));
  return set;
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

json scores_of(const json& config, const FeatureArtifact& generated,
               const FeatureArtifact& reference) {
  ScoreOptions options;
  options.metrics = config.at("metrics").get<std::vector<std::string>>();
  config.at("kid_subsets").get_to(options.kid_subsets);
  config.at("kid_subset_size").get_to(options.kid_subset_size);
  config.at("isc_splits").get_to(options.isc_splits);
  const json& made = generated.record;
  const ExtractorIdentity extractor{made.at("extractor"), made.at("weights_sha256"), {}};
  json scores = json::array();
  for (json& score :
       compute_scores(read_set(reference.folder), read_set(generated.folder), extractor, options)) {
    if (score.contains("reason")) throw std::invalid_argument(score["reason"]);
    if (score.contains("num_reference")) score["reference"] = reference.record.at("split");
    score["device"] = made.at("device");
    scores.push_back(std::move(score));
  }
  return scores;
}

json run_scores(StageContext& context) {
  const auto artifact = [&](const char* role) {
    return FeatureArtifact{context.input(role), context.input_record(role)};
  };
  json scores = scores_of(context.config(), artifact("generated"), artifact("reference"));
  write_json(context.work() / "scores.json", scores);
  return {{"scores", std::move(scores)}};
}

}  // namespace oar
