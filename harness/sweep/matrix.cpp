#include "harness/sweep/matrix.h"

#include <algorithm>

namespace oar {
namespace {

/// The part of an include that names axes: what decides which points it is merged into.
Combination on_axes(const Combination& include, const std::vector<Axis>& axes) {
  Combination part;
  for (const Axis& axis : axes) {
    const auto value = include.find(axis.key);
    if (value != include.end()) part.insert(*value);
  }
  return part;
}

}  // namespace

std::size_t product_size(const std::vector<Axis>& axes, std::size_t limit) {
  std::size_t size = 1;
  for (const Axis& axis : axes) {
    if (axis.values.empty()) return 0;
  }
  for (const Axis& axis : axes) {
    if (size > limit / axis.values.size()) return limit + 1;
    size *= axis.values.size();
  }
  return size;
}

std::vector<Combination> product(const std::vector<Axis>& axes) {
  std::vector<Combination> points(1);
  for (const Axis& axis : axes) {
    std::vector<Combination> longer;
    for (const Combination& point : points) {
      for (const auto& value : axis.values) {
        longer.push_back(point);
        longer.back()[axis.key] = value;
      }
    }
    points = std::move(longer);
  }
  return points;
}

bool matches(const Combination& pattern, const Combination& combination) {
  return std::all_of(pattern.begin(), pattern.end(), [&](const auto& member) {
    const auto found = combination.find(member.first);
    return found != combination.end() && found->second == member.second;
  });
}

std::vector<Combination> expand(const Matrix& matrix) {
  std::vector<Combination> points = product(matrix.axes);
  if (matrix.axes.empty() && !matrix.include.empty()) points.clear();
  std::erase_if(points, [&](const Combination& point) {
    return std::any_of(matrix.exclude.begin(), matrix.exclude.end(),
                       [&](const Combination& pattern) { return matches(pattern, point); });
  });
  std::vector<Combination> added;
  for (const Combination& include : matrix.include) {
    const Combination pattern = on_axes(include, matrix.axes);
    bool merged = false;
    for (Combination& point : points) {
      if (!matches(pattern, point)) continue;
      merged = true;
      for (const auto& [key, value] : include) point[key] = value;
    }
    if (!merged) added.push_back(include);
  }
  points.insert(points.end(), added.begin(), added.end());
  return points;
}

}  // namespace oar
