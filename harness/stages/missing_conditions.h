#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "harness/sweep/recipe.h"

namespace oar {

/// A larger share of images without their condition is most likely a table that is not whole.
inline constexpr double kMissingConditionsTaken = 0.05;

/// What is to be said of images that lack what model.condition asks for, a label or a caption: how
/// many of how many, and the names of some. Empty where none does. `record` is that of the dataset
/// stage.
std::string missing_conditions(const Recipe& recipe, const nlohmann::json& record);

/// Refuses a data set of which too many images lack their condition, unless `allow_missing`.
///
/// Errors  BadData that says how many, which, and what to do.
void check_conditions(const Recipe& recipe, const nlohmann::json& record, bool allow_missing);

}  // namespace oar
