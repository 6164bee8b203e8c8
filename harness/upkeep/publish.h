#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/store/progress.h"

namespace oar {

struct PublishOptions {
  std::filesystem::path run;    ///< folder of a results.json, or a published record
  std::filesystem::path store;  ///< the store it ran with; a published record needs none
  std::filesystem::path out;    ///< what is made
  std::vector<std::string>
      codes;                     ///< cells whose codes are laid too, as open_finished_cell() has it
  bool without_samples = false;  ///< no generated images
  bool own_images = false;       ///< those of image_folder and webdataset may be published
};

struct PublishReport {
  int64_t cells = 0, with_codes = 0, files = 0, bytes = 0;
  std::string note;  ///< of pictures that could not be drawn; empty if there are none
};

/// Lays a record of a run that is small enough to be committed; published_record.h says what is in
/// it. The same run gives the same bytes. `out` may be new, empty, or what an earlier call made,
/// which is then replaced as a whole.
///
/// Of a published record in place of a run, the evidence stays as it is and everything else is
/// rendered again: what to do when tables have changed and the store is long gone.
///
/// Errors  std::invalid_argument if `out` holds anything else, a cell is none, its codes may not be
///         published, or pictures that are there cannot be drawn again; BadData if an artifact is
///         missing or damaged; Interrupted; std::system_error with the path. `out` is then as it
///         was.
PublishReport publish(const PublishOptions& options, Progress& progress);

/// What of a data set's images may be laid where everybody reads it: originals and what a tokenizer
/// makes of them, generated images, and codes that a decoder turns into those.
struct Publishable {
  bool originals = false, samples = false, codes = false;
};

/// Everything of generated data sets, and of a user's own images where that is said; of Fashion
/// Products all but originals; nothing of any other, as its licence or the people on it forbid.
///
/// Errors  std::invalid_argument for a data set that is not known.
Publishable publishable(const std::string& dataset, bool own_images = false);

/// The record without images that may not be published, without those of samples if that is asked
/// for, and without the folders of this machine: of each absolute path in a text the last name.
nlohmann::json publishable_record(nlohmann::json results, bool without_samples,
                                  bool own_images = false);

}  // namespace oar
