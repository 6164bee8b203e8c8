#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace oar {

/// What a user says of a data set on the command line.
struct DatasetWish {
  std::filesystem::path path = {};    ///< its root; empty: generated, or the sweep says
  std::string dataset = {};           ///< its name; empty: guessed from what lies at `path`
  std::filesystem::path sweep = {};   ///< take the options of this sweep; empty: the defaults
  std::vector<std::string> set = {};  ///< "held_out=0.2" or "dataset.held_out=0.2"; they win
};

/// The data set that was chosen: exactly what a sweep with these options reads.
struct DatasetChoice {
  nlohmann::json section;  ///< `dataset` of a resolved recipe, see dataset_config_from()
  std::string because;     ///< why it is this data set: "it holds styles.csv"; empty: it was named
};

/// Errors  std::invalid_argument for options of other sections, for what a sweep refuses, and for a
///         sweep whose cells read several data sets; BadData if there is nothing at `path`.
DatasetChoice choose_dataset(const DatasetWish& wish);

/// The data set whose layout a folder has, going by names alone, and why. Never fails: any folder
/// can be an `image_folder`.
struct LayoutGuess {
  std::string dataset;
  std::string because;  ///< reads after the name: "it holds styles.csv"
};
LayoutGuess guess_dataset(const std::filesystem::path& root);

}  // namespace oar
