#include "harness/stages/conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "datasets/sunset_scene.h"
#include "harness/stages/artifacts.h"
#include "models/text/caption_tokens.h"
#include "models/weights/tensor_file.h"
#include "orders/counter_random.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kVocabulary[] = "vocabulary.json";
constexpr char kTokens[] = "captions.safetensors";

std::vector<std::string> captions_of(const DatasetIndex& index, bool training_only) {
  std::vector<std::string> captions;
  for (const ImageRecord& image : index.images) {
    if (!training_only || image.split == Split::kTrain) captions.push_back(image.caption);
  }
  return captions;
}

}  // namespace

json run_captions(StageContext& context) {
  const json& config = context.config();
  const DatasetIndex index = read_index(context.input("dataset"));
  const std::vector<std::string> training = captions_of(index, true);
  if (std::all_of(training.begin(), training.end(),
                  [](const std::string& caption) { return caption.empty(); })) {
    throw BadData(
        "model.condition is \"caption\", but no training image has a caption; bring the data set's "
        "captions (`oar-bench data list`), set dataset.caption, or use another condition");
  }
  const auto vocabulary = BpeVocabulary::train(training, config.at("vocabulary"));
  const CaptionTokens made =
      encode_captions(vocabulary, captions_of(index, false), config.at("length"));
  const auto images = static_cast<int64_t>(index.images.size());
  const torch::Tensor tokens =
      torch::from_blob(const_cast<int32_t*>(made.ids.data()), {images, made.length}, torch::kInt32)
          .clone();
  write_json(context.work() / kVocabulary, vocabulary.to_json());
  write_safetensors(context.work() / kTokens, {{"tokens", tokens}});
  return {{"vocabulary", vocabulary.size()},
          {"length", made.length},
          {"captions", images - made.empty},
          {"empty", made.empty},
          {"cut", made.cut},
          {"mean_tokens", static_cast<double>((tokens >= 0).sum().item<int64_t>()) /
                              static_cast<double>(std::max<int64_t>(1, images - made.empty))}};
}

Captions read_captions(const fs::path& folder) {
  Captions captions;
  try {
    captions.vocabulary = BpeVocabulary::from_json(read_json(folder / kVocabulary));
  } catch (const BadVocabulary& error) {
    throw BadWeights(fmt::format("{}: {}", (folder / kVocabulary).string(), error.what()));
  }
  captions.tokens = read_tensors(folder / kTokens).at("tokens").to(torch::kInt64);
  if (captions.tokens.dim() != 2 ||
      (captions.tokens.numel() > 0 &&
       captions.tokens.max().item<int64_t>() >= captions.vocabulary.size())) {
    throw BadWeights(fmt::format("{}: its tokens do not fit the vocabulary of {} beside it",
                                 (folder / kTokens).string(), captions.vocabulary.size()));
  }
  return captions;
}

torch::Tensor conditions_of(const TransformerConfig& model, const DatasetIndex& index,
                            const fs::path& folder) {
  if (model.num_classes > 0) {
    std::vector<int64_t> all(index.images.size());
    std::iota(all.begin(), all.end(), 0);
    return labels_of(index, all);
  }
  if (model.caption.length == 0) return {};
  const Captions captions = read_captions(folder);
  if (captions.tokens.size(1) != model.caption.length ||
      captions.vocabulary.size() > model.caption.vocabulary ||
      captions.tokens.size(0) != static_cast<int64_t>(index.images.size())) {
    throw BadWeights(fmt::format(
        "{}: {} captions of {} tokens out of {}; the model reads {} of {}, and there are {} images",
        folder.string(), captions.tokens.size(0), captions.tokens.size(1),
        captions.vocabulary.size(), model.caption.length, model.caption.vocabulary,
        index.images.size()));
  }
  return captions.tokens;
}

torch::Tensor conditions_of(const TransformerConfig& model, const DatasetIndex& index,
                            const StageContext& context) {
  return conditions_of(model, index,
                       context.has_input("captions") ? context.input("captions") : fs::path());
}

torch::Tensor rows_of(const torch::Tensor& conditions, const torch::Tensor& images) {
  return conditions.defined() ? conditions.index_select(0, images) : conditions;
}

torch::Tensor drawn_sources(const std::vector<int64_t>& train, int64_t begin, int64_t end,
                            uint64_t seed) {
  torch::Tensor sources = torch::empty({end - begin}, torch::kInt64);
  for (int64_t image = begin; image < end; ++image) {
    sources[image - begin] = train[static_cast<size_t>(random_below(
        train.size(), seed, Stream::kGenerationLabel, {static_cast<uint64_t>(image)}))];
  }
  return sources;
}

json run_sunset_condition(StageContext& context) {
  const DatasetIndex index = read_index(context.input("dataset"));
  const fs::path samples = context.input("samples");
  const torch::Tensor source = read_tensors(samples / "samples.safetensors").at("condition_of");
  int64_t followed = 0;
  std::vector<double> shares(kSunColours.size());
  for (int64_t i = 0; i < source.size(0); ++i) {
    const torch::Tensor image = read_png(samples / "images" / fmt::format("{:06}.png", i));
    const int64_t wanted = index.images.at(source[i].item<int64_t>()).label;
    followed += sun_colour_of(image.const_data_ptr<uint8_t>(), image.size(1)) == wanted ? 1 : 0;
    shares.at(wanted) += 1.0 / static_cast<double>(source.size(0));
  }
  return {{"images", source.size(0)},
          {"accuracy", static_cast<double>(followed) / static_cast<double>(source.size(0))},
          // Whoever always draws the colour asked for most often has this.
          {"chance", *std::max_element(shares.begin(), shares.end())}};
}

}  // namespace oar
