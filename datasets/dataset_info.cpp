#include "datasets/dataset_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "datasets/nearest_name.h"

namespace oar {
namespace {

enum Trait : unsigned {
  kMirrors = 1,
  kOfficialSplit = 2,
  kOwnClasses = 4,
  kClassColumn = 8,
  kCaptions = 16,
  kGenerated = 32,
};

DatasetInfo info_of(DatasetInfo texts, unsigned traits, bool has_images) {
  texts.mirrors_allowed = (traits & kMirrors) != 0;
  texts.official_split = (traits & kOfficialSplit) != 0;
  texts.has_classes = (traits & (kOwnClasses | kClassColumn)) != 0;
  texts.class_from_column = (traits & kClassColumn) != 0;
  texts.has_captions = (traits & kCaptions) != 0;
  texts.generated = (traits & kGenerated) != 0;
  texts.has_images = has_images;
  return texts;
}

}  // namespace

const std::vector<DatasetInfo>& dataset_infos() {
  static const std::vector<DatasetInfo> infos = {
#define DATASET(name, summary, layout, source, licence, traits) \
  info_of({#name, summary, layout, source, licence}, traits, true),
#define TOKEN_DATASET(name, summary, layout, source, licence, traits) \
  info_of({#name, summary, layout, source, licence}, traits, false),
#include "datasets/registry.def"
#undef TOKEN_DATASET
#undef DATASET
  };
  return infos;
}

const DatasetInfo& dataset_info(std::string_view name) {
  const auto& infos = dataset_infos();
  const auto found = std::find_if(infos.begin(), infos.end(),
                                  [name](const DatasetInfo& info) { return info.name == name; });
  if (found != infos.end()) return *found;
  std::vector<std::string> known;
  for (const DatasetInfo& info : infos) known.push_back(info.name);
  throw std::invalid_argument(
      fmt::format("no data set is called \"{}\".\n{}", name, known_names(name, known)));
}

}  // namespace oar
