#pragma once

#include <nlohmann/json.hpp>

namespace oar::report {

/// What must agree before two numbers may stand in one column, be averaged or be compared: version,
/// N, reference, extractor and its weights, convention, precision, unit, KID's subsets, IS's
/// splits, neighbours, and the data set with its size. What the record does not say is left out.
///
/// `metric` is one of the metrics of `cell`. Errors: none for any JSON value.
nlohmann::json settings_of(const nlohmann::json& cell, const nlohmann::json& metric);

}  // namespace oar::report
