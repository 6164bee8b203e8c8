#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "datasets/csv_table.h"
#include "datasets/image_files.h"
#include "datasets/name_list.h"
#include "datasets/nearest_name.h"
#include "datasets/official_split.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

constexpr char kLayout[] = "the folder that holds img_align_celeba/, images/, or the images";
const std::vector<std::string> kListFolders = {"Anno", "Eval"};

std::string file_name(const std::string& file) { return fs::path(file).filename().string(); }

/// The images, whatever lies nested: Kaggle's zip has img_align_celeba/img_align_celeba/.
ImageListing list_faces(const fs::path& root) {
  for (const char* name : {"img_align_celeba", "Img/img_align_celeba", "images"}) {
    if (fs::is_directory(root / name)) return images_below(root, root / name);
  }
  return images_in(root, root);
}

/// list_attr_celeba as a table whose first column is the image. The .txt of the publishers has a
/// count, then the attributes' names, then one image a line; Kaggle's is a .csv.
CsvTable read_attributes(const fs::path& path) {
  if (path.extension() == ".csv") return read_csv(path);
  CsvTable table;
  for (const std::string& line : read_lines(path)) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    if (words.size() == 1 && table.columns.empty()) continue;  // how many images there are
    if (table.columns.empty()) {
      table.columns = std::move(words);
      table.columns.insert(table.columns.begin(), "image_id");
    } else if (words.size() != table.columns.size()) {
      throw BadData(fmt::format(
          "\"{}\": the line of \"{}\" has {} values, and there are {} attributes; copy it again",
          path.string(), words.front(), words.size() - 1, table.columns.size() - 1));
    } else {
      table.rows.push_back(std::move(words));
    }
  }
  if (table.columns.empty()) {
    throw BadData(fmt::format("\"{}\" is empty; copy the file again", path.string()));
  }
  return table;
}

/// Two classes, of the images that have the attribute and of those that have not.
void label_by(const DatasetConfig& config, const fs::path& path, ImageListing& listing) {
  const CsvTable table = read_attributes(path);
  const std::string& attribute = config.class_column;
  const size_t column = table.column(attribute);
  if (column == 0 || column == table.columns.size()) {
    throw BadData(
        fmt::format("class_column: \"{}\" has no attribute \"{}\".\n{}", path.string(), attribute,
                    known_names(attribute, {table.columns.begin() + 1, table.columns.end()})));
  }
  listing.classes = {attribute, "not " + attribute};
  std::sort(listing.classes.begin(), listing.classes.end());
  const int64_t with = listing.classes[0] == attribute ? 0 : 1;
  std::unordered_map<std::string, int64_t> label_of;
  for (const auto& row : table.rows) {
    if (row[column] != "1" && row[column] != "-1") {
      throw BadData(fmt::format("\"{}\": the {} of \"{}\" is \"{}\", not 1 or -1; copy it again",
                                path.string(), attribute, row[0], row[column]));
    }
    label_of.emplace(row[0], row[column] == "1" ? with : 1 - with);
  }
  for (ListedImage& image : listing.images) {
    const auto label = label_of.find(file_name(image.file));
    if (label != label_of.end()) image.label = label->second;
  }
}

/// One of CelebA's lists, which `setting` needs.
fs::path require_list(const DatasetConfig& config, const std::string& name,
                      const std::string& setting) {
  const auto path = find_file(config.root, kListFolders, {name + ".txt", name + ".csv"});
  if (path) return *path;
  throw BadData(fmt::format(
      "celeba: {} needs {}.txt, or Kaggle's {}.csv, and neither is in \"{}\", its Anno/ or its "
      "Eval/; copy it there, or leave the setting out",
      setting, name, name, config.root.string()));
}

}  // namespace

std::unique_ptr<Dataset> open_celeba(const DatasetConfig& config, DatasetIndex index) {
  return open_image_files(config, std::move(index));
}

/// CelebA, aligned and cropped: img_align_celeba/ with the images, however nested.
///
/// `class_column` is one of the 40 attributes of list_attr_celeba: its images are of class "NAME",
/// the others of "not NAME". split "official" is list_eval_partition's; see split_officially().
///
/// Source  Liu et al., Deep Learning Face Attributes in the Wild (ICCV 2015).
std::unique_ptr<Dataset> make_celeba(const DatasetConfig& config, const ScanProgress& progress) {
  if (!config.caption.empty()) {
    throw std::invalid_argument(
        fmt::format("caption is \"{}\", but celeba has no captions; leave it out", config.caption));
  }
  ImageListing listing = list_faces(require_root(config, kLayout));
  if (!config.class_column.empty()) {
    const std::string setting = fmt::format("class_column \"{}\"", config.class_column);
    label_by(config, require_list(config, "list_attr_celeba", setting), listing);
  }
  if (config.split == "official") {
    const fs::path list = require_list(config, "list_eval_partition", "split \"official\"");
    split_officially(listing, read_celeba_partition(list), file_name);
  }
  return open_celeba(config, scan_images(config, std::move(listing), progress));
}

}  // namespace oar
