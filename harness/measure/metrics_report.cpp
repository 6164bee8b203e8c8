#include "harness/measure/metrics_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/store/progress.h"

namespace oar {
namespace {

using nlohmann::json;

std::string number(const json& value) { return fmt::format("{:.6g}", value.get<double>()); }

std::string images_of(const json& count) {
  return count.is_null() ? "?" : count_text(count.get<int64_t>());
}

std::string side_line(const char* role, const json& side) {
  if (side.is_null()) return "";
  std::string line = fmt::format("{:<10} {}", role, side.at("kind").get<std::string>());
  if (!side.at("images").is_null()) line += fmt::format(": {} images", images_of(side["images"]));
  if (side.contains("skipped") && !side["skipped"].empty()) {
    line += fmt::format(", {} broken ones left out", side["skipped"].size());
  }
  if (side.value("cached", false)) line += " (features from the cache)";
  line += "\n";
  for (const json& note : side.value("notes", json::array())) {
    line += fmt::format("{:<10} note: {}\n", "", note.get<std::string>());
  }
  for (const json& skipped : side.value("skipped", json::array())) {
    line += fmt::format("{:<10} left out: {}: {}\n", "", skipped.at("file").get<std::string>(),
                        skipped.at("reason").get<std::string>());
  }
  return line;
}

// "95 % in 12.1 .. 12.9", "± 0.2 over 100 subsets of 1,000".
std::string spread(const json& score) {
  if (score.contains("ci95") && !score["ci95"].is_null()) {
    return fmt::format("95 % in {} .. {}, from {} subsets of {}", number(score["ci95"][0]),
                       number(score["ci95"][1]), score["fid_subsets"].get<int64_t>(),
                       images_of(score["fid_subset_size"]));
  }
  if (score.contains("k")) return fmt::format("k = {}", score["k"].get<int64_t>());
  if (score.contains("standard_error")) {
    return fmt::format("± {} (standard error)", number(score["standard_error"]));
  }
  if (score.at("stddev").is_null()) return "";
  std::string text = fmt::format("± {}", number(score["stddev"]));
  if (score.contains("kid_subsets")) {
    text += fmt::format(" over {} subsets of {}", score["kid_subsets"].get<int64_t>(),
                        images_of(score["kid_subset_size"]));
  }
  if (score.contains("isc_splits")) {
    text += fmt::format(" over {} splits", score["isc_splits"].get<int64_t>());
  }
  return text;
}

std::string counts(const json& score) {
  const std::string generated = images_of(score.at("num_generated"));
  if (!score.contains("num_reference")) return generated;
  return fmt::format("{} / {}", images_of(score["num_reference"]), generated);
}

// Width on a terminal: letters, not bytes.
size_t width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string padded(const std::string& text, size_t columns) {
  return text + std::string(columns > width(text) ? columns - width(text) : 0, ' ');
}

std::string score_table(const json& scores) {
  size_t name_width = 6, spread_width = 6;
  for (const json& score : scores) {
    name_width = std::max(name_width, width(score.at("name").get<std::string>()));
    spread_width = std::max(spread_width, width(spread(score)));
  }
  std::string table;
  const auto row = [&](const std::string& name, const std::string& value, const std::string& middle,
                       const std::string& last) {
    table += fmt::format("{}  {:>12}  {}  {}\n", padded(name, name_width), value,
                         padded(middle, spread_width), last);
  };
  row("metric", "value", "spread", "real / generated");
  for (const json& score : scores) {
    const std::string name = score.at("name");
    if (score.at("value").is_null()) {
      table += fmt::format("{}  {:>12}  {}\n", padded(name, name_width), "not computed",
                           score.at("reason").get<std::string>());
    } else {
      row(name, number(score["value"]), spread(score), counts(score));
    }
  }
  return table;
}

}  // namespace

std::string render_metrics(const json& report) {
  const json& extractor = report.at("extractor");
  std::string text = side_line("real", report.at("real"));
  text += side_line("generated", report.at("generated"));
  text += fmt::format(
      "{:<10} {}, convention {}, {}, on {}; weights {}\n", "network",
      extractor.at("name").get<std::string>(), extractor.at("convention").get<std::string>(),
      extractor.at("precision").get<std::string>(), extractor.at("device").get<std::string>(),
      extractor.at("weights_sha256").get<std::string>());
  if (!report.at("scores").empty()) text.append("\n").append(score_table(report["scores"]));
  for (const json& warning : report.at("warnings")) {
    text += fmt::format("\nwarning {}: {}", warning.at("warning").get<std::string>(),
                        warning.at("message").get<std::string>());
  }
  if (!report.at("warnings").empty()) text += "\n";
  return text;
}

}  // namespace oar
