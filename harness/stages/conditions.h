#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "datasets/dataset.h"
#include "harness/store/stage.h"
#include "models/any_order/transformer.h"
#include "models/text/bpe_vocabulary.h"

namespace oar {

// What images are generated from: their class, or their caption as byte-pair tokens.

/// `captions` stage: vocabulary.json, and captions.safetensors with the tokens of every image.
struct Captions {
  BpeVocabulary vocabulary;
  torch::Tensor tokens;  ///< int64 [images of the index, L], -1 behind the last token
};

/// Inputs: dataset. Learns a vocabulary from the captions of the training images and applies it to
/// those of all images.
///
/// Errors  BadData where no training image has a caption.
nlohmann::json run_captions(StageContext& context);

/// Errors  BadWeights for files that do not fit each other.
Captions read_captions(const std::filesystem::path& folder);

/// The conditions of all images of an index in the form that `model` reads: labels int64 [images],
/// or captions int64 [images, L], -1 for none; not defined for a model without condition.
/// `captions` is the folder of that stage, which only models with captions need.
///
/// Errors  BadWeights for captions of another length or vocabulary than the model's.
torch::Tensor conditions_of(const TransformerConfig& model, const DatasetIndex& index,
                            const std::filesystem::path& captions);

/// The same, with the context's input `captions` where there is one.
torch::Tensor conditions_of(const TransformerConfig& model, const DatasetIndex& index,
                            const StageContext& context);

/// The rows of these images; not defined where `conditions` is not.
torch::Tensor rows_of(const torch::Tensor& conditions, const torch::Tensor& images);

/// The images, out of these of the training, whose conditions generated images begin .. end - 1
/// have: drawn by counter, so that they come in the shares of training. int64 [end - begin].
torch::Tensor drawn_sources(const std::vector<int64_t>& train, int64_t begin, int64_t end,
                            uint64_t seed);

/// Inputs: dataset, samples. How many generated sunsets have the sun that they were asked for.
nlohmann::json run_sunset_condition(StageContext& context);

}  // namespace oar
