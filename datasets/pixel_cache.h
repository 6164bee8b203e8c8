#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "datasets/dataset.h"

namespace oar {

/// Where squares are kept, and how much of the disk they may take.
struct PixelCacheConfig {
  std::filesystem::path folder;  ///< empty: nowhere
  int64_t max_bytes =
      int64_t{8} << 30;  ///< of all data sets together; at most half of what is free
};

/// Squares of one data set on disk, as bytes, so that an image is decoded once and not every epoch.
///
/// One sparse file per (crop, resize, S, SHA-256 of the images in the order of the index), with a
/// slot per image that is filled when the image is first loaded. A slot counts only if its checksum
/// fits its pixels and the image's SHA-256, so a process that is killed, or several that write the
/// same slot, cost at most a second decoding. Where not all slots fit, the first images have one.
/// The files least recently opened are removed to make room.
///
/// A cache never ends anything: where the disk is full, read-only or broken, trouble() says so once
/// and the images are decoded as without it.
class PixelCache {
 public:
  PixelCache(const PixelCacheConfig& config, const DatasetConfig& dataset,
             const DatasetIndex& index);
  ~PixelCache();
  PixelCache(const PixelCache&) = delete;
  PixelCache& operator=(const PixelCache&) = delete;

  /// The pixels of this image of the index, uint8 [3, S, S]; false: it has none. May be called from
  /// several threads, as may write().
  bool read(int64_t image, uint8_t* pixels) const;
  void write(int64_t image, const uint8_t* pixels);

  /// Why it keeps nothing, or nothing more; empty: all is well.
  std::string trouble() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Told at most once why a cache is of no use: when the data set is opened, or when it is closed.
using CacheNote = std::function<void(const std::string&)>;

/// The same data set, its whole squares kept in a cache: load() gives the pixels of the index's
/// images without reading their files again, and so does not notice when a file has changed since.
/// Views of a part are decoded anew.
std::unique_ptr<Dataset> with_pixel_cache(std::unique_ptr<Dataset> dataset,
                                          const DatasetConfig& config,
                                          const PixelCacheConfig& cache, CacheNote note);

}  // namespace oar
