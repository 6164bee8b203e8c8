#include <fmt/format.h>

#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "datasets/csv_table.h"
#include "datasets/image_files.h"
#include "datasets/nearest_name.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr char kLayout[] = "the folder that holds images/ID.jpg and styles.csv";
constexpr char kDefaultCaption[] = "productDisplayName";

/// The two columns of styles.csv that are wanted, by image ID. The first row of an ID counts.
struct Styles {
  struct Row {
    std::string caption, class_name;
  };
  std::unordered_map<std::string, Row> by_id;
};

size_t require_column(const CsvTable& table, const fs::path& csv, const std::string& setting,
                      const std::string& name) {
  const size_t column = table.column(name);
  if (column < table.columns.size()) return column;
  throw BadData(fmt::format("{}: \"{}\" has no column \"{}\".\n{}", setting, csv.string(), name,
                            known_names(name, table.columns)));
}

Styles read_styles(const DatasetConfig& config) {
  const fs::path csv = config.root / "styles.csv";
  Styles styles;
  if (!fs::is_regular_file(csv)) {
    if (config.class_column.empty() && config.caption_column.empty()) return styles;
    throw BadData(fmt::format(
        "fashion_products: class_column \"{}\" and caption_column \"{}\" are read from \"{}\", "
        "which is not there; copy it beside images/, or leave both settings out",
        config.class_column, config.caption_column, csv.string()));
  }
  const CsvTable table = read_csv(csv);
  const size_t none = table.columns.size();
  const size_t id = require_column(table, csv, "fashion_products", "id");
  const size_t class_name = config.class_column.empty()
                                ? none
                                : require_column(table, csv, "class_column", config.class_column);
  const size_t caption = config.caption_column.empty()
                             ? table.column(kDefaultCaption)
                             : require_column(table, csv, "caption_column", config.caption_column);
  for (const auto& row : table.rows) {
    styles.by_id.try_emplace(row[id], Styles::Row{caption == none ? "" : row[caption],
                                                  class_name == none ? "" : row[class_name]});
  }
  return styles;
}

/// Gives every image its caption and label. An image without a row keeps neither and is still used.
void describe(const DatasetConfig& config, const Styles& styles, ImageListing& listing) {
  std::map<std::string, std::vector<ListedImage*>> of_class;
  for (ListedImage& image : listing.images) {
    const auto row = styles.by_id.find(fs::path(image.file).stem().string());
    if (row == styles.by_id.end()) continue;
    image.caption = row->second.caption;
    if (!row->second.class_name.empty()) of_class[row->second.class_name].push_back(&image);
  }
  if (!config.class_column.empty() && of_class.empty() && !listing.images.empty()) {
    throw BadData(fmt::format(
        "class_column: no image in \"{}\" has a value of \"{}\" in styles.csv; its column id must "
        "hold the images' names without .jpg",
        (config.root / "images").string(), config.class_column));
  }
  for (const auto& [name, images] : of_class) {
    for (ListedImage* image : images) {
      image->label = static_cast<int64_t>(listing.classes.size());
    }
    listing.classes.push_back(name);
  }
}

}  // namespace

std::unique_ptr<Dataset> open_fashion_products(const DatasetConfig& config, DatasetIndex index) {
  return open_image_files(config, std::move(index));
}

/// Fashion Product Images as Kaggle ships it: images/ID.jpg and one row of styles.csv per ID.
///
/// Classes are the values of `class_column` that listed images have, sorted. The public file lacks
/// rows for some images: those have no caption and label -1.
std::unique_ptr<Dataset> make_fashion_products(const DatasetConfig& config,
                                               const ScanProgress& progress) {
  const fs::path images = require_root(config, kLayout) / "images";
  if (!fs::is_directory(images)) {
    throw BadData(fmt::format("fashion_products: there is no folder \"{}\"; set dataset.root to {}",
                              images.string(), kLayout));
  }
  const Styles styles = read_styles(config);
  ImageListing listing = images_in(config.root, images);
  describe(config, styles, listing);
  return open_fashion_products(config, scan_images(config, std::move(listing), progress));
}

}  // namespace oar
