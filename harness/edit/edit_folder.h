#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/edit/edit_image.h"

namespace oar {

/// The folder that an edit is written to:
///
///     sample-000.png, ...   the samples
///     mask.png              as large as a sample; white where patches were drawn
///     edit.json             what made them; written last, so a folder that has it is whole
///
/// Each file appears whole or not at all.
class EditFolder {
 public:
  /// Makes the folder. With `replace` it may hold the files of an earlier edit, or what a killed
  /// one left of them, which write() removes; nothing else is ever touched.
  ///
  /// Errors  std::invalid_argument if the folder holds anything that must not be replaced;
  ///         std::system_error if it cannot be made.
  EditFolder(std::filesystem::path path, bool replace);

  /// Removes the folders it made if nothing was written.
  ~EditFolder();
  EditFolder(const EditFolder&) = delete;
  EditFolder& operator=(const EditFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// `record` says what the edit was made from; what came out is added to it.
  ///
  /// Errors  std::system_error if the disk refuses.
  void write(const Canvas& canvas, const Edits& edits, nlohmann::json record) const;

 private:
  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_;  // innermost first
};

/// `sample-000.png`.
std::string sample_name(int64_t sample);

/// Mean log-likelihood of each sample's drawn patches, nats a patch: float64 [M].
torch::Tensor mean_log_likelihood(const Edits& edits);

}  // namespace oar
