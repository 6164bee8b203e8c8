#pragma once

#include <torch/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "orders/grid.h"

namespace oar {

/// Orders of a set of images, one each.
struct OrderSet {
  Grid grid;
  torch::Tensor image = {};           ///< int64 [M], the number of each image, no two alike; not
                                      ///< defined: the file names none
  torch::Tensor position_at = {};     ///< int64 [M, N], the patch of each step
  torch::Tensor log_likelihood = {};  ///< float32 [M, N], by step, nats; not defined: not known
  torch::Tensor label = {};           ///< int64 [M], class of each image; not defined: none
  std::string order = {};             ///< the policy that made them; empty: not known
  std::optional<bool> peeks = {};     ///< chosen by looking at codes not yet placed, where known
};

/// Reads orders; the content tells which of these it is:
///
///   JSON Lines   {"schema_version": 1, "rows": 2, "cols": 2, "order": "oar", "peeks": false}, the
///                last two where known; then one object for each image:
///                {"image": 7, "position_at": [0, 1, 3, 2], "log_likelihood": [...], "label": 3};
///                `image`, `log_likelihood` and `label` may be missing, each from all of them
///   by hand      the same without the first line, or plain arrays, [0, 1, 3, 2]; one after the
///                other or all in one array, on any number of lines
///   safetensors  tensors position_at int [M, N] and, where known, image, log_likelihood and label;
///                the fields of the first line as metadata. Other tensors are not looked at
///
/// `grid` is needed where the file does not state its own.
///
/// Errors  BadData with the file, the line or row, what was found and what is accepted;
///         std::invalid_argument if `grid` contradicts the file; std::system_error if it cannot be
///         read.
OrderSet read_orders(const std::filesystem::path& path, std::optional<Grid> grid = {});

/// Writes orders atomically, as JSON Lines (.jsonl) or safetensors (.safetensors).
///
/// Errors  std::invalid_argument for another extension or tensors that do not fit each other;
///         std::system_error if it cannot be written.
void write_orders(const std::filesystem::path& path, const OrderSet& orders);

/// Throws what write_orders() would for this name, before the work is done.
void check_order_file_name(const std::filesystem::path& path);

/// `8x8` as a grid of 8 rows and 8 columns.
///
/// Errors  std::invalid_argument for another text, or more than 32767 patches.
Grid grid_from_text(std::string_view text);

}  // namespace oar
