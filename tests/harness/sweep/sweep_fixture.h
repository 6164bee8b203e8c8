#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "harness/sweep/sweep.h"

namespace oar {

/// Names as the registries have them.
inline const KnownNames& known_names() {
  static const KnownNames known = {
      .datasets = {"celeba", "celeba_hq", "fashion_products", "image_folder", "sunset",
                   "planted_path"},
      .generated_datasets = {"sunset", "planted_path"},
      .token_datasets = {"planted_path"},
      .class_column_datasets = {"celeba", "fashion_products"},
      .unlabelled_datasets = {"celeba_hq", "planted_path"},
      .officially_split_datasets = {"celeba", "celeba_hq"},
      .uncaptioned_datasets = {"image_folder", "planted_path"},
      .unmirrored_datasets = {"fashion_products"},
      .crops = {"centre", "top", "adm"},
      .resizes = {"area", "bicubic"},
      .tokenizers = {"vqgan"},
      .orders = {"oar", "random", "raster"},
      .labelling_orders = {"oar"},
      .paths = {"hilbert", "raster"},
      .next_encodings = {"absolute", "relative", "rotary"},
      .features = {"efficientnet_lite0", "inception_v3"},
      .brought_features = {"inception_v3"},
      .metrics = {"fid", "kid", "mean_inter_patch_distance"},
      .undirected_metrics = {"mean_inter_patch_distance"},
  };
  return known;
}

inline Sweep sweep_of(std::string_view text, const std::vector<std::string>& set = {}) {
  return parse_sweep(text, "s.json", set, known_names());
}

/// The message that a user meets.
inline std::string mistakes_of(std::string_view text, const std::vector<std::string>& set = {}) {
  try {
    sweep_of(text, set);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no mistake";
}

/// The message for a sweep of one recipe, `options` being the members of its defaults (on line 1).
inline std::string mistakes_of_recipe(const std::string& options) {
  return mistakes_of(R"({"version": 1, "defaults": {)" + options + "}}");
}

/// The resolved recipe of a sweep of one recipe.
inline Recipe recipe_of(const std::string& options) {
  return sweep_of(R"({"version": 1, "defaults": {)" + options + "}}").cells.at(0).recipe;
}

inline std::vector<std::string> ids_of(const Sweep& sweep) {
  std::vector<std::string> ids;
  for (const Cell& cell : sweep.cells) ids.push_back(cell.id);
  return ids;
}

}  // namespace oar
