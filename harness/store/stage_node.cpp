#include "harness/store/stage_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "datasets/sha256.h"

namespace oar {
namespace {

void check_stage_name(const std::string& stage) {
  const bool good = !stage.empty() && std::all_of(stage.begin(), stage.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!good) {
    throw std::logic_error(
        fmt::format("stage \"{}\": a stage is named by a-z, 0-9 and _ alone", stage));
  }
}

/// JSON has no word for NaN or infinity: both are written `null`, and two configurations would
/// share a key.
void check_finite(const nlohmann::json& value, const std::string& stage) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    throw std::logic_error(
        fmt::format("stage \"{}\": its configuration holds a number that is not finite", stage));
  }
  if (value.is_structured()) {
    for (const auto& element : value) check_finite(element, stage);
  }
}

}  // namespace

std::string StageNode::label() const { return stage + "/" + key.substr(0, 12); }

StageNode make_node(std::string stage, int version, nlohmann::json config,
                    const std::vector<std::pair<std::string, StageNode>>& inputs) {
  check_stage_name(stage);
  check_finite(config, stage);
  StageNode node{std::move(stage), version, std::move(config), {}, {}};
  std::map<std::string, std::string> key_of_role;
  for (const auto& [role, input] : inputs) {
    if (input.key.empty() || !key_of_role.emplace(role, input.key).second) {
      throw std::logic_error(fmt::format("stage \"{}\": input \"{}\" {}", node.stage, role,
                                         input.key.empty() ? "has no key" : "is given twice"));
    }
    node.inputs.push_back({role, input.stage, input.key});
  }
  // What nlohmann::json would write of these members, without copying the configuration into one
  // value: a sweep of 10,000 cells makes 60,000 nodes.
  node.key = sha256_hex(fmt::format(R"({{"config":{},"inputs":{},"stage":"{}","version":{}}})",
                                    node.config.dump(), nlohmann::json(key_of_role).dump(),
                                    node.stage, version));
  return node;
}

}  // namespace oar
