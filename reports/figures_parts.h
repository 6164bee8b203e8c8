#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reports/figures.h"
#include "reports/summary.h"

namespace oar::report {

inline constexpr size_t kMostPanels = 24;     ///< of a figure
inline constexpr size_t kMostOverlaid = 6;    ///< lines that one panel can hold
inline constexpr size_t kMostNamedRows = 40;  ///< rows of a dot plot
inline constexpr size_t kMostImageRows = 12;  ///< recipes of a sheet of images

/// One row of the report as figures show it.
struct FigureRow {
  const Group* group = nullptr;
  std::string name;  ///< one short line, unlike that of every other row
  size_t look = 0;   ///< its colour, marker and dash, the same in every figure
};

std::vector<FigureRow> figure_rows(const Layout& layout);

/// Names that fit beside a plot and stay unlike each other: "oar, generate.distance_penalty=0.5"
/// becomes "oar, λ=0.5", other options lose their section, long names their middle.
std::vector<std::string> short_names(const std::vector<std::string>& names);

/// {n, points} and, where there are values, {mean}; from two on {low, high}, the 95 % interval of
/// the mean. Values that are not finite are left out.
nlohmann::json values_json(const std::vector<double>& values);

/// One line of a plot. `curves` holds one curve for each seed; those of another length than the
/// first are left out.
struct Line {
  std::string name;
  size_t look = 0;
  std::vector<double> x;
  std::vector<std::vector<double>> curves;
};

/// {name, look, x, y} and, from two curves on, {low, high}.
nlohmann::json line_json(const Line& line);

/// The drawing of lines that share their axes: in one panel, or from kMostOverlaid on in a panel
/// each, the others in grey behind it.
nlohmann::json lines_drawing(const std::vector<Line>& lines, const std::string& x_label,
                             const std::string& y_label);

/// The numbers of an array; empty unless it holds finite numbers only.
std::vector<double> numbers_of(const nlohmann::json& array);

/// " Shown: the first 24 of 29 recipes." where something is left out, else nothing.
std::string left_out(size_t shown, size_t all, const std::string& what);

/// "3 seeds", "1 to 3 seeds": cells that ended in these rows.
std::string seeds_of(const std::vector<FigureRow>& rows);

/// "oar, raster and 2 more".
std::string listed(const std::vector<std::string>& names);

/// What the lines and bars of an interval are.
inline constexpr char kIntervalText[] = "the 95 % interval over seeds (Student's t)";

// The figures of each section; empty where the results hold nothing for it.

/// Metrics by recipe; metrics over λ where a sweep varies it.
std::vector<FigureSpec> metric_figures(const std::vector<FigureRow>& rows);
/// Samples side by side.
std::vector<FigureSpec> sample_figures(const std::vector<FigureRow>& rows);
/// The order over an image, and its animation.
std::vector<FigureSpec> path_figures(const std::vector<FigureRow>& rows);
/// Maps of steps, histograms of jumps.
std::vector<FigureSpec> step_figures(const std::vector<FigureRow>& rows);
/// Blobs, steps to neighbours and likelihood over the steps.
std::vector<FigureSpec> time_figures(const std::vector<FigureRow>& rows);
/// Loss curves, held-out likelihood.
std::vector<FigureSpec> model_figures(const std::vector<FigureRow>& rows);
/// What each tokenizer makes of images.
std::vector<FigureSpec> tokenizer_figures(const std::vector<FigureRow>& rows);
/// Losses and use of the codebook over the training of each tokenizer.
std::vector<FigureSpec> tokenizer_curve_figures(const std::vector<FigureRow>& rows);
/// Excess nats, steps along the hidden path, sun before clouds, background first.
std::vector<FigureSpec> known_answer_figures(const std::vector<FigureRow>& rows);

/// The orders of a cell's first images, which lie beside the results.
struct Orders {
  int64_t rows = 0, cols = 0;
  std::vector<std::vector<int64_t>>
      position_at;  ///< empty unless each is a permutation of the grid
};
Orders orders_of(const nlohmann::json& cell);

/// The finished cells of each row for one seed that as many rows as possible have, where `has`
/// accepts the cell; rows without one are left out.
struct SeedCell {
  const FigureRow* row = nullptr;
  const nlohmann::json* cell = nullptr;
};
std::vector<SeedCell> cells_of_one_seed(const std::vector<FigureRow>& rows,
                                        bool (*has)(const nlohmann::json& cell));

/// A drawing of dots: for each panel and row a mean, an interval and a dot for each seed.
nlohmann::json dots_drawing(const std::vector<FigureRow>& rows, nlohmann::json panels);

/// Rows that a dot plot can hold.
std::vector<FigureRow> first_rows(const std::vector<FigureRow>& rows, size_t limit);

/// `text` is the status where no cell of the row ended, else "–".
std::string no_value_text(const Group& group);

}  // namespace oar::report
