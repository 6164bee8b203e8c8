// `oar-bench data`, as a user runs it.
#include "harness/data/data_verb.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <sstream>

#include "datasets/dataset_info.h"
#include "harness/exit_code.h"
#include "tests/datasets/test_archive.h"
#include "tests/datasets/test_folder.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Data : public ProgramTest {
 protected:
  void write(const std::string& file, const Bytes& bytes) const {
    const std::filesystem::path path = folder_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  }

  /// Ten pictures in two classes, all different, 40 x 40.
  void write_classes() const {
    for (int i = 0; i < 10; ++i) {
      write("photos/" + std::string(i < 5 ? "cats" : "dogs") + "/" + std::to_string(i) + ".png",
            encode(make_picture(40, 40, i), ".png"));
    }
  }

  json run_json(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--json", "--quiet"});
    outcome_ = run(arguments);
    return json::parse(outcome_.text);
  }

  Outcome outcome_;
};

TEST_F(Data, CheckFindsNothingInACleanFolder) {
  write_classes();
  const Outcome outcome = run({"data", "check", "photos", "--quiet"});
  EXPECT_EQ(outcome.code, kAllDone);
  EXPECT_THAT(outcome.text,
              AllOf(HasSubstr("image_folder in \"photos\"  (a guess: "),
                    HasSubstr("10: 9 to train on, 1 held out (split hash, held_out 0.1, seed 0)"),
                    HasSubstr("nothing to remove")));
}

TEST_F(Data, CheckNamesEveryKindOfFault) {
  write_classes();
  const Bytes cat = encode(make_picture(40, 40, 0), ".jpg");
  write("photos/cats/cut.jpg", {cat.begin(), cat.begin() + std::ssize(cat) / 2});
  write("photos/cats/empty.png", {});
  write("photos/cats/Katze-猫.gif", {});
  write("photos/cats/again.png", encode(make_picture(40, 40, 7), ".png"));  // dogs/7.png too
  write("photos/dogs/small.png", encode(make_picture(20, 31, 20), ".png"));
  write("photos/dogs/long.png", encode(make_picture(90, 40, 21), ".png"));
  const json found = run_json({"data", "check", "photos", "--set", "held_out=0"});
  EXPECT_EQ(outcome_.code, kBadData);
  EXPECT_EQ(found.at("exit_code"), kBadData);
  EXPECT_EQ(found.at("clean"), false);
  EXPECT_EQ(found.at("images"), 13);
  ASSERT_EQ(found.at("broken").size(), 2U);
  EXPECT_EQ(found.at("broken")[0].at("file"), "cats/cut.jpg");
  EXPECT_THAT(found.at("broken")[0].at("reason").get<std::string>(), HasSubstr("broken JPEG"));
  EXPECT_EQ(found.at("broken")[1].at("reason"), "empty file (0 bytes)");
  EXPECT_EQ(found.at("not_read")[0].at("file"), "cats/Katze-猫.gif");
  ASSERT_EQ(found.at("duplicates").size(), 1U);
  const json& group = found.at("duplicates")[0];
  EXPECT_EQ(group.at("images")[0].at("file"), "cats/again.png");
  EXPECT_EQ(group.at("images")[1].at("class"), "dogs");
  EXPECT_EQ(group.at("labels_differ"), true);
  EXPECT_EQ(group.at("leaked"), false) << "nothing is held out";
  EXPECT_EQ(found.at("tiny"),
            json::parse(R"([{"file": "dogs/small.png", "width": 20, "height": 31}])"));
  EXPECT_EQ(found.at("cut_in_half")[0].at("file"), "dogs/long.png");
  EXPECT_THAT(found.at("remove"), ElementsAre("cats/cut.jpg", "cats/empty.png", "dogs/7.png"));

  const Outcome text = run({"data", "check", "photos", "--set", "held_out=0", "--quiet"});
  EXPECT_EQ(text.code, kBadData);
  EXPECT_THAT(text.text, AllOf(HasSubstr("BROKEN: 2 files"), HasSubstr("cats/Katze-猫.gif: "),
                               HasSubstr("cats/again.png = dogs/7.png; of several classes"),
                               HasSubstr("tiny: 1 image;"), HasSubstr("dogs/small.png  20x31"),
                               HasSubstr("NOT CLEAN: 2 broken files, 0 leaked contents")));
}

TEST_F(Data, CheckTakesWarningsForNoFailure) {
  write_classes();
  write("photos/cats/again.png", encode(make_picture(40, 40, 3), ".png"));
  const Outcome outcome =
      run({"data", "check", "photos", "--tiny", "41", "--set", "held_out=0", "--quiet"});
  EXPECT_EQ(outcome.code, kAllDone);
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("duplicates: 1 content"), HasSubstr("tiny: 11 images"),
                                  HasSubstr("... and 1 more"), HasSubstr("--all shows every name"),
                                  HasSubstr("usable; --out FILE lists 1 file to remove")));
  EXPECT_THAT(run({"data", "check", "photos", "--tiny", "41", "--all", "--quiet"}).text,
              Not(HasSubstr("... and")));
}

TEST_F(Data, ALeakIsFoundInARenamedPngOfAJpegAndGoesWithTheListOfFiles) {
  // Half of the images are held out: of eight pairs of a JPEG and a PNG of its pixels, some have
  // their halves on both sides; they are those whose files the sweep's own split separates.
  for (int i = 0; i < 8; ++i) {
    const Bytes jpeg = encode(make_picture(40, 40, i), ".jpg");
    write("photos/" + std::to_string(i) + ".jpg", jpeg);
    const cv::Mat file(1, static_cast<int>(jpeg.size()), CV_8U,
                       const_cast<std::byte*>(jpeg.data()));
    write("photos/copy of " + std::to_string(i) + ".png",
          encode(cv::imdecode(file, cv::IMREAD_COLOR), ".png"));
  }
  const std::vector<std::string> check = {"data", "check", "photos", "--set", "held_out=0.5"};
  const json found = run_json(check);
  EXPECT_EQ(outcome_.code, kBadData);
  EXPECT_EQ(found.at("duplicates").size(), 8U);
  int64_t across = 0;
  for (const json& group : found.at("duplicates")) {
    EXPECT_EQ(group.at("images").size(), 2U);
    across += group.at("images")[0].at("split") != group.at("images")[1].at("split");
  }
  EXPECT_GT(across, 0);
  EXPECT_EQ(found.at("leaked"), across);

  std::vector<std::string> listing = check;
  listing.insert(listing.end(), {"--out", "remove.txt", "--quiet"});
  EXPECT_THAT(run(listing).text, AllOf(HasSubstr("LEAKED: "), HasSubstr(" (held out)")));
  finish(start_command({"xargs", "-d", "\\n", "-a", "remove.txt", "rm", "--"}));
  EXPECT_EQ(run(check).code, kAllDone);
  EXPECT_EQ(run_json(check).at("images"), 8);
}

TEST_F(Data, ALeakIsOneOfTheSplitThatIsAskedFor) {
  const std::string train = "tiny/train/n01440764/images/", val = "tiny/val/n01440764/images/";
  for (int i = 0; i < 4; ++i) {
    write(train + std::to_string(i) + ".png", encode(make_picture(64, 64, i), ".png"));
    write(val + std::to_string(i) + ".png", encode(make_picture(64, 64, 3 + i), ".png"));
  }
  const std::vector<std::string> check = {"data", "check", "tiny"};
  EXPECT_EQ(run_json(check).at("images"), 4) << "split hash takes all from train/";
  EXPECT_EQ(outcome_.code, kAllDone);
  const json found = run_json({"data", "check", "tiny", "--set", "split=official"});
  EXPECT_EQ(outcome_.code, kBadData);
  ASSERT_EQ(found.at("leaked"), 1);
  const json& images = found.at("duplicates")[0].at("images");
  EXPECT_EQ(images[0].at("file"), "train/n01440764/images/3.png");
  EXPECT_EQ(images[0].at("split"), "train");
  EXPECT_EQ(images[1].at("file"), "val/n01440764/images/0.png");
  EXPECT_EQ(images[1].at("split"), "held_out");
}

TEST_F(Data, ImagesInTarsAreReadInPlace) {
  const Bytes cut = encode(make_picture(20, 16, 9), ".jpg");
  write("shards/0.tar",
        make_archive("tar", {picture_entry("a.png", 1), picture_entry("b.png", 2)}));
  write("shards/1.tar",
        make_archive("tar", {picture_entry("c.png", 2),
                             {"cut.jpg", {cut.begin(), cut.begin() + std::ssize(cut) / 2}}}));
  const json found = run_json({"data", "check", "shards", "--set", "held_out=0"});
  EXPECT_EQ(found.at("guessed"), "it holds tar archives");
  EXPECT_EQ(found.at("broken")[0].at("file"), "1.tar/cut.jpg");
  ASSERT_EQ(found.at("duplicates").size(), 1U);
  EXPECT_EQ(found.at("duplicates")[0].at("images")[0].at("file"), "0.tar/b.png");
  EXPECT_EQ(found.at("duplicates")[0].at("images")[1].at("file"), "1.tar/c.png");
  EXPECT_EQ(run_json({"data", "stats", "shards"}).at("bytes"),
            std::filesystem::file_size(folder_ / "shards/0.tar") +
                std::filesystem::file_size(folder_ / "shards/1.tar"));
}

TEST_F(Data, CheckKnowsTheRowsOfATable) {
  for (int i = 1; i <= 3; ++i) {
    write("shop/images/" + std::to_string(i) + ".png", encode(make_picture(40, 40, i), ".png"));
  }
  std::ofstream(folder_ / "shop/styles.csv")
      << "id,gender,productDisplayName\n1,Men,Blue shirt\n2,,Red shirt\n9,Men,Green shirt\n";
  const json found =
      run_json({"data", "check", "shop", "--set", "class_column=gender", "--set", "held_out=0"});
  EXPECT_EQ(found.at("guessed"), "it holds styles.csv");
  EXPECT_THAT(found.at("without_caption"), ElementsAre("images/3.png"));
  EXPECT_THAT(found.at("without_class"), ElementsAre("images/2.png", "images/3.png"));
  EXPECT_EQ(found.at("noted")[0].at("file"), "styles.csv");
  EXPECT_THAT(found.at("noted")[0].at("reason").get<std::string>(),
              AllOf(HasSubstr("1 of its 3 rows"), HasSubstr("9.jpg")));
  EXPECT_EQ(outcome_.code, kAllDone) << "a table may know more than there is";
}

TEST_F(Data, CheckIsInterruptedByASignal) {
  write("photos/0.png", encode(make_picture(2000, 2000), ".png"));
  for (int i = 1; i < 200; ++i) {  // seconds of work, a file of space
    std::filesystem::create_hard_link(folder_ / "photos/0.png",
                                      folder_ / ("photos/" + std::to_string(i) + ".png"));
  }
  const pid_t child = start({"data", "check", "photos"});
  const auto listens = [&] {  // SIGINT is 2: the second bit of the caught ones
    std::ifstream status("/proc/" + std::to_string(child) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("SigCgt:")) return (std::stoull(line.substr(8), nullptr, 16) & 2) != 0;
    }
    return false;
  };
  for (int i = 0; i < 6000 && !listens(); ++i) ::usleep(10000);
  ::kill(child, SIGINT);
  const Outcome outcome = finish(child);
  EXPECT_EQ(outcome.code, kInterrupted);
  EXPECT_THAT(outcome.text, HasSubstr("interrupted; the same command begins anew"));
}

TEST_F(Data, MistakesAreToldByTheirExitCodes) {
  EXPECT_EQ(run({"data", "check", "nowhere"}).code, kBadData);
  EXPECT_EQ(run({"data", "check"}).code, kUsage);
  EXPECT_EQ(run({"data", "check", ".", "--set", "split=random"}).code, kUsage);
  const Outcome codes = run({"data", "check", "--dataset", "planted_path"});
  EXPECT_EQ(codes.code, kUsage);
  EXPECT_THAT(codes.text, HasSubstr("`data stats` shows them"));
  write_classes();
  EXPECT_EQ(run({"data", "check", "photos", "--out", "no/such/folder/list.txt"}).code,
            kInputOutput);
}

TEST_F(Data, StatsDescribeAFolder) {
  write_classes();
  write("photos/dogs/grey.png", encode(cv::Mat(80, 60, CV_8UC1, cv::Scalar(51)), ".png"));
  const json stats = run_json({"data", "stats", "photos", "--set", "image_size=40"});
  EXPECT_EQ(outcome_.code, kAllDone);
  EXPECT_EQ(stats.at("images"), 11);
  EXPECT_EQ(stats.at("classes")[0], json::parse(R"({"name": "dogs", "count": 6})"));
  EXPECT_EQ(stats.at("sizes")[1], json::parse(R"({"name": "60x80", "count": 1})"));
  EXPECT_EQ(stats.at("width"), json::parse(R"({"min": 40, "median": 40, "max": 60})"));
  EXPECT_EQ(stats.at("without_caption"), 11);
  EXPECT_EQ(stats.at("enlarged"), 0);
  EXPECT_GT(stats.at("images_per_second").get<double>(), 0);
  int64_t bytes = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder_ / "photos")) {
    if (file.is_regular_file()) bytes += static_cast<int64_t>(file.file_size());
  }
  EXPECT_EQ(stats.at("bytes"), bytes);
}

TEST_F(Data, StatsOfOneGreyAreThatGrey) {
  for (int i = 0; i < 3; ++i) {
    write("grey/" + std::to_string(i) + ".png",
          encode(cv::Mat(50, 50 + i, CV_8UC1, cv::Scalar(51)), ".png"));
  }
  const json stats = run_json({"data", "stats", "grey"});
  for (int c = 0; c < 3; ++c) {
    EXPECT_NEAR(stats.at("mean")[c].get<double>(), 0.2, 1e-12);
    EXPECT_NEAR(stats.at("deviation")[c].get<double>(), 0, 1e-12);
  }
}

TEST_F(Data, GeneratedDataSetsNeedNoPath) {
  const Outcome sunset = run({"data", "stats", "--dataset", "sunset", "--set", "max_images=40",
                              "--set", "image_size=16", "--quiet"});
  EXPECT_EQ(sunset.code, kAllDone);
  EXPECT_THAT(sunset.text, AllOf(HasSubstr("data set  sunset\nimages    40: 36 to train on"),
                                 HasSubstr("classes   4: "), HasSubstr("nothing: generated")));
  const json check =
      run_json({"data", "check", "--dataset", "sunset", "--set", "max_images=40", "--tiny", "0"});
  EXPECT_EQ(check.at("clean"), true);
  EXPECT_THAT(run({"data", "stats", "--dataset", "planted_path", "--quiet"}).text,
              AllOf(HasSubstr("codes     4 x 4, 8 different"), HasSubstr("nats an image, exact")));
}

TEST_F(Data, ListSaysOfEveryDataSetWhatAUserMustKnow) {
  const Outcome outcome = run({"data", "list"});
  EXPECT_EQ(outcome.code, kAllDone);
  for (const DatasetInfo& info : dataset_infos()) {
    EXPECT_THAT(outcome.text, HasSubstr("\n    licence  "));
    EXPECT_THAT("\n" + outcome.text, HasSubstr("\n" + info.name + "\n    what     "));
  }
  const json one = json::parse(run({"data", "list", "sunset", "--json"}).text);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].at("name"), "sunset");
  EXPECT_EQ(one[0].at("generated"), true);
  EXPECT_EQ(one[0].at("captions"), true);
  EXPECT_EQ(run({"data", "list", "sunsett"}).code, kUsage);
}

}  // namespace
}  // namespace oar
