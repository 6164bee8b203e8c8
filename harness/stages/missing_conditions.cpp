#include "harness/stages/missing_conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "datasets/dataset.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr size_t kShown = 5;  // of the names that the record has

struct Missing {
  int64_t images = 0, total = 0;
  int64_t held_out = 0, total_held_out = 0;
  std::string what;  ///< "label", "caption"; empty: no condition
  json names = json::array();

  double share() const { return share_of(images, total); }
  /// Of all images, or of the held-out ones where that is more: few as they may be, numbers are
  /// measured on them.
  double worst_share() const { return std::max(share(), share_of(held_out, total_held_out)); }

 private:
  static double share_of(int64_t part, int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

Missing missing_of(const Recipe& recipe, const json& record) {
  Missing missing;
  const auto condition = get<std::string>(recipe, "model.condition");
  if (condition == "none") return missing;
  missing.what = condition == "class" ? "label" : "caption";
  missing.total = record.value("images", int64_t{0});
  missing.images = record.value("without_" + missing.what, int64_t{0});
  missing.held_out = record.value("held_out_without_" + missing.what, int64_t{0});
  missing.total_held_out = record.value("held_out", int64_t{0});
  // Records of before names were kept have none.
  missing.names = record.value("without_" + missing.what + "_first", json::array());
  return missing;
}

std::string names_of(const Missing& missing) {
  std::string names;
  for (size_t i = 0; i < std::min(missing.names.size(), kShown); ++i) {
    names += (i == 0 ? ": " : ", ") + missing.names[i].get<std::string>();
  }
  if (!names.empty() && missing.images > static_cast<int64_t>(kShown)) names += ", ...";
  return names;
}

std::string words_of(const Missing& missing) {
  const std::string held_out =
      missing.held_out == 0
          ? ""
          : fmt::format(", {} of {} held out", missing.held_out, missing.total_held_out);
  return fmt::format("{} of {} images ({:.1f} %{}) have no {}", missing.images, missing.total,
                     100 * missing.share(), held_out, missing.what);
}

}  // namespace

std::string missing_conditions(const Recipe& recipe, const json& record) {
  const Missing missing = missing_of(recipe, record);
  if (missing.images == 0) return "";
  return words_of(missing) + names_of(missing) + "; they are trained on without a condition";
}

void check_conditions(const Recipe& recipe, const json& record, bool allow_missing) {
  const Missing missing = missing_of(recipe, record);
  if (allow_missing || missing.worst_share() <= kMissingConditionsTaken) return;
  throw BadData(fmt::format(
      "model.condition is \"{}\", but {}. Complete them, or add --allow-missing to train on such "
      "images without a condition{}",
      get<std::string>(recipe, "model.condition"), words_of(missing), names_of(missing)));
}

}  // namespace oar
