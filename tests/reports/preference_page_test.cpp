#include "reports/preference_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <stdexcept>
#include <system_error>

#include "tests/reports/example_images.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using example::cell;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// Two rows of two seeds with three images each. What the page does is tested in a browser.
class PreferencePage : public ::testing::Test {
 protected:
  PreferencePage()
      : folder_(fs::temp_directory_path() / ("oar-page-" + std::to_string(::getpid()))) {
    std::vector<json> cells;
    for (const int seed : {0, 1}) {
      cells.push_back(cell("oar", seed, json::array()));
      example::add_samples(cells.back(), folder_, 3, 200);
      cells.push_back(cell("raster", seed, json::array()));
      example::add_samples(cells.back(), folder_, 3, 100);
    }
    results_ = example::results(cells);
  }
  ~PreferencePage() override { fs::remove_all(folder_); }

  std::string page() const { return render_preference_page(results_, folder_, "oar", "raster"); }

  /// The pairs as the page's script finds them.
  json data() const {
    const std::string html = page(), begin = "id=\"pairs\">";
    const size_t at = html.find(begin) + begin.size();
    return json::parse(html.substr(at, html.find("</script>", at) - at));
  }

  template <class Error = std::invalid_argument>
  std::string refusal(const std::string& a = "oar", const std::string& b = "raster") const {
    try {
      render_preference_page(results_, folder_, a, b);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was refused";
  }

  fs::path folder_;
  json results_;
};

TEST_F(PreferencePage, PairsSamplesOfOneSeedAndNumber) {
  const json found = data();
  EXPECT_EQ(found["a"], "oar");
  EXPECT_EQ(found["b"], "raster");
  ASSERT_EQ(found["pairs"].size(), 6u);
  EXPECT_EQ(found["pairs"][4]["seed"], "1");
  EXPECT_EQ(found["pairs"][4]["sample"], 1);
  EXPECT_THAT(found["page_id"].get<std::string>(), ::testing::MatchesRegex("[0-9a-f]{64}"));
  EXPECT_THAT(found["pairs"][0]["images"][0].get<std::string>(),
              StartsWith("data:image/png;base64,iVBORw0KGgo"));
}

TEST_F(PreferencePage, IsAnotherPageForOtherImagesOrSides) {
  const json id = data()["page_id"];
  std::swap(results_["cells"][0]["samples"], results_["cells"][1]["samples"]);
  EXPECT_NE(data()["page_id"], id);
}

TEST_F(PreferencePage, ShowsNeitherNamesNorFilesOutsideOfItsData) {
  const std::string html = page();
  const std::string shown = html.substr(0, html.find("id=\"pairs\">"));
  EXPECT_THAT(shown, Not(HasSubstr("raster")));
  EXPECT_THAT(html, Not(HasSubstr(".png\"")));
  EXPECT_THAT(html, Not(HasSubstr("exhibits")));
}

// Always the first or never: then the place would tell. These hashes put A first in some pairs.
TEST_F(PreferencePage, PutsTheImagesOfAPairInNoTellingOrder) {
  const json found = data();
  const std::string id = found["page_id"], key = found["key"];
  size_t a_first = 0;
  for (size_t i = 0; i < key.size(); ++i) {
    a_first += (key[i] - '0' + std::stoi(id.substr(i, 1), nullptr, 16)) % 2;
  }
  EXPECT_EQ(key.size(), 6u);
  EXPECT_GT(a_first, 0u);
  EXPECT_LT(a_first, 6u);
}

TEST_F(PreferencePage, EscapesWhatUsersNamed) {
  for (json& one : results_["cells"]) {
    if (one["labels"]["recipe"] == "oar") one["labels"]["recipe"] = "</script><script>alert(1)";
  }
  results_["name"] = "<script>alert(2)</script>";
  const std::string html =
      render_preference_page(results_, folder_, "</script><script>alert(1)", "raster");
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(html, HasSubstr(R"x("a":"\u003c/script>\u003cscript>alert(1)")x"));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(2)"));
}

TEST_F(PreferencePage, NamesTheKnownRowsWhereOneIsUnknown) {
  EXPECT_EQ(refusal("oarr"),
            "--preference: no row of the report is called \"oarr\".\n  known: oar, raster");
  EXPECT_EQ(refusal("oar", "oar"), "--preference: \"oar\" twice; name two rows to compare");
}

TEST_F(PreferencePage, RefusesARowWithoutImages) {
  for (json& one : results_["cells"]) {
    if (one["labels"]["recipe"] == "raster") one["samples"].erase("images");
  }
  EXPECT_THAT(refusal(),
              StartsWith("--preference: results.json names no images of row \"raster\""));
}

TEST_F(PreferencePage, RefusesRowsWithoutACommonSeed) {
  results_["cells"].erase(3);  // raster, seed 1
  results_["cells"].erase(0);  // oar, seed 0
  EXPECT_THAT(refusal(), HasSubstr("\"oar\" and \"raster\" have no seed in common"));
}

TEST_F(PreferencePage, RefusesImagesOfDifferentConditions) {
  for (json& one : results_["cells"]) one["samples"]["conditions"] = {3, nullptr, 5};
  EXPECT_EQ(data()["pairs"][0]["condition"], "class 3");
  EXPECT_FALSE(data()["pairs"][1].contains("condition"));
  results_["cells"][1]["samples"]["conditions"][2] = 4;
  EXPECT_EQ(refusal(),
            "--preference: sample 2 of seed 0 was drawn for different conditions: 5 in \"oar\", 4 "
            "in \"raster\". Only images of one condition are a pair.");
}

TEST_F(PreferencePage, ReadsNoFileOutsideOfTheFolder) {
  for (const char* name : {"/etc/passwd", "../x.png", "a/../../x.png", ""}) {
    results_["cells"][0]["samples"]["images"][0] = name;
    EXPECT_THAT(refusal(), HasSubstr("accepted: a path below the folder of results.json")) << name;
  }
}

TEST_F(PreferencePage, NamesAnImageThatIsNotThereOrIsNone) {
  json& name = results_["cells"][0]["samples"]["images"][0];
  name = "exhibits/none.png";
  EXPECT_THAT(refusal<std::system_error>(), HasSubstr("exhibits/none.png"));
  std::ofstream(folder_ / "exhibits" / "text.png") << "text";
  name = "exhibits/text.png";
  EXPECT_EQ(refusal(),
            "results.json: samples.images: \"exhibits/text.png\" is neither PNG nor JPEG");
}

}  // namespace
}  // namespace oar
