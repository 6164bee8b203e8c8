#include "reports/figures_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

#include "reports/fields.h"
#include "reports/sections.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr size_t kLongestName = 34;  // characters

/// "generate.distance_penalty=0.5" as "λ=0.5", "generate.top_k=8" as "top_k=8".
std::string short_option(const std::string& part) {
  const size_t equals = part.find('=');
  if (equals == std::string::npos) return part;
  if (part.starts_with("generate.distance_penalty=")) return "λ" + part.substr(equals);
  if (part.starts_with("relabel.distance_penalty=")) return "relabel λ" + part.substr(equals);
  const size_t dot = part.rfind('.', equals);
  return dot == std::string::npos ? part : part.substr(dot + 1);
}

/// Its two ends, around "…".
std::string without_middle(const std::string& name, size_t limit) {
  if (width_of(name) <= limit) return name;
  std::vector<std::string> characters;
  for (const char c : name) {
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) characters.emplace_back();
    if (!characters.empty()) characters.back() += c;
  }
  const size_t head = (limit - 1) * 3 / 5, tail = limit - 1 - head;
  std::string kept;
  for (size_t i = 0; i < head; ++i) kept += characters[i];
  kept += "…";
  for (size_t i = characters.size() - tail; i < characters.size(); ++i) kept += characters[i];
  return kept;
}

double rounded(double value) {  // figures.json is read by people too
  return std::isfinite(value) && value != 0
             ? std::strtod(fmt::format("{:.7g}", value).c_str(), nullptr)
             : value;
}

json rounded(const std::vector<double>& values) {
  json list = json::array();
  for (const double value : values) list.push_back(rounded(value));
  return list;
}

}  // namespace

std::vector<std::string> short_names(const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  std::map<std::string, int> seen;
  for (const std::string& name : names) {
    const std::string line = one_line(name);
    std::string text;
    for (size_t begin = 0; begin <= line.size();) {
      const size_t end = std::min(line.find(", ", begin), line.size());
      text += (begin == 0 ? "" : ", ") + short_option(line.substr(begin, end - begin));
      begin = end + 2;
    }
    shown.push_back(without_middle(text, kLongestName));
    ++seen[shown.back()];
  }
  for (size_t i = 0; i < shown.size(); ++i) {
    if (seen[shown[i]] > 1) shown[i] = fmt::format("{} (row {})", shown[i], i + 1);
  }
  return shown;
}

std::vector<FigureRow> figure_rows(const Layout& layout) {
  std::vector<std::string> names;
  for (const Group& group : layout.groups) names.push_back(group.name);
  names = short_names(names);
  std::vector<FigureRow> rows;
  for (size_t i = 0; i < names.size(); ++i) rows.push_back({&layout.groups[i], names[i], i});
  return rows;
}

json values_json(const std::vector<double>& values) {
  std::vector<double> finite;
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite),
               [](double value) { return std::isfinite(value); });
  json found = {{"n", finite.size()}, {"points", rounded(finite)}};
  if (finite.empty()) return found;
  const Spread spread = spread_of(finite);
  found["mean"] = rounded(spread.mean);
  if (spread.n > 1) {
    found["low"] = rounded(spread.mean - spread.half_width);
    found["high"] = rounded(spread.mean + spread.half_width);
  }
  return found;
}

json line_json(const Line& line) {
  json found = {{"name", line.name}, {"look", line.look}, {"x", rounded(line.x)}};
  json mean = json::array(), low = json::array(), high = json::array();
  bool spread = false;
  for (size_t i = 0; i < line.x.size(); ++i) {
    std::vector<double> values;
    for (const std::vector<double>& curve : line.curves) {
      if (curve.size() == line.x.size()) values.push_back(curve[i]);
    }
    const json point = values_json(values);
    mean.push_back(point.value("mean", json(nullptr)));
    low.push_back(point.value("low", mean.back()));
    high.push_back(point.value("high", mean.back()));
    spread = spread || point.contains("low");
  }
  found["y"] = std::move(mean);
  if (spread) {
    found["low"] = std::move(low);
    found["high"] = std::move(high);
  }
  return found;
}

json lines_drawing(const std::vector<Line>& lines, const std::string& x_label,
                   const std::string& y_label) {
  json panels = json::array();
  const bool overlaid = lines.size() <= kMostOverlaid;
  for (const Line& line : lines) {
    if (!overlaid && panels.size() == kMostPanels) break;
    if (panels.empty() || !overlaid) {
      panels.push_back({{"title", overlaid && lines.size() > 1 ? "" : line.name},
                        {"x_label", x_label},
                        {"y_label", y_label},
                        {"lines", json::array()}});
    }
    panels.back()["lines"].push_back(line_json(line));
  }
  return {{"kind", "lines"}, {"panels", std::move(panels)}, {"others_behind", !overlaid}};
}

std::vector<double> numbers_of(const json& array) {
  std::vector<double> numbers;
  if (!array.is_array()) return {};
  for (const json& value : array) {
    const auto found = number(value);
    if (!found || !std::isfinite(*found)) return {};
    numbers.push_back(*found);
  }
  return numbers;
}

std::string left_out(size_t shown, size_t all, const std::string& what) {
  return shown >= all ? "" : fmt::format(" Shown: the first {} of {} {}.", shown, all, what);
}

std::string seeds_of(const std::vector<FigureRow>& rows) {
  size_t least = SIZE_MAX, most = 0;
  for (const FigureRow& row : rows) {
    const size_t done = row.group->done().size();
    if (done == 0) continue;
    least = std::min(least, done);
    most = std::max(most, done);
  }
  if (most == 0) return "no seeds";
  if (least == most) return fmt::format("{} {}", most, most == 1 ? "seed" : "seeds");
  return fmt::format("{} to {} seeds", least, most);
}

std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kNamed = 4;
  const bool commas = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.find(',') != std::string::npos;
  });
  const std::string comma = commas ? "; " : ", ", end = commas ? "; " : " and ";
  std::string text;
  const size_t named = names.size() > kNamed ? kNamed - 1 : names.size();
  for (size_t i = 0; i < named; ++i) {
    text += (i == 0 ? "" : i + 1 == names.size() ? end : comma) + names[i];
  }
  return named == names.size() ? text : fmt::format("{}{}{} more", text, end, names.size() - named);
}

Orders orders_of(const json& cell) {
  constexpr int64_t kLargestSide = 1024;
  const json& samples = field(cell, "samples");
  const json& grid = items(samples, "grid");
  const auto is_side = [](const json& value) {
    return value.is_number_integer() && value >= 1 && value <= kLargestSide;
  };
  if (grid.size() != 2 || !is_side(grid[0]) || !is_side(grid[1])) return {};
  Orders orders{grid[0].get<int64_t>(), grid[1].get<int64_t>(), {}};
  const auto patches = static_cast<size_t>(orders.rows * orders.cols);
  for (const json& order : items(samples, "position_at")) {
    std::vector<bool> seen(patches);
    std::vector<int64_t> position_at;
    if (!order.is_array() || order.size() != patches) return {};
    for (const json& position : order) {
      if (!position.is_number_integer()) return {};
      const auto p = position.get<int64_t>();
      if (p < 0 || p >= static_cast<int64_t>(patches) || seen[static_cast<size_t>(p)]) return {};
      seen[static_cast<size_t>(p)] = true;
      position_at.push_back(p);
    }
    orders.position_at.push_back(std::move(position_at));
  }
  return orders;
}

std::vector<SeedCell> cells_of_one_seed(const std::vector<FigureRow>& rows,
                                        bool (*has)(const json& cell)) {
  std::vector<std::pair<std::string, size_t>> seeds;  // in the order of their appearance
  const auto each = [&](const auto& visit) {
    for (const FigureRow& row : rows) {
      for (const json* cell : row.group->done()) {
        if (has(*cell)) visit(row, *cell, text(field(*cell, "seed")));
      }
    }
  };
  each([&](const FigureRow&, const json&, const std::string& seed) {
    const auto known =
        std::find_if(seeds.begin(), seeds.end(), [&](const auto& s) { return s.first == seed; });
    if (known == seeds.end()) {
      seeds.emplace_back(seed, 1);
    } else {
      ++known->second;
    }
  });
  if (seeds.empty()) return {};
  const std::string chosen =
      std::max_element(seeds.begin(), seeds.end(), [](const auto& a, const auto& b) {
        return a.second < b.second;
      })->first;
  std::vector<SeedCell> cells;
  std::set<const FigureRow*> served;
  each([&](const FigureRow& row, const json& cell, const std::string& seed) {
    if (seed == chosen && served.insert(&row).second) cells.push_back({&row, &cell});
  });
  return cells;
}

std::vector<FigureRow> first_rows(const std::vector<FigureRow>& rows, size_t limit) {
  return {rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(std::min(limit, rows.size()))};
}

json dots_drawing(const std::vector<FigureRow>& rows, json panels) {
  json names = json::array(), looks = json::array();
  for (const FigureRow& row : rows) {
    names.push_back(row.name);
    looks.push_back(row.look);
  }
  return {{"kind", "dots"},
          {"rows", std::move(names)},
          {"looks", std::move(looks)},
          {"panels", std::move(panels)}};
}

std::string no_value_text(const Group& group) {
  if (!group.done().empty()) return "–";
  std::set<std::string> statuses;
  for (const json* cell : group.cells) statuses.insert(one_line(text(field(*cell, "status"))));
  std::string shown;
  for (const std::string& status : statuses) shown += (shown.empty() ? "" : ", ") + status;
  return shown.empty() ? "–" : shown;
}

}  // namespace oar::report
