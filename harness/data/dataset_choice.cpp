#include "harness/data/dataset_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "datasets/dataset.h"
#include "datasets/image_file.h"
#include "datasets/image_names.h"
#include "datasets/utf8.h"
#include "harness/stages/pipeline.h"
#include "harness/sweep/sweep.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kSection[] = "dataset.";
constexpr int64_t kTinyImageNetSide = 64;  // pixels

/// `--set` of this verb as the sweep reader knows it.
std::string with_section(const std::string& set) {
  const std::string key = set.substr(0, set.find('='));
  if (key.find('.') == std::string::npos) return kSection + set;
  if (key.starts_with(kSection)) return set;
  throw std::invalid_argument(
      fmt::format("--set {}: found an option of another section; accepted: those of the data set, "
                  "as {}held_out "
                  "(see `oar-bench list options`)",
                  set, kSection));
}

std::string setting(const char* option, const std::string& text) {
  return fmt::format("{}{}={}", kSection, option, json(text).dump());
}

/// The one data set that all cells read.
json only_section(const Sweep& sweep, const fs::path& file) {
  std::set<json> sections;
  for (const Cell& cell : sweep.cells) sections.insert(part(cell.recipe, "dataset"));
  if (sections.size() == 1) return *sections.begin();
  std::set<std::string> differ;
  for (const auto& [option, value] : sections.begin()->items()) {
    for (const json& section : sections) {
      if (section.at(option) != value) differ.insert(kSection + option);
    }
  }
  throw std::invalid_argument(fmt::format(
      "--sweep {}: its cells read {} data sets, which differ in {}; leave --sweep out and name one "
      "of them with PATH, --dataset and --set",
      quoted(file), sections.size(), fmt::join(differ, ", ")));
}

/// Names of the folder's entries that are not hidden; none if it cannot be read.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->path().filename().string().starts_with('.')) entries.push_back(entry->path());
  }
  return entries;
}

/// WordNet's name of a class of ImageNet: n and eight digits.
bool is_wordnet_id(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.size() == 9 && name[0] == 'n' &&
         std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether a class of ImageNet has Tiny ImageNet's size, by its first image that can be read. There
/// the images of a class may lie in a folder images/.
bool shows_tiny_image(const fs::path& class_folder) {
  std::error_code ignored;
  const fs::path images = class_folder / "images";
  for (const fs::path& file :
       entries_of(fs::is_directory(images, ignored) ? images : class_folder)) {
    if (named_as(file.string()) != NamedAs::kImage) continue;
    try {
      const ImageSize size = check_image(read_bytes(file));
      return size.width == kTinyImageNetSide && size.height == kTinyImageNetSide;
    } catch (const BrokenImage&) {  // the next one will do
    } catch (const std::system_error&) {
    }
  }
  return false;
}

}  // namespace

LayoutGuess guess_dataset(const fs::path& root) {
  std::error_code ignored;
  const auto holds = [&](const char* name) { return fs::exists(root / name, ignored); };
  constexpr std::pair<const char*, const char*> kMarks[] = {
      {"styles.csv", "fashion_products"},     {"fashion-dataset/styles.csv", "fashion_products"},
      {"celeba-caption", "celeba_hq"},  // before celeba, whose lists may lie beside
      {"text/celeba-caption", "celeba_hq"},   {"train/filenames.pickle", "celeba_hq"},
      {"CelebA-HQ-img", "celeba_hq"},         {"CelebA-HQ-to-CelebA-mapping.txt", "celeba_hq"},
      {"img_align_celeba", "celeba"},         {"Img/img_align_celeba", "celeba"},
      {"list_attr_celeba.txt", "celeba"},     {"list_attr_celeba.csv", "celeba"},
      {"list_eval_partition.txt", "celeba"},  {"list_eval_partition.csv", "celeba"},
      {"wnids.txt", "tiny_imagenet"},         {"tiny-imagenet-200", "tiny_imagenet"},
      {"LOC_synset_mapping.txt", "imagenet"}, {"ILSVRC/Data/CLS-LOC", "imagenet"},
      {"Data/CLS-LOC", "imagenet"},           {"CLS-LOC", "imagenet"},
  };
  for (const auto& [name, dataset] : kMarks) {
    if (holds(name)) return {dataset, fmt::format("it holds {}", name)};
  }
  const std::vector<fs::path> classes = entries_of(root / "train");
  const auto wordnet = std::find_if(classes.begin(), classes.end(), is_wordnet_id);
  if (wordnet != classes.end()) {
    return shows_tiny_image(*wordnet)
               ? LayoutGuess{"tiny_imagenet", "it holds train/n########/ with images of 64x64"}
               : LayoutGuess{"imagenet", "it holds train/n########/"};
  }
  const std::vector<fs::path> entries = entries_of(root);
  const auto tar = std::find_if(entries.begin(), entries.end(),
                                [](const fs::path& entry) { return entry.extension() == ".tar"; });
  if (root.extension() == ".tar") return {"webdataset", "it is a tar archive"};
  if (tar != entries.end()) return {"webdataset", "it holds tar archives"};
  return {"image_folder", "it has the layout of no other data set"};
}

DatasetChoice choose_dataset(const DatasetWish& wish) {
  DatasetChoice choice;
  std::vector<std::string> set;
  for (const std::string& option : wish.set) set.push_back(with_section(option));
  const bool named = !wish.dataset.empty() || !wish.sweep.empty() ||
                     std::any_of(set.begin(), set.end(), [](const std::string& option) {
                       return option.starts_with("dataset.name=");
                     });
  if (!wish.dataset.empty()) set.push_back(setting("name", wish.dataset));
  if (!wish.path.empty()) {
    std::error_code ignored;
    if (!fs::exists(wish.path, ignored)) {
      throw BadData(
          fmt::format("there is nothing at {}; name the root of a data set, see "
                      "`oar-bench data list`",
                      quoted(wish.path)));
    }
    set.push_back(setting("root", wish.path.string()));
    if (!named) {
      const LayoutGuess guess = guess_dataset(wish.path);
      set.push_back(setting("name", guess.dataset));
      choice.because = guess.because;
    }
  } else if (!named) {
    throw std::invalid_argument(
        "no data set is named; give its PATH, or --dataset NAME where the images are generated, or "
        "--sweep FILE. `oar-bench data list` shows every data set");
  }
  const Sweep sweep = wish.sweep.empty()
                          ? parse_sweep(R"({"version": 1})", "data set", set, known_names())
                          : read_sweep(wish.sweep, set, known_names());
  choice.section = only_section(sweep, wish.sweep);
  return choice;
}

}  // namespace oar
