#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/stored_images.h"

namespace oar {

/// Where a file lies in a tar.
///
/// Units  bytes.
struct TarPlace {
  int64_t offset = 0, size = 0;
};

/// One sample of a shard that has an image.
struct WebSample {
  std::string image;    ///< path in the tar
  std::string label;    ///< of KEY.cls, else "label" of KEY.json; empty: none
  std::string caption;  ///< of KEY.txt, else "caption" of KEY.json; empty: none
};

/// A tar of samples. The members of one share their path up to the first dot of its last part, the
/// key; what follows the dot says what a member is: jpg, jpeg, png; cls, txt, json.
struct WebShard {
  std::vector<WebSample> samples;
  std::vector<RejectedFile> rejected;  ///< by their path in the tar
  int64_t other_files = 0;             ///< members of other kinds, and samples without an image
};

/// Errors  BadData for a tar that is damaged or compressed, a text of more than a megabyte, a .json
///         that is none; the message names the member.
/// Source  the WebDataset form, https://github.com/webdataset/webdataset.
WebShard read_web_shard(const std::filesystem::path& path);

/// Where the files of an uncompressed tar lie, by their paths: its headers are read and no more.
///
/// Errors  BadData for a tar that is damaged or compressed.
std::unordered_map<std::string, TarPlace> places_in_tar(const std::filesystem::path& path);

/// Reads the images of a webdataset's index: `root` is a folder of shards, or one .tar. The headers
/// of a shard are walked when its first image is asked for.
ReadImage web_image_reader(const std::filesystem::path& root);

}  // namespace oar
