#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "reports/fields.h"
#include "reports/figures_parts.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr size_t kMostPaths = 8;
constexpr size_t kMostAnimated = 4;
constexpr int64_t kMostFrames = 64;
constexpr int64_t kHeldFrames = 6;  // the finished images stay for a while

bool has_path(const json& cell) { return !orders_of(cell).position_at.empty(); }

/// The order of the cell's first image, and the image where there is one.
json panel_of(const SeedCell& cell) {
  const Orders orders = orders_of(*cell.cell);
  json panel = {{"title", cell.row->name},
                {"rows", orders.rows},
                {"cols", orders.cols},
                {"position_at", orders.position_at.front()}};
  const json& images = items(field(*cell.cell, "samples"), "images");
  if (!images.empty() && is_exhibit_path(text(images[0]))) panel["image"] = images[0];
  return panel;
}

/// How many patches are placed in each frame: all of 0 .. N, or so many of them, then N for a
/// while.
json frames_of(int64_t patches) {
  json frames = json::array();
  const int64_t moving = std::min(patches + 1, kMostFrames - kHeldFrames);
  for (int64_t i = 0; i < moving; ++i) {
    frames.push_back(moving == 1 ? patches : i * patches / (moving - 1));
  }
  for (int64_t i = 0; i < kHeldFrames; ++i) frames.push_back(patches);
  return frames;
}

FigureSpec path_figure(std::vector<SeedCell> cells) {
  const size_t all = cells.size();
  if (cells.size() > kMostPaths) cells.resize(kMostPaths);
  json panels = json::array();
  std::vector<std::string> names;
  bool images = true;
  for (const SeedCell& cell : cells) {
    panels.push_back(panel_of(cell));
    images = images && panels.back().contains("image");
    names.push_back(cell.row->name);
  }
  FigureSpec figure;
  figure.id = "order_over_image";
  figure.section = "orders";
  figure.title = "The order of one image";
  figure.caption = fmt::format(
      "Where does each recipe begin, and how does it go on? {} of seed {}, {}the line joins "
      "successive patches from the circle to the square and goes from dark to light, as the steps "
      "0 to N − 1 do; on grids up to 8 × 8 the numbers are the steps.",
      images ? "The first generated image" : "The first generated grid",
      one_line(text(field(*cells.front().cell, "seed"))),
      images ? "and its order over it, paled: " : "");
  figure.caption += left_out(cells.size(), all, "recipes");
  figure.alt = fmt::format("The path through the patches of one image each of {}.", listed(names));
  figure.drawing = {{"kind", "paths"}, {"panels", std::move(panels)}};
  return figure;
}

FigureSpec animation(std::vector<SeedCell> cells) {
  const size_t all = cells.size();
  if (cells.size() > kMostAnimated) cells.resize(kMostAnimated);
  json panels = json::array();
  std::vector<std::string> names;
  int64_t patches = 0;
  for (const SeedCell& cell : cells) {
    panels.push_back(panel_of(cell));
    patches = std::max(patches, static_cast<int64_t>(panels.back()["position_at"].size()));
    names.push_back(cell.row->name);
  }
  FigureSpec figure;
  figure.id = "generation";
  figure.section = "orders";
  figure.title = "An image as it is generated";
  figure.animated = true;
  figure.caption = fmt::format(
      "In which order does an image come to be? The finished image of seed {}, uncovered patch by "
      "patch; the outlined patch is the last one. The codes are decoded once all are there.",
      one_line(text(field(*cells.front().cell, "seed"))));
  figure.caption += left_out(cells.size(), all, "recipes");
  figure.alt = fmt::format("Animation: patches of an image appear one after the other, for {}.",
                           listed(names));
  figure.drawing = {
      {"kind", "animation"}, {"panels", std::move(panels)}, {"frames", frames_of(patches)}};
  return figure;
}

}  // namespace

std::vector<FigureSpec> path_figures(const std::vector<FigureRow>& rows) {
  const std::vector<SeedCell> cells = cells_of_one_seed(rows, has_path);
  if (cells.empty()) return {};
  return {path_figure(cells), animation(cells)};
}

}  // namespace oar::report
