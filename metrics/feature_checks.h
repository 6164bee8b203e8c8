#pragma once

#include <torch/types.h>

#include <string_view>

#include "metrics/feature_rows.h"

namespace oar {

/// Makes certain that a metric may read `features`: at least `at_least` rows, every number finite.
/// `metric` and `side` ("real", "generated", or nothing) open the message. Reads all rows once.
///
/// Errors  std::invalid_argument.
void check_features(const FeatureRows& features, int64_t at_least, std::string_view metric,
                    std::string_view side);

/// The same, and returns them as float64 [N, F] on the CPU.
torch::Tensor checked_features(const FeatureRows& features, int64_t at_least,
                               std::string_view metric, std::string_view side);

/// Refuses two sets of features of different length: they come from different networks.
void check_same_dim(int64_t dim_a, int64_t dim_b, std::string_view metric);

}  // namespace oar
