#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace oar {

/// The files on disk are not a data set that can be used. The message says which and what to do.
struct BadData : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Which part of the experiment may see an image.
enum class Split { kTrain, kHeldOut };

/// One usable image.
struct ImageRecord {
  std::string file;     ///< path below the root, '/' between folders, valid UTF-8
  std::string sha256;   ///< of the file's bytes; of the pixels where images are generated
  int64_t width = 0;    ///< pixels, as stored in the file
  int64_t height = 0;   ///< pixels, as stored in the file
  std::string caption;  ///< empty: none
  int64_t label = -1;   ///< position in DatasetIndex::classes; -1: none
  Split split = Split::kTrain;
};

/// One image file that was left out.
struct RejectedFile {
  std::string file;
  std::string reason;
};

/// A name that may be chosen, and what it stands for.
using NameAndSummary = std::pair<std::string, std::string>;

/// What a data set consists of. Two machines with the same files and the same config make the same.
struct DatasetIndex {
  std::vector<ImageRecord> images;     ///< sorted by file, bytewise
  std::vector<RejectedFile> rejected;  ///< sorted by file, bytewise
  std::vector<std::string> classes;    ///< sorted by name; empty: no classes
};

/// The counts that a record states beside every number.
struct DatasetCounts {
  int64_t images = 0, train = 0, held_out = 0;
  int64_t rejected = 0;
  int64_t without_caption = 0;     ///< images whose caption is empty
  int64_t without_label = 0;       ///< images whose label is -1
  std::vector<int64_t> per_class;  ///< images of each class, all splits
};
DatasetCounts count_images(const DatasetIndex& index);

/// Settings of a data set.
struct DatasetConfig {
  std::string name;            ///< of datasets/registry.def
  std::filesystem::path root;  ///< folder of the data set; generated data sets ignore it
  int64_t image_size = 64;     ///< S, side of the square images in pixels, 8 .. 4096
  int64_t max_images = 0;      ///< 0: all. A subset is chosen by hash, so it mixes the classes
  double held_out = 0.1;       ///< share of the images in Split::kHeldOut, [0, 1)
  /// "hash": images are held out by the hash of their path; "official": by the data set's own
  /// files, where it has some. `held_out` is then not asked.
  std::string split = "hash";
  std::string class_column;  ///< column of the data set's table; empty: its own classes, or none
  /// fashion_products: a column of styles.csv, or a text with columns in braces, as
  /// "{baseColour} {articleType}"; empty: productDisplayName.
  std::string caption;
  std::string crop = "centre";  ///< how an image becomes a square: a name of list_crops()
  std::string resize = "area";  ///< how the square becomes S pixels: a name of list_resizes()
  int64_t seed = 0;             ///< of the split, the subset and everything generated
};

/// Called with (done, total) while a data set is scanned: never by two threads at once, but not
/// always by the same one. An exception it throws ends the scan and reaches make_dataset's caller.
using ScanProgress = std::function<void(int64_t done, int64_t total)>;

/// A look at one image that a training may take: a part of its square, perhaps mirrored.
struct View {
  double side = 1.0;             ///< of the part, as a share of the square's, (0, 1]
  double top = 0.0, left = 0.0;  ///< where it begins, as shares of what is left over, 0 .. 1
  bool mirrored = false;         ///< left and right exchanged
};

/// Images as tensors, and what is known about each of them.
///
/// Every image becomes a square by the config's crop and S x S pixels by its resize. Grey and RGBA
/// images come out RGB, RGBA laid over white.
///
/// Shapes  B images, S = image_size.
/// Errors  BadData if a file that is read vanished or changed (SHA-256) since the index was made.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual const DatasetIndex& index() const = 0;

  /// Pixels of the images at these positions of the index: uint8 RGB [B, 3, S, S]. An image is the
  /// same whatever else is in the batch. May be called from several threads.
  virtual torch::Tensor load(const std::vector<int64_t>& images) const = 0;

  /// The same, each image seen through its view: a part of it resized to S x S. Depends on the
  /// image and the view alone. By default the part is taken from what load() gives.
  virtual torch::Tensor load(const std::vector<int64_t>& images,
                             const std::vector<View>& views) const;

  /// What each pixel shows, where the data set knows: uint8 [B, S, S].
  virtual std::optional<torch::Tensor> masks(const std::vector<int64_t>& images) const;
};

/// Makes a data set from its files: finds, decodes, checks and hashes every image. Slow.
///
/// Errors  std::invalid_argument for an unknown name or a setting out of range; BadData if there
///         are no usable images, or the files are not in the data set's layout.
std::unique_ptr<Dataset> make_dataset(const DatasetConfig& config,
                                      const ScanProgress& progress = {});

/// Opens a data set whose index was made before, by make_dataset() with the same config. Fast.
std::unique_ptr<Dataset> open_dataset(const DatasetConfig& config, DatasetIndex index);

/// Name and one sentence of every data set of images there is, in the registry's order.
std::vector<NameAndSummary> list_datasets();

/// The same for data sets that are grids of codes from the start: no images, no tokenizer.
std::vector<NameAndSummary> list_token_datasets();

}  // namespace oar
