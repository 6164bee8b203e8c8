#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace oar {

/// One axis of a matrix: a key and the values it takes in turn.
struct Axis {
  std::string key;
  std::vector<nlohmann::json> values;
};

/// Key -> value: one point of a matrix, or the part of one that `include` and `exclude` name.
using Combination = std::map<std::string, nlohmann::json>;

/// A matrix as GitHub Actions reads it.
struct Matrix {
  std::vector<Axis> axes;
  std::vector<Combination> exclude;
  std::vector<Combination> include;
};

/// Number of points of the axes' product; stops counting above `limit`.
std::size_t product_size(const std::vector<Axis>& axes, std::size_t limit);

/// Every point of the product, the first axis slowest. No axis: one empty point.
std::vector<Combination> product(const std::vector<Axis>& axes);

/// True where `combination` has every key of `pattern` with an equal value.
bool matches(const Combination& pattern, const Combination& combination);

/// The combinations of the matrix:
/// 1. the product of the axes, without the points that an `exclude` matches;
/// 2. each `include` is merged into every point that remains and whose axis values it agrees with.
/// It
///    may overwrite what an earlier `include` brought, never a value of an axis;
/// 3. an `include` that agrees with no point becomes a combination of its own, at the end, which
/// later
///    ones do not extend.
///
/// Source  docs.github.com, "Running variations of jobs in a workflow".
std::vector<Combination> expand(const Matrix& matrix);

}  // namespace oar
