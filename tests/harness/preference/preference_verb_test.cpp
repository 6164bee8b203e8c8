#include "harness/preference/preference_verb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/preference/exported_file.h"

namespace oar {
namespace {

using example::exported;
using ::testing::HasSubstr;

class PreferenceVerb : public ::testing::Test {
 protected:
  std::vector<ViewerAnswers> viewers(const std::vector<std::string>& choices) const {
    std::vector<std::string> files;
    for (size_t i = 0; i < choices.size(); ++i) {
      const std::string name = "viewer" + std::to_string(i);
      files.push_back(folder_.write(name + ".json", exported(name, choices[i])));
    }
    return read_all_answers(files);
  }

  example::ExportFolder folder_;
};

// 12 of 16 and 9 of 16 with no preference as halves: 21 of 32; sign test of 19 against 9.
TEST_F(PreferenceVerb, TellsTheWinRateItsIntervalsAndEachViewer) {
  const std::string text = preference_text(viewers({"aaaaaaaaaaabbb--", "aaaaaaaabbbbbb--"}));
  EXPECT_EQ(
      text,
      "A: oar_finetuned\n"
      "B: raster\n"
      "\n"
      "A wins 65.6 % of 32 answers, by 2 viewers; \"no preference\" is half a win for each\n"
      "  A 19, B 9, no preference 4\n"
      "  95 % interval 48.3 .. 79.6 % over the answers, as if they were independent (Wilson)\n"
      "  95 % interval 0.0 .. 100.0 % over the 2 viewers (each a cluster; Student's t)\n"
      "  sign test of the 28 answers with a preference: p = 0.0872 (two-sided)\n"
      "  the left side was chosen 15 times, the right 13: p = 0.8506\n"
      "\n"
      "  viewer           answers      A      B   none   A wins  median s\n"
      "  viewer0               16     11      3      2   75.0 %       8.5\n"
      "  viewer1               16      8      6      2   56.2 %       8.5\n"
      "\n"
      "The paper's 64 % (arXiv 2504.17069 v2, human preference over the baseline) is such a "
      "number, of other images and viewers.\n");
}

TEST_F(PreferenceVerb, SaysWhatOneViewerCannotTell) {
  EXPECT_THAT(preference_text(viewers({"aab"})),
              HasSubstr("  one viewer: what other people prefer, this cannot tell\n"));
  EXPECT_THAT(preference_text(viewers({"aab", "aab"})),
              HasSubstr("all viewers have one and the same rate"));
}

TEST_F(PreferenceVerb, GivesTheSameNumbersAsJson) {
  const auto record = preference_json(viewers({"aaaaaaaaaaabbb--", "aaaaaaaabbbbbb--"}));
  EXPECT_EQ(record.at("win_rate"), 0.65625);
  EXPECT_EQ(record.at("answers"), (nlohmann::json{{"a", 19}, {"b", 9}, {"tie", 4}}));
  EXPECT_EQ(record.at("left_share"), 15.0 / 28.0);
  EXPECT_EQ(record.at("by_viewer").at(1).at("win_rate"), 0.5625);
  EXPECT_EQ(record.at("by_viewer").at(1).at("median_seconds"), 8.5);
  EXPECT_EQ(record.at("published").at("win_rate"), 0.64);
  EXPECT_EQ(preference_json(viewers({"--"})).at("left_share"), nullptr);
  EXPECT_EQ(preference_json(viewers({"ab"})).at("viewers_95"), nullptr);
}

}  // namespace
}  // namespace oar
