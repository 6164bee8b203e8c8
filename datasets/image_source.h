#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace oar {

/// One image to be measured, not yet decoded.
struct SourceImage {
  int64_t rank = 0;              ///< place in the measured order, 0 .. count() - 1
  std::string name;              ///< names()[rank]
  std::vector<std::byte> bytes;  ///< of an encoded image; empty for arrays of pixels
  torch::Tensor pixels;          ///< uint8 RGB [3, H, W]; defined only for arrays of pixels
  std::string unreadable;        ///< why there is neither; reads after the name. Empty: there is
};

/// Images to be measured: a folder, a list of files, an archive or an array of pixels.
///
/// Nothing but names is read until read() is called, nothing is unpacked to disk, and one image at
/// a time is in memory. That bytes are a whole image is not known yet: check_image() decides.
///
/// Order   The measured order, on which subsets of KID and splits of the Inception Score depend, is
///         that of pytorch-fid and torch-fidelity where they read the same kind: files of folders
///         and entries of archives by path, bytewise; files of a list as listed; images of an array
///         by index.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  /// In measured order, valid UTF-8: a path below the folder or in the archive, a line of the list,
  /// "arr_0[17]".
  const std::vector<std::string>& names() const { return names_; }
  int64_t count() const { return static_cast<int64_t>(names_.size()); }

  /// What it is and where: `folder "photos"`, `array arr_0 of "samples.npz"`.
  const std::string& description() const { return description_; }

  /// What was found beside the images and passed over, a sentence each.
  const std::vector<std::string>& notes() const { return notes_; }

  /// Visits every image once, in the order in which they are stored; rank is the measured place.
  /// An exception that `visit` throws ends the reading and reaches the caller.
  ///
  /// Errors  BadData if an archive or array is damaged or has changed since it was opened. A file
  ///         of a folder or list that cannot be read is visited as unreadable.
  virtual void read(const std::function<void(SourceImage)>& visit) const = 0;

 protected:
  std::vector<std::string> names_;
  std::string description_;
  std::vector<std::string> notes_;
};

struct SourceOptions {
  bool recursive = false;  ///< of a folder: its sub-folders too. Archives are always read whole
};

/// Opens what the path names; its content decides what it is, not its name.
///
///   folder          .jpg, .jpeg and .png files, any case. Images of other formats count as images
///                   that are unreadable, so that none is left out in silence; hidden files are
///                   passed over; links to files are followed, links to folders are not.
///   list            Text: a path on each line, relative to the list's folder; blank lines and
///   those
///                   that start with # are skipped, blanks around a path too. A file listed twice
///                   is refused, as it would weigh twice.
///   tar, zip        As a folder with recursive, whatever the option says: most archives have one
///                   top folder. Tar may be compressed with gzip, xz or zstd. Links, devices,
///                   encrypted entries, paths that lead outside and doubled names are refused.
///   .npz, .npy      An array of images, uint8 [N, H, W, 3]. Of several in a .npz: arr_0, where the
///                   sample batches of ADM are, or the only array of that type and shape.
///
/// Errors  BadData naming the path, what was found and what is accepted.
std::unique_ptr<ImageSource> open_image_source(const std::filesystem::path& path,
                                               const SourceOptions& options = {});

}  // namespace oar
