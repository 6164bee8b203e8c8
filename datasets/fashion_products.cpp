#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "datasets/caption_template.h"
#include "datasets/csv_table.h"
#include "datasets/image_file.h"
#include "datasets/image_files.h"
#include "datasets/nearest_name.h"
#include "datasets/utf8.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kLayout[] = "the folder that holds images/ID.jpg and styles.csv";
constexpr char kDefaultCaption[] = "productDisplayName";
constexpr size_t kMissingShown = 5;
constexpr int64_t kMaxStyleBytes = 10'000'000;  // of one styles/ID.json; real ones have 10 kB

/// The folder that holds images/: the root, or the one folder in it, or in that, that does.
/// Kaggle's zips unpack to fashion-dataset/, and some hold a second copy one level below the first.
fs::path base_of(const fs::path& root) {
  std::vector<fs::path> level = {root};
  for (int depth = 0; depth < 3; ++depth) {
    std::vector<fs::path> found;
    for (const fs::path& folder : level) {
      if (fs::is_directory(folder / "images")) found.push_back(folder);
    }
    if (found.size() == 1) return found.front();
    if (found.size() > 1) {
      throw BadData(fmt::format(
          "fashion_products: \"{}\" holds several folders with images/: \"{}\" and \"{}\"; set "
          "dataset.root to one of them",
          root.string(), found[0].string(), found[1].string()));
    }
    std::vector<fs::path> below;
    for (const fs::path& folder : level) {
      for (const fs::path& sub : sub_folders(folder)) below.push_back(sub);
    }
    level = std::move(below);
  }
  throw BadData(fmt::format("fashion_products: there is no folder \"{}\"; set dataset.root to {}",
                            (root / "images").string(), kLayout));
}

size_t require_column(const CsvTable& table, const fs::path& csv, const std::string& setting,
                      const std::string& name) {
  const size_t column = table.column(name);
  if (column < table.columns.size()) return column;
  throw BadData(fmt::format("{}: \"{}\" has no column \"{}\".\n{}", setting, csv.string(), name,
                            known_names(name, table.columns)));
}

/// A value of the large release's styles/ID.json: text, a number, or an object with a typeName.
std::string style_value(const json& data, const std::string& column) {
  const json found = data.value(column, json());
  const json value = found.is_object() ? found.value("typeName", json()) : found;
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_integer() ? value.dump() : "";
}

/// What is known of the images, by ID: the first row that styles.csv has of it.
class Styles {
 public:
  Styles(const fs::path& base, const DatasetConfig& config)
      : csv_(base / "styles.csv"), folder_(base / "styles") {
    if (!fs::is_regular_file(csv_)) {
      if (config.class_column.empty() && config.caption.empty()) return;
      throw BadData(fmt::format(
          "fashion_products: class_column \"{}\" and caption \"{}\" are read from \"{}\", "
          "which is not there; copy it beside images/, or leave both settings out",
          config.class_column, config.caption, csv_.string()));
    }
    table_ = read_csv(csv_);
    const size_t id = require_column(table_, csv_, "fashion_products", "id");
    for (auto& row : table_.rows) {
      std::replace(row.begin(), row.end(), std::string("NA"), std::string());
      rows_.try_emplace(row[id], &row);
    }
    if (!config.class_column.empty()) {
      class_column_ = require_column(table_, csv_, "class_column", config.class_column);
    }
    const bool has_names = table_.column(kDefaultCaption) < table_.columns.size();
    if (!config.caption.empty() || has_names) {
      caption_.emplace(config.caption.empty() ? kDefaultCaption : config.caption, table_.columns,
                       csv_.string());
    }
  }
  Styles(const Styles&) = delete;
  Styles& operator=(const Styles&) = delete;

  /// The row of an image; where styles.csv has none, from the large release's styles/ID.json.
  std::optional<std::vector<std::string>> row(const std::string& id) const {
    const auto found = rows_.find(id);
    if (found != rows_.end()) return *found->second;
    return table_.columns.empty() ? std::nullopt : row_of_json(folder_ / (id + ".json"));
  }

  std::string caption(const std::vector<std::string>& row) const {
    return caption_ ? caption_->fill(row) : "";
  }
  std::string class_name(const std::vector<std::string>& row) const {
    return class_column_ ? row[*class_column_] : "";
  }

  /// Rows whose image is not among these IDs, as one entry; none if there are none.
  std::optional<RejectedFile> rows_without(const std::set<std::string>& ids) const {
    std::vector<std::string> missing;
    for (const auto& [id, row] : rows_) {
      if (!ids.contains(id)) missing.push_back(id + ".jpg");
    }
    if (missing.empty()) return std::nullopt;
    std::sort(missing.begin(), missing.end());
    const size_t shown = std::min(missing.size(), kMissingShown);
    const std::vector<std::string> first(missing.begin(), missing.begin() + shown);
    return RejectedFile{"styles.csv",
                        fmt::format("{} of its {} rows name an image that is not in "
                                    "images/: {}{}",
                                    missing.size(), rows_.size(), fmt::join(first, ", "),
                                    missing.size() > shown ? ", ..." : "")};
  }

 private:
  std::optional<std::vector<std::string>> row_of_json(const fs::path& path) const {
    std::error_code none;
    const auto size = fs::file_size(path, none);
    if (none || size > static_cast<uintmax_t>(kMaxStyleBytes)) return std::nullopt;
    const std::vector<std::byte> bytes = read_bytes(path);
    const json style = json::parse(
        as_utf8(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())),
        nullptr, /*allow_exceptions=*/false);
    if (!style.is_object() || !style.contains("data") || !style["data"].is_object()) {
      return std::nullopt;
    }
    std::vector<std::string> row;
    for (const std::string& column : table_.columns) {
      row.push_back(style_value(style["data"], column));
    }
    return row;
  }

  fs::path csv_, folder_;
  CsvTable table_;
  std::unordered_map<std::string, const std::vector<std::string>*> rows_;
  std::optional<size_t> class_column_;
  std::optional<CaptionTemplate> caption_;
};

/// Gives every image its caption and label. An image without a row keeps neither and is still used.
void describe(const DatasetConfig& config, const fs::path& base, ImageListing& listing) {
  const Styles styles(base, config);
  std::map<std::string, std::vector<ListedImage*>> of_class;
  std::set<std::string> ids;
  for (ListedImage& image : listing.images) {
    const std::string id = fs::path(image.file).stem().string();
    ids.insert(id);
    const auto row = styles.row(id);
    if (!row) continue;
    image.caption = styles.caption(*row);
    const std::string name = styles.class_name(*row);
    if (!name.empty()) of_class[name].push_back(&image);
  }
  if (!config.class_column.empty() && of_class.empty() && !listing.images.empty()) {
    throw BadData(fmt::format(
        "class_column: no image in \"{}\" has a value of \"{}\" in styles.csv; its column id must "
        "hold the images' names without .jpg",
        (base / "images").string(), config.class_column));
  }
  for (const auto& [name, images] : of_class) {
    for (ListedImage* image : images) {
      image->label = static_cast<int64_t>(listing.classes.size());
    }
    listing.classes.push_back(name);
  }
  if (auto missing = styles.rows_without(ids)) listing.left_out.push_back(*std::move(missing));
}

}  // namespace

std::unique_ptr<Dataset> open_fashion_products(const DatasetConfig& config, DatasetIndex index) {
  return open_image_files(config, std::move(index));
}

/// Fashion Product Images as Kaggle ships it, small (60x80) and large: images/ID.jpg and one row of
/// styles.csv per ID, in the root or in a folder of it. Of the large release, styles/ID.json speaks
/// for images that styles.csv has no row of; images.csv, a list of addresses, is not read.
///
/// Classes are the values of `class_column` that listed images have, sorted. `caption` is a column
/// or a CaptionTemplate. An image without a row has no caption and label -1; rows without an image
/// are one entry of `rejected`, under styles.csv. "NA" is how the table writes that there is no
/// value.
std::unique_ptr<Dataset> make_fashion_products(const DatasetConfig& config,
                                               const ScanProgress& progress) {
  const fs::path base = base_of(require_root(config, kLayout));
  ImageListing listing = images_in(config.root, base / "images");
  describe(config, base, listing);
  return open_fashion_products(config, scan_images(config, std::move(listing), progress));
}

}  // namespace oar
