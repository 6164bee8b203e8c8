#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "harness/store/stage.h"
#include "models/any_order/transformer.h"
#include "models/vqgan/vqgan_file.h"
#include "models/weights/tensor_file.h"
#include "orders/grid.h"

namespace oar {

// What the stages write for each other, and how it is read back. Everything a reader needs stands
// in the artifact itself; a file that does not fit its neighbours is refused by name.

void write_json(const std::filesystem::path& path, const nlohmann::json& value);
nlohmann::json read_json(const std::filesystem::path& path);

/// `dataset` stage: index.json.
void write_index(const std::filesystem::path& folder, const DatasetIndex& index);
DatasetIndex read_index(const std::filesystem::path& folder);

/// Positions in the index of the images of one split, ascending; at most `limit` of them (0: all).
std::vector<int64_t> images_of(const DatasetIndex& index, Split split, int64_t limit = 0);

/// Class labels of images of the index, and their positions, as tensors int64 [images].
torch::Tensor labels_of(const DatasetIndex& index, const std::vector<int64_t>& images);
torch::Tensor indices(const std::vector<int64_t>& images);

/// `tokens` stage: the codes of every image of the index.
struct TokenGrids {
  Grid grid;
  int64_t codebook_size = 0;
  torch::Tensor codes;          ///< int64 [images, N], by position
  torch::Tensor mirrored = {};  ///< the same of each image mirrored; undefined: not asked for
};
void write_tokens(const std::filesystem::path& folder, const TokenGrids& tokens);
/// Errors  BadWeights if a code lies outside the codebook or the grid does not fit the codes.
TokenGrids read_tokens(const std::filesystem::path& folder);

/// `tokenizer` stage: weights.safetensors in taming's names and config.json.
void write_tokenizer(const std::filesystem::path& folder, const Vqgan& tokenizer);
Vqgan read_tokenizer(const std::filesystem::path& folder, torch::Device device);

/// `any_order` and `specialist` stages: weights.safetensors and config.json.
void write_transformer(const std::filesystem::path& folder, const Transformer& model);
Transformer read_transformer(const std::filesystem::path& folder, torch::Device device);
/// The block after which a location head goes: the middle, so that half of the network knows where.
///
/// Errors  std::invalid_argument for a model of one layer.
int64_t location_block(int64_t layers);
nlohmann::json to_json(const TransformerConfig& config);
TransformerConfig transformer_config_from(const nlohmann::json& json);

/// Refuses a model for token grids of another size or codebook.
///
/// Errors  BadWeights, naming both grids or both codebooks.
void check_fit(const TransformerConfig& model, const Grid& grid, int64_t codebook_size,
               const std::string& what);

/// What a stage had made when it was interrupted.
struct Checkpoint {
  TensorMap state;
  nlohmann::json progress;
};

/// Keeps both in one file, with their hash.
void write_checkpoint(const std::filesystem::path& path, const TensorMap& state,
                      const nlohmann::json& progress);

/// The checkpoint of an earlier attempt; nothing if there is none. One that is not what was written
/// is named and removed: the stage then makes that part anew, and comes to the same artifact.
std::optional<Checkpoint> read_checkpoint(StageContext& context, const std::filesystem::path& path);

/// Runs `make` on consecutive ranges [begin, end) of `total` things, keeps each result in scratch,
/// and returns them joined along dimension 0. After an interruption only the missing ranges are
/// made. Each result is a map of tensors with end - begin rows. A range that runs out of memory is
/// made in halves, and those after it in parts of that size: `make` must allow any range.
///
/// Errors  OutOfMemory where one thing alone does not fit.
TensorMap in_chunks(StageContext& context, const std::string& unit, int64_t total,
                    int64_t chunk_size,
                    const std::function<TensorMap(int64_t begin, int64_t end)>& make);

/// Says that memory ran out, and that `what` now come from parts of this many images.
void say_smaller(StageContext& context, const std::string& what, int64_t images);

/// What to do where one image alone does not fit: for errors.
inline constexpr char kSmallerImages[] =
    "choose a smaller model, a lower dataset.image_size or a device with more memory";

/// uint8 [3, H, W] as a PNG file.
///
/// Errors  std::system_error if it cannot be written.
void write_png(const std::filesystem::path& path, const torch::Tensor& image);

/// A PNG file as uint8 [3, H, W]; BadData if it cannot be decoded.
torch::Tensor read_png(const std::filesystem::path& path);

}  // namespace oar
