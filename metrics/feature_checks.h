#pragma once

#include <torch/types.h>

#include <string_view>

namespace oar {

/// `features` as float64 on the CPU, once it is certain that a metric may read them: a matrix, at
/// least `at_least` rows, every number finite. `metric` and `side` ("real", "generated") open the
/// message.
///
/// Shapes  features [N, F], any floating type and device.
/// Errors  std::invalid_argument.
torch::Tensor checked_features(const torch::Tensor& features, int64_t at_least,
                               std::string_view metric, std::string_view side);

/// Refuses two sets of features of different length: they come from different networks.
void check_same_dim(int64_t dim_a, int64_t dim_b, std::string_view metric);

}  // namespace oar
