#include <fmt/format.h>

#include <algorithm>

#include "reports/fields.h"
#include "reports/figures_parts.h"

namespace oar::report {
namespace {

using nlohmann::json;

constexpr size_t kImagesOfARow = 8;
constexpr size_t kMostTokenizers = 6;

/// The exhibits of a list; empty where one of them is no exhibit's path.
std::vector<std::string> images_of(const json& list) {
  std::vector<std::string> images;
  if (!list.is_array()) return {};
  for (const json& path : list) {
    if (!is_exhibit_path(text(path))) return {};
    images.push_back(text(path));
  }
  return images;
}

bool has_images(const json& cell) {
  return !images_of(field(field(cell, "samples"), "images")).empty();
}

/// "Shirts", "Trousers", ... of the first images; empty without conditions.
json conditions_of(const json& cell, size_t images) {
  const json& conditions = items(field(cell, "samples"), "conditions");
  json names = json::array();
  for (size_t i = 0; i < std::min(images, conditions.size()); ++i) {
    names.push_back(conditions[i].is_null() ? "no class"
                                            : shorten(one_line(text(conditions[i])), 14));
  }
  return names;
}

std::vector<std::string> first(const std::vector<std::string>& images) {
  return {images.begin(),
          images.begin() + static_cast<std::ptrdiff_t>(std::min(images.size(), kImagesOfARow))};
}

/// "21.3 dB" where the cell's tokenizer states its PSNR.
std::string psnr_text(const json& cell) {
  const auto psnr =
      number(dotted(field(last_stage(cell, "tokenizer"), "record"), "reconstruction.psnr"));
  return psnr ? format_number(*psnr, 3) + " dB" : "";
}

struct Tokenizer {
  std::vector<std::string> originals, reconstructed;
  std::string psnr;
  std::vector<std::string> rows;  ///< names of those that use it
};

std::vector<Tokenizer> tokenizers_of(const std::vector<FigureRow>& rows) {
  std::vector<Tokenizer> found;
  for (const FigureRow& row : rows) {
    for (const json* cell : row.group->done()) {
      const json& shown = field(*cell, "reconstructions");
      const auto originals = images_of(field(shown, "originals"));
      const auto reconstructed = images_of(field(shown, "reconstructed"));
      if (originals.empty() || originals.size() != reconstructed.size()) continue;
      auto same = std::find_if(found.begin(), found.end(), [&](const Tokenizer& t) {
        return t.reconstructed == reconstructed;
      });
      if (same == found.end()) {
        same = found.insert(found.end(), {originals, reconstructed, psnr_text(*cell), {}});
      }
      if (same->rows.empty() || same->rows.back() != row.name) same->rows.push_back(row.name);
    }
  }
  return found;
}

}  // namespace

std::vector<FigureSpec> sample_figures(const std::vector<FigureRow>& rows) {
  std::vector<SeedCell> cells = cells_of_one_seed(rows, has_images);
  if (cells.empty()) return {};
  const size_t all = cells.size();
  if (cells.size() > kMostImageRows) cells.resize(kMostImageRows);
  json sheet = json::array();
  std::vector<std::string> names;
  size_t columns = 0;
  json former = json::array();  // what the columns of the row above are
  bool draws_first = false, conditioned = false;
  for (const SeedCell& cell : cells) {
    const json& samples = field(*cell.cell, "samples");
    const json images = first(images_of(field(samples, "images")));
    columns = std::max(columns, images.size());
    const bool marked = is_true(field(samples, "draws_before_choosing"));
    draws_first = draws_first || marked;
    json row = {{"name", cell.row->name + (marked ? " ‡" : "")}, {"images", images}};
    json headings = conditions_of(*cell.cell, images.size());
    conditioned = conditioned || !headings.empty();
    if (headings.empty() && !former.empty()) headings = json(images.size(), "–");
    if (headings != former) row["headings"] = headings;
    former = std::move(headings);
    sheet.push_back(std::move(row));
    names.push_back(cell.row->name);
  }
  FigureSpec figure;
  figure.id = "samples";
  figure.section = "samples";
  figure.title = "Samples, recipe by recipe";
  figure.caption = fmt::format(
      "What do the images look like? A row is a recipe, a column one random seed{}: the first {} "
      "generated images of seed {}, none chosen.",
      conditioned ? " and condition" : "", columns,
      one_line(text(field(*cells.front().cell, "seed"))));
  if (draws_first) {
    figure.caption += " ‡ draws a code for every open patch before it chooses among them.";
  }
  figure.caption += left_out(cells.size(), all, "recipes");
  figure.alt = fmt::format("{} generated images each of {}, in rows.", columns, listed(names));
  figure.drawing = {{"kind", "images"}, {"rows", std::move(sheet)}};
  return {std::move(figure)};
}

std::vector<FigureSpec> tokenizer_figures(const std::vector<FigureRow>& rows) {
  std::vector<Tokenizer> tokenizers = tokenizers_of(rows);
  if (tokenizers.empty()) return {};
  const size_t all = tokenizers.size();
  if (tokenizers.size() > kMostTokenizers) tokenizers.resize(kMostTokenizers);
  json sheet = json::array();
  for (const Tokenizer& tokenizer : tokenizers) {
    if (&tokenizer == tokenizers.data() ||
        tokenizer.originals != (&tokenizer - 1)->originals) {  // one data set's, once
      sheet.push_back({{"name", "original"}, {"images", first(tokenizer.originals)}});
    }
    std::string name = all == 1 ? "reconstructed" : listed(tokenizer.rows);
    if (!tokenizer.psnr.empty()) name += "\n" + tokenizer.psnr;
    sheet.push_back({{"name", name}, {"images", first(tokenizer.reconstructed)}});
  }
  FigureSpec figure;
  figure.id = "reconstructions";
  figure.section = "tokenizer";
  figure.title = "What the tokenizer keeps of an image";
  figure.caption = fmt::format(
      "What is lost before any order is chosen? Above: the first {} held-out images (training "
      "images where none is held out); below: the same out of their codes alone. No recipe can do "
      "better. dB: PSNR over all images that the tokenizer was scored on.",
      first(tokenizers.front().originals).size());
  figure.caption += left_out(tokenizers.size(), all, "tokenizers");
  figure.alt = fmt::format("Images and their reconstructions by {} {}.", tokenizers.size(),
                           tokenizers.size() == 1 ? "tokenizer" : "tokenizers");
  figure.drawing = {{"kind", "images"}, {"rows", std::move(sheet)}};
  return {std::move(figure)};
}

}  // namespace oar::report
