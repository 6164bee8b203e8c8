// Every text of a record is hostile: what reports print of it stays text.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "reports/report.h"
#include "tests/reports/example_results.h"

namespace oar {
namespace {

using example::cell;
using example::failed;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHostile =
    "<script>alert(1)</script>|`a`\n\n# h\r\n| x |\x1b[2J\x9b\xff[l](https://x)";

/// The record with every text made hostile, except those that decide what is printed at all.
json poisoned(const json& value, const std::string& key = "") {
  if (value.is_string()) {
    const bool decides = key == "status" || key == "metric" || key == "stage" || key == "role";
    return decides ? value : json(value.get<std::string>() + kHostile);
  }
  if (!value.is_structured()) return value;
  json result = value.is_array() ? json::array() : json::object();
  for (const auto& [name, member] : value.items()) {
    if (value.is_array()) {
      result.push_back(poisoned(member, key));
    } else {
      result[name] = poisoned(member, name);
    }
  }
  return result;
}

json hostile_results() {
  json done = cell("oar", 0, {example::fid(12.8), example::distance(4.3)});
  const json quality = {{"psnr", 21.3}, {"rfid", 29.4},     {"extractor", "net"},
                        {"images", 64}, {"split", "train"}, {"codebook_use", 0.5}};
  done["stages"] = {
      example::stage("dataset", "d", 1,
                     {{"rejected", json::array({{{"file", "a.png"}, {"reason", "broken"}}})}}),
      example::stage("tokenizer", "t", 1, {{"reconstruction", quality}, {"device", "cpu"}}),
      example::stage("any_order", "m", 12.3)};
  done["order_statistics"] = {
      {"peeks", true},
      {"draws_before_choosing", true},
      {"mean_inter_patch_distance", 4.3},
      {"signatures",
       json::array({{{"name", "seams"}, {"present", true}, {"sentence", "Seams everywhere."}}})}};
  json stopped = failed(cell("raster", 0, json::array()), "failed", "out of memory");
  json results = poisoned(example::results({done, stopped}));
  results["cells"][0]["labels"][kHostile] = kHostile;
  results["report"] = {{"rows", kHostile}, {"columns", "recipe"}};
  results["context"]["versions"][kHostile] = kHostile;
  return results;
}

int unescaped_pipes(const std::string& line) {
  int pipes = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '|') {
      ++pipes;
    }
  }
  return pipes;
}

void expect_no_control(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    EXPECT_TRUE(c == '\n' || (byte >= 0x20 && byte != 0x7f)) << static_cast<int>(byte);
  }
  EXPECT_NO_THROW(json(text).dump());  // UTF-8
}

TEST(HostileNames, AreTextInAMarkdownReport) {
  const std::string report = render_markdown(hostile_results());
  expect_no_control(report);
  EXPECT_THAT(report, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;\\|\\`a\\`"));
  EXPECT_THAT(report, Not(HasSubstr("<script")));
  EXPECT_THAT(report, Not(HasSubstr("https://x")));
  std::istringstream lines(report);
  int row_of_table = 0, tables = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_FALSE(line.starts_with("# h")) << line;
    if (!line.starts_with("|")) {
      row_of_table = 0;
      continue;
    }
    if (row_of_table == 0) ++tables;
    const int pipes = unescaped_pipes(line);
    if (row_of_table != 0) EXPECT_EQ(pipes, row_of_table) << line;
    row_of_table = pipes;
  }
  EXPECT_GE(tables, 4);
}

TEST(HostileNames, CannotSteerATerminal) { expect_no_control(render_table(hostile_results())); }

TEST(HostileNames, AreQuotedWhereARecordIsRefused) {
  json file = hostile_results();
  file["cells"][0]["status"] = kHostile;
  for (const std::string& problem : validate_results(file)) expect_no_control(problem);
}

}  // namespace
}  // namespace oar
