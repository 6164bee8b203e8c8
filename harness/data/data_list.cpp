#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "datasets/dataset_info.h"
#include "harness/data/data_verb.h"
#include "harness/exit_code.h"
#include "harness/store/terminal_text.h"

namespace oar {
namespace {

using json = nlohmann::ordered_json;

constexpr int kTextBegins = 13;  // column
constexpr int kLineEnds = 100;

json json_of(const DatasetInfo& info) {
  return {{"name", info.name},
          {"summary", info.summary},
          {"layout", info.layout},
          {"source", info.source},
          {"licence", info.licence},
          {"images", info.has_images},
          {"generated", info.generated},
          {"classes", info.has_classes},
          {"class_column", info.class_from_column},
          {"captions", info.has_captions},
          {"official_split", info.official_split},
          {"mirrors_allowed", info.mirrors_allowed}};
}

/// Broken between words where a line would pass the last column; further lines are indented.
std::string wrapped(const std::string& text) {
  std::istringstream words(text);
  std::string result, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && kTextBegins + columns_of(line + " " + word) > kLineEnds) {
      result += line + "\n" + std::string(kTextBegins, ' ');
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  return result + line;
}

/// "classes from a column; captions; mirrored copies allowed".
std::string traits_of(const DatasetInfo& info) {
  std::vector<std::string> traits;
  if (info.class_from_column) {
    traits.emplace_back("classes from a column (dataset.class_column)");
  } else {
    traits.emplace_back(info.has_classes ? "classes" : "no classes");
  }
  traits.emplace_back(info.has_captions ? "captions" : "no captions");
  if (info.official_split) traits.emplace_back("an official split (dataset.split=official)");
  if (info.has_images) {
    traits.emplace_back(info.mirrors_allowed ? "may be mirrored" : "must not be mirrored");
  }
  return fmt::format("{}", fmt::join(traits, "; "));
}

std::string text_of(const DatasetInfo& info) {
  const auto line = [](const char* title, const std::string& text) {
    return fmt::format("    {:<9}{}\n", title, wrapped(text));
  };
  return fmt::format("{}\n", info.name) + line("what", info.summary) + line("files", info.layout) +
         line("source", info.source) + line("licence", info.licence) + line("has", traits_of(info));
}

}  // namespace

int run_data_list(const DataCommand& command, std::ostream& out) {
  std::vector<DatasetInfo> infos = dataset_infos();
  if (!command.name.empty()) infos = {dataset_info(command.name)};
  json objects = json::array();
  std::string text;
  for (const DatasetInfo& info : infos) {
    objects.push_back(json_of(info));
    if (!text.empty()) text += '\n';
    text += text_of(info);
  }
  out << (command.json ? objects.dump(2) + "\n" : text) << std::flush;
  return kAllDone;
}

}  // namespace oar
