#include "harness/orders_verb/order_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "harness/store/progress.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr size_t kLongestBar = 40;

std::string number(const json& value, const char* unit = "") {
  return value.is_number() ? fmt::format("{:.4g}{}", value.get<double>(), unit) : "–";
}

std::string share(const json& value) {
  return value.is_number() ? fmt::format("{:.1f} %", 100 * value.get<double>()) : "–";
}

std::string with_spread(const json& mean, const json& spread, const char* unit = "") {
  if (!mean.is_number()) return "–";
  return fmt::format("{:.4g} ± {:.2g}{}", mean.get<double>(), spread.get<double>(), unit);
}

std::string line(const std::string& title, const std::string& text) {
  return fmt::format("  {:<34} {}\n", title, text);
}

std::string histogram(const json& record) {
  const auto counts = record.at("counts").get<std::vector<int64_t>>();
  const auto edges = record.at("edges").get<std::vector<double>>();
  int64_t total = 0, most = 1;
  for (const int64_t count : counts) {
    total += count;
    most = std::max(most, count);
  }
  std::string text;
  for (size_t i = 0; i < counts.size() && total > 0; ++i) {
    const auto bar = static_cast<size_t>(
        std::lround(static_cast<double>(kLongestBar) * static_cast<double>(counts[i]) /
                    static_cast<double>(most)));
    text += fmt::format("  {:>2.0f} to {:<2.0f} {:>6.1f} %{}{}\n", edges[i], edges[i + 1],
                        100.0 * static_cast<double>(counts[i]) / static_cast<double>(total),
                        bar > 0 ? " " : "", std::string(bar, '#'));
  }
  return text.empty() ? text : "\ninter-patch distance (patches)\n" + text;
}

std::string mean_steps(const json& rows) {
  std::string text = "\nmean step of each cell\n";
  for (const json& row : rows) {
    text += " ";
    for (const json& step : row) text += fmt::format(" {:5.1f}", step.get<double>());
    text += "\n";
  }
  return text;
}

std::string present_signatures(const json& signatures) {
  std::string text;
  for (const json& signature : signatures) {
    if (signature.at("present") != true) continue;
    text += fmt::format("\nsign of failure, {}: {}\n", signature.at("name").get<std::string>(),
                        signature.at("sentence").get<std::string>());
  }
  return text;
}

}  // namespace

std::string render_statistics(const json& record, bool peeks) {
  const int64_t rows = record.at("rows"), cols = record.at("cols");
  std::string text = line(
      "orders", fmt::format("{}, grid {}x{}", count_text(record.at("num_orders")), rows, cols));
  text += line("mean inter-patch distance",
               with_spread(record.at("mean_inter_patch_distance"),
                           record.at("stddev_inter_patch_distance"), " patches"));
  text += line("steps to a direct neighbour", share(record.at("neighbour_share")));
  text += line("steps that touch a filled patch", share(record.at("touch_share")));
  text += line("jumps over half of the longest", share(record.at("long_jump_share")));
  text += line("blobs, mean over the steps", number(record.at("mean_blobs")));
  text += line("centre to border", number(record.at("centre_to_border")));
  text += line("Kendall's tau to raster",
               with_spread(record.at("raster_tau"), record.at("stddev_raster_tau")));
  text += line("Spearman's rho to raster",
               with_spread(record.at("raster_rho"), record.at("stddev_raster_rho")));
  const std::string compared =
      fmt::format(", each of {} with each", count_text(record.at("orders_compared")));
  text += line("Kendall's tau between images", number(record.at("between_tau"), compared.c_str()));
  text += line("Spearman's rho between images", number(record.at("between_rho")));
  text +=
      line("entropy of the first position",
           number(record.at("first_position_entropy"),
                  fmt::format(" nats, at most {:.4g}", std::log(static_cast<double>(rows * cols)))
                      .c_str()));
  if (record.contains("nats_per_image")) {
    text += line("nats per image",
                 number(record.at("nats_per_image")) +
                     (peeks ? " (no bound: the order peeks at codes not yet placed)" : ""));
  }
  return text + histogram(record.at("histogram")) + mean_steps(record.at("mean_step_of")) +
         present_signatures(record.at("signatures"));
}

std::string render_steps(const torch::Tensor& step_of, const Grid& grid) {
  const size_t width = fmt::format("{}", grid.size() - 1).size();
  std::string text;
  for (int64_t p = 0; p < grid.size(); ++p) {
    text +=
        fmt::format("{}{:>{}}", grid.col(p) == 0 ? "  " : " ", step_of[p].item<int64_t>(), width);
    if (grid.col(p) == grid.cols - 1) text += "\n";
  }
  return text;
}

std::string render_images(const json& records) {
  struct Column {
    const char *key, *title;
  };
  constexpr Column kColumns[] = {{"mean_jump", "jump"},    {"neighbour_share", "neighbour"},
                                 {"touch_share", "touch"}, {"long_jump_share", "long"},
                                 {"mean_blobs", "blobs"},  {"centre_to_border", "centre"},
                                 {"raster_tau", "tau"},    {"raster_rho", "rho"},
                                 {"nats", "nats"}};
  std::string text = fmt::format("{:>9}", "image");
  const auto has = [&](const char* key) { return records.front().contains(key); };
  for (const Column& column : kColumns) {
    if (has(column.key)) text += fmt::format(" {:>9}", column.title);
  }
  text += "\n";
  for (const json& record : records) {
    text += fmt::format("{:>9}", record.at("image").get<int64_t>());
    for (const Column& column : kColumns) {
      if (has(column.key)) text += fmt::format(" {:>9}", number(record.at(column.key)));
    }
    text += "\n";
  }
  return text;
}

std::string render_comparison(const json& record) {
  std::string text = line("images with an order in both", count_text(record.at("num_orders")));
  text += line("Kendall's tau", with_spread(record.at("mean_tau"), record.at("stddev_tau")));
  text += line("Spearman's rho", with_spread(record.at("mean_rho"), record.at("stddev_rho")));
  text += line("same patch at the same step", share(record.at("equal_share")));
  text += line("same order throughout", share(record.at("identical_share")));
  text += line("mean inter-patch distance",
               fmt::format("{} and {} patches", number(record.at("mean_jump_a")),
                           number(record.at("mean_jump_b"))));
  return text;
}

std::string render_search(const json& search, const json& agreement) {
  std::string text = "\nsearch\n";
  text += line("cell, model", fmt::format("{}, {}", search.at("cell").get<std::string>(),
                                          search.at("model").get<std::string>()));
  std::string order = search.at("order");
  if (search.contains("confidence")) {
    order += fmt::format(" by {}, lambda {}", search["confidence"].get<std::string>(),
                         number(search.at("distance_penalty")));
  }
  text += line("order", order);
  text += line("peeks", search.at("peeks") == true ? "yes" : "no");
  text += line("token evaluations", count_text(search.at("token_evaluations")));
  text += line("time",
               fmt::format("{:.3g} s on {}, {} images at once", search.at("seconds").get<double>(),
                           search.at("device").get<std::string>(),
                           count_text(search.at("images_together"))));
  if (agreement.is_null()) return text;
  text += "\nagainst the exact search\n";
  text += line("Kendall's tau", number(agreement.at("kendall_tau")));
  text += line("same order throughout", share(agreement.at("identical_share")));
  text +=
      line("nats per image", fmt::format("{}; exact: {}", number(agreement.at("nats_per_image")),
                                         number(agreement.at("exact_nats_per_image"))));
  text +=
      line("token evaluations", number(agreement.at("token_evaluations_ratio"), " times fewer"));
  text += line("speed", number(agreement.at("speedup"), " times the exact one's"));
  return text;
}

}  // namespace oar
