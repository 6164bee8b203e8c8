#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "datasets/dataset.h"
#include "datasets/planted_path.h"
#include "harness/stages/environment.h"
#include "harness/stages/tokenizer_training.h"
#include "harness/store/stage.h"
#include "orders/grid.h"

namespace oar {

// The stages of the pipeline, each a StageFunction once its last arguments are bound: a pure
// function of the context's configuration and inputs. Roles of the inputs stand beside each.
// What a stage returns goes into the records and from there into reports.

/// Finds, decodes and hashes every image. Makes index.json.
nlohmann::json run_dataset(StageContext& context, const DatasetConfig& config);

/// Inputs: dataset. Trains a VQ-GAN, or imports the weights of `files`; makes the weights, and
/// scores reconstructions of held-out images (see reconstruction_quality()).
nlohmann::json run_tokenizer(StageContext& context, const DatasetConfig& dataset,
                             const TokenizerFiles& files, const Environment& environment);

/// Inputs: dataset, tokenizer. Encodes every image; counts how the codebook is used.
nlohmann::json run_tokens(StageContext& context, const DatasetConfig& dataset,
                          const Environment& environment);

/// Inputs: dataset, tokenizer. What the tokenizer makes of the first held-out images (training ones
/// where none is held out), for people to look at: original_000.png, reconstructed_000.png, ...
nlohmann::json run_reconstructions(StageContext& context, const DatasetConfig& dataset,
                                   const Environment& environment);

/// The index of a data set of codes, and its exact entropy.
nlohmann::json run_planted_dataset(StageContext& context, const PlantedPathConfig& config);

/// Inputs: dataset. Draws the codes of every image of the index.
nlohmann::json run_planted_tokens(StageContext& context, const PlantedPathConfig& config,
                                  const Grid& grid);

/// Inputs: dataset, tokens. Trains a Transformer on a fixed or a random order; `order_file` holds
/// that of `from_file`.
nlohmann::json run_any_order(StageContext& context, const std::string& order_file,
                             const Environment& environment);

/// Inputs: dataset, tokens, model. Extracts the order of each training image by likelihood search.
/// `order_file` holds those of the orders that are given.
nlohmann::json run_orders(StageContext& context, const std::string& order_file,
                          const Environment& environment);

/// Inputs: dataset, tokens, model, orders. Fine-tunes the model on those orders, with a location
/// head if its configuration says so.
nlohmann::json run_specialist(StageContext& context, const Environment& environment);

/// Inputs: dataset, tokenizer where there is one, model, placer where another model chooses the
/// places. Draws images under an order policy: PNG
/// files where there is a tokenizer, tokens, orders and log-likelihoods. `batch_size` images are
/// drawn at once; it changes none of them.
nlohmann::json run_samples(StageContext& context, int64_t batch_size, const std::string& order_file,
                           const Environment& environment);

/// Inputs: dataset, tokens, model. How often the model's most likely code is the image's own, at
/// each step of a random order, all codes before it given: on held-out images, or on training ones
/// where none is held out.
nlohmann::json run_accuracy(StageContext& context, const Environment& environment);

/// Inputs: samples. Features and logits of the generated images. `weights`: file of the extractor's
/// weights; empty for the embedded network.
nlohmann::json run_generated_features(StageContext& context, const std::string& weights,
                                      const Environment& environment);

/// Inputs: dataset. Features and logits of one split of the real images.
nlohmann::json run_reference_features(StageContext& context, const DatasetConfig& dataset,
                                      const std::string& weights, const Environment& environment);

/// What a `features` stage made.
struct FeatureArtifact {
  std::filesystem::path folder;
  nlohmann::json record;
};

/// Of what scores_of() computes.
inline constexpr int kScoresVersion = 2;

/// The scores of a `scores` stage with this configuration: the same numbers to the last bit
/// whenever they are computed anew from the same features, with as many threads on like processors.
nlohmann::json scores_of(const nlohmann::json& config, const FeatureArtifact& generated,
                         const FeatureArtifact& reference);

/// Inputs: generated, reference. FID, KID, IS.
nlohmann::json run_scores(StageContext& context);

/// Inputs: samples. Order statistics and failure signatures.
nlohmann::json run_order_statistics(StageContext& context);

// Known answers. Inputs of both: dataset, tokens, model, placer where another model chooses the
// places. Held-out images (training ones where none
// is held out) are labelled with the order that the cell generates in, and the orders are compared
// with what the data set knows.

/// Likelihood over the exact entropy; how the order follows the hidden path.
nlohmann::json run_planted_answer(StageContext& context, const PlantedPathConfig& config,
                                  const std::string& order_file, const Environment& environment);

/// Whether the sun comes before the clouds, and the background before both.
nlohmann::json run_sunset_answer(StageContext& context, const DatasetConfig& dataset,
                                 const std::string& order_file, const Environment& environment);

}  // namespace oar
