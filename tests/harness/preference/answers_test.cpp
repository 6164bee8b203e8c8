#include "harness/preference/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <system_error>

#include "datasets/dataset.h"
#include "tests/harness/preference/exported_file.h"

namespace oar {
namespace {

using example::exported;
using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class Answers : public ::testing::Test {
 protected:
  template <class Error>
  static std::string message(const std::vector<std::string>& files) {
    try {
      read_all_answers(files);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was refused";
  }

  /// What reading says after one value of an export was replaced.
  std::string problem_with(const char* pointer, const json& value) const {
    json record = exported("v", "ab");
    record[json::json_pointer(pointer)] = value;
    return message<BadData>({folder_.write("v.json", record)});
  }

  example::ExportFolder folder_;
};

TEST_F(Answers, AreReadAsTheyWereGiven) {
  const ViewerAnswers viewer = read_answers(folder_.write("v.json", exported("v", "ab-")));
  EXPECT_EQ(viewer.viewer, "v");
  EXPECT_EQ(viewer.a, "oar_finetuned");
  EXPECT_EQ(viewer.b, "raster");
  EXPECT_EQ(viewer.of, 16);
  ASSERT_EQ(viewer.answers.size(), 3u);
  EXPECT_EQ(viewer.answers[0].choice, Preference::kA);
  EXPECT_TRUE(viewer.answers[0].a_was_left);
  EXPECT_EQ(viewer.answers[1].choice, Preference::kB);
  EXPECT_FALSE(viewer.answers[1].a_was_left);
  EXPECT_EQ(viewer.answers[2].choice, Preference::kTie);
  EXPECT_EQ(viewer.answers[2].sample, 2);
  EXPECT_EQ(viewer.answers[2].milliseconds, 3000);
}

TEST_F(Answers, TellSeedsApartThatADoubleDoesNot) {
  json record = exported("v", "ab");
  for (const char* seed : {"9223372036854775807", "9223372036854775806"}) {
    json& pair = record["pairs"][seed[18] == '7' ? 0 : 1];
    pair["seed"] = seed;
    pair["sample"] = 0;
  }
  const ViewerAnswers viewer = read_answers(folder_.write("v.json", record));
  EXPECT_EQ(viewer.answers[0].seed, "9223372036854775807");
  EXPECT_EQ(viewer.answers[1].seed, "9223372036854775806");
}

TEST_F(Answers, SayWhichFieldOfWhichFileIsWrong) {
  EXPECT_THAT(problem_with("/schema_version", 2),
              EndsWith("v.json: schema_version: found 2; accepted: 1, as this version's preference "
                       "pages export it"));
  EXPECT_THAT(problem_with("/pairs/1/choice", "c"),
              EndsWith(R"(pairs[1].choice: found "c"; accepted: "a", "b" or "tie")"));
  EXPECT_THAT(problem_with("/pairs/0/left", nullptr),
              EndsWith(R"(pairs[0].left: found null; accepted: "a" or "b")"));
  EXPECT_THAT(problem_with("/pairs", json::array()),
              EndsWith("pairs: found []; accepted: an array with an answer at least"));
  EXPECT_THAT(problem_with("/viewer", ""), EndsWith("viewer: found \"\"; accepted: a text"));
  EXPECT_THAT(problem_with("/pairs/1/sample", 0), HasSubstr("accepted: each pair once"));
  EXPECT_THAT(
      problem_with("/pairs/1/seed", "7; rm"),
      EndsWith("pairs[1].seed: found \"7; rm\"; accepted: an integer, or its digits as text"));
  for (const json& time : {json(-1), json(UINT64_MAX), json(INT64_MAX), json(1.5)}) {
    EXPECT_THAT(problem_with("/pairs/1/milliseconds", time),
                HasSubstr("accepted: an integer from 0 to 1000000000000"));
  }
  EXPECT_THAT(problem_with("/of", 1),
              EndsWith("of: found 1; accepted: 2 or more, as many answers are there"));
  EXPECT_THAT(problem_with("", json::array()), HasSubstr("an export of a preference page"));
  json incomplete = exported("v", "ab");
  incomplete.erase("page_id");
  EXPECT_THAT(message<BadData>({folder_.write("v.json", incomplete)}),
              EndsWith("page_id: missing; accepted: a text"));
}

TEST_F(Answers, RefuseFilesOfTwoPages) {
  json other = exported("w", "ab");
  other["page_id"] = std::string(64, 'd');
  EXPECT_THAT(message<std::invalid_argument>(
                  {folder_.write("v.json", exported("v", "ab")), folder_.write("w.json", other)}),
              AllOf(HasSubstr("v.json and "),
                    EndsWith("w.json are answers to different pages: \"oar_finetuned\" against "
                             "\"raster\" (cccccccccccc), and \"oar_finetuned\" against \"raster\" "
                             "(dddddddddddd); count each page alone")));
}

TEST_F(Answers, RefuseOneViewerTwice) {
  EXPECT_THAT(message<std::invalid_argument>({folder_.write("early.json", exported("v", "a")),
                                              folder_.write("late.json", exported("v", "ab"))}),
              AllOf(HasSubstr("early.json and "),
                    EndsWith("late.json are of one viewer (v); give the later export alone")));
}

TEST_F(Answers, NameAFileThatIsNotThere) {
  EXPECT_THROW(read_answers("/no/such/file.json"), std::system_error);
}

}  // namespace
}  // namespace oar
