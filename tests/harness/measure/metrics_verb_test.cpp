// `oar-bench metrics` as a user runs it, with the embedded network.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "datasets/npz.h"
#include "tests/harness/program.h"
#include "tests/metrics/hashed_data.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class MetricsVerb : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    for (int64_t i = 0; i < 14; ++i) {
      write_image("real", i, 40 + i, 60);
      write_image("generated", 100 + i, 64, 48 + i);
    }
  }

  void write_image(const std::string& folder, int64_t stream, int64_t height, int64_t width) {
    const at::Tensor image = hashed_image(stream, height, width)[0].permute({1, 2, 0}).contiguous();
    const cv::Mat rgb(static_cast<int>(height), static_cast<int>(width), CV_8UC3, image.data_ptr());
    fs::create_directories(folder_ / folder);
    cv::imwrite((folder_ / folder / (std::to_string(stream) + ".png")).string(), rgb);
  }

  Outcome metrics(const std::string& real, const std::string& generated,
                  const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {
        "metrics", real,    generated,  "--features", "efficientnet_lite0",
        "--cache", "cache", "--device", "cpu",        "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    if (generated.empty()) arguments.erase(arguments.begin() + 2);
    return run(arguments);
  }

  json report(const std::string& real, const std::string& generated,
              std::vector<std::string> more = {}) {
    more.push_back("--json");
    const Outcome outcome = metrics(real, generated, more);
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    return json::parse(outcome.text);
  }

  static json score(const json& report, const std::string& metric) {
    for (const json& found : report.at("scores")) {
      if (found.at("metric") == metric) return found;
    }
    return nullptr;
  }

  static std::vector<std::string> warnings(const json& report) {
    std::vector<std::string> names;
    for (const json& warning : report.at("warnings")) names.push_back(warning.at("warning"));
    return names;
  }
};

TEST_F(MetricsVerb, PrintsEveryMetricItCanHaveAndWhyItHasNoOther) {
  const Outcome outcome = metrics("real", "generated", {"--kid-subset-size", "10"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* name : {"FID[efficientnet_lite0] ", "FID∞", "IS[", "KID[", "precision[",
                           "recall[", "density[", "coverage["}) {
    EXPECT_THAT(outcome.text, HasSubstr(name));
  }
  EXPECT_THAT(outcome.text, HasSubstr("only inception_v3 has them"));  // sFID
  EXPECT_THAT(outcome.text, HasSubstr("warning fewer_images_than_features: 14 real images"));
  EXPECT_THAT(outcome.text, Not(HasSubstr("nan")));
}

TEST_F(MetricsVerb, EveryNumberSaysWhatItWasMeasuredOnAndWith) {
  const json found = report("real", "generated", {"--kid-subset-size", "10", "--kid-subsets", "7"});
  for (const json& score : found.at("scores")) {
    EXPECT_EQ(score.at("num_generated"), 14);
    EXPECT_EQ(score.at("convention"), "torch_fidelity");
    EXPECT_EQ(score.at("extractor"), "efficientnet_lite0");
    EXPECT_EQ(score.at("weights_sha256").get<std::string>().size(), 64U);
    EXPECT_EQ(score.at("value").is_null(), score.contains("reason")) << score;
  }
  EXPECT_EQ(score(found, "kid").at("kid_subsets"), 7);
  EXPECT_GT(score(found, "kid").at("stddev"), 0);
  EXPECT_EQ(found.at("real").at("images"), 14);
  EXPECT_TRUE(found.at("context").contains("commit"));
}

TEST_F(MetricsVerb, ASecondCallTakesTheFeaturesFromTheCacheUnderAnyName) {
  const json first = report("real", "generated");
  EXPECT_FALSE(first.at("real").at("cached").get<bool>());
  fs::rename(folder_ / "real", folder_ / "elsewhere");
  const json second = report("elsewhere", "generated");
  EXPECT_TRUE(second.at("real").at("cached").get<bool>());
  EXPECT_EQ(first.at("scores"), second.at("scores"));
}

TEST_F(MetricsVerb, AChangedImageIsNeverServedFromTheCache) {
  const json first = report("real", "generated");
  write_image("generated", 105, 64, 53);  // as it was
  EXPECT_TRUE(report("real", "generated").at("generated").at("cached").get<bool>());
  const at::Tensor other = hashed_image(999, 64, 53)[0].permute({1, 2, 0}).contiguous();
  cv::imwrite((folder_ / "generated/105.png").string(), cv::Mat(64, 53, CV_8UC3, other.data_ptr()));
  const json second = report("real", "generated");
  EXPECT_FALSE(second.at("generated").at("cached").get<bool>());
  EXPECT_NE(score(first, "fid").at("value"), score(second, "fid").at("value"));
}

TEST_F(MetricsVerb, ASetAgainstItselfIsAtNoDistance) {
  const json found = report("real", "real", {"--kid-subset-size", "14"});
  EXPECT_NEAR(score(found, "fid").at("value"), 0, 1e-4);
  EXPECT_EQ(score(found, "precision").at("value"), 1);
  EXPECT_EQ(score(found, "recall").at("value"), 1);
  EXPECT_EQ(score(found, "coverage").at("value"), 1);
  EXPECT_THAT(warnings(found), Contains("shared_images"));
}

TEST_F(MetricsVerb, BrokenImagesAreRefusedWithTheFullListAndLeftOutOnRequest) {
  std::ofstream(folder_ / "real/5.png") << "not a picture";
  std::ofstream(folder_ / "real/zz.png");
  const Outcome refused = metrics("real", "generated");
  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.text, AllOf(HasSubstr("2 of 15 images are broken"), HasSubstr("5.png: "),
                                  HasSubstr("zz.png: empty file"), HasSubstr("--skip-broken")));
  const json found = report("real", "generated", {"--skip-broken"});
  EXPECT_EQ(found.at("real").at("images"), 13);
  EXPECT_EQ(found.at("real").at("skipped").size(), 2U);
  EXPECT_EQ(found.at("real").at("skipped")[0].at("file"), "5.png");
  EXPECT_EQ(metrics("real", "generated").code, 65);  // although the cache now has the rest
}

TEST_F(MetricsVerb, WhatWasAskedForAndCannotBeIsRefusedBeforeThePass) {
  const Outcome outcome = metrics("real", "generated", {"--metrics", "kid"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("--kid-subset-size 1000"), HasSubstr("has 14"),
                                  HasSubstr("use --kid-subset-size 14 or less")));
  EXPECT_FALSE(fs::exists(folder_ / "cache/image_features"));
  EXPECT_EQ(metrics("real", "generated", {"--metrics", "sfid"}).code, 1);
}

TEST_F(MetricsVerb, UnknownNamesAreAnsweredWithTheKnownOnes) {
  for (const auto& [option, known] : {std::pair{"--metrics", "known: fid, fid_infinity"},
                                      {"--convention", "known: torch_fidelity, pytorch_fid"},
                                      {"--precision", "accepted: float32, bfloat16"}}) {
    const Outcome outcome = metrics("real", "generated", {option, "what"});
    EXPECT_EQ(outcome.code, 2) << option;
    EXPECT_THAT(outcome.text, HasSubstr(known));
  }
}

TEST_F(MetricsVerb, StatisticsAreWrittenAndStandForTheImages) {
  EXPECT_EQ(metrics("real", "", {"--save-statistics", "real.npz"}).code, 0);
  const json images = report("real", "generated"), statistics = report("real.npz", "generated");
  // 14 images in 1280 dimensions: from the features there is no rounding, from the covariance there
  // is the root of it.
  const double expected = score(images, "fid").at("value");
  EXPECT_NEAR(score(statistics, "fid").at("value"), expected, 1e-6 * expected);
  EXPECT_THAT(score(statistics, "kid").at("reason"), HasSubstr("has no features"));
  EXPECT_EQ(score(statistics, "isc").at("value"), score(images, "isc").at("value"));
}

TEST_F(MetricsVerb, TwoFilesOfStatisticsNeedNoNetworkAndKeepTheirName) {
  EXPECT_EQ(metrics("real", "", {"--save-statistics", "real.npz"}).code, 0);
  EXPECT_EQ(metrics("generated", "", {"--save-statistics", "generated.dat"}).code, 0);
  const Outcome outcome = run({"metrics", "real.npz", "generated.dat", "--metrics", "fid", "--json",
                               "--quiet", "--cache", "cache"});
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_EQ(score(json::parse(outcome.text), "fid").at("name"), "FID[efficientnet_lite0]");
}

TEST_F(MetricsVerb, StatisticsOfAnotherDimensionAreRefused) {
  write_npz(folder_ / "other.npz", {{"mu", at::zeros({3})}, {"sigma", at::eye(3)}});
  const Outcome outcome = metrics("other.npz", "generated");
  EXPECT_EQ(outcome.code, 65);
  EXPECT_THAT(outcome.text, HasSubstr("different networks"));
  write_npz(folder_ / "empty.npz", {{"mu", at::zeros({0})}, {"sigma", at::zeros({0, 0})}});
  EXPECT_EQ(metrics("empty.npz", "generated").code, 65);
}

TEST_F(MetricsVerb, StatisticsWithoutANetworkAreComparedWithAWarning) {
  write_npz(folder_ / "mine.npz", {{"mu", at::zeros({1280})}, {"sigma", at::eye(1280)}});
  EXPECT_THAT(warnings(report("mine.npz", "generated", {"--metrics", "fid"})),
              ::testing::IsSupersetOf({"unknown_network", "unknown_number_of_images"}));
}

TEST_F(MetricsVerb, OptionsMayStandAnywhere) {
  for (const auto& arguments :
       {std::vector<std::string>{"--metrics", "isc,fid", "real", "generated"},
        {"real", "--metrics", "isc,fid", "generated"}}) {
    std::vector<std::string> all = {"metrics", "--features", "efficientnet_lite0", "--cache",
                                    "cache"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    EXPECT_EQ(run(all).code, 0);
  }
}

TEST_F(MetricsVerb, ANeighbourTooManyConcernsItsOwnMetricsOnly) {
  fs::create_directories(folder_ / "few");
  for (const char* image : {"1.png", "2.png", "3.png", "4.png", "5.png"}) {
    fs::copy(folder_ / "real" / image, folder_ / "few" / image);
  }
  const json found = report("few", "generated", {"--metrics", "precision,recall"});
  EXPECT_TRUE(score(found, "precision").at("value").is_number());
  const Outcome refused = metrics("few", "generated", {"--metrics", "density"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.text, HasSubstr("use --dc-k 4 or less"));
}

TEST_F(MetricsVerb, APathThatIsNotUtf8IsWrittenAsJson) {
  fs::rename(folder_ / "real", folder_ /
                                   "r\xe9"
                                   "al");
  EXPECT_EQ(report("r\xe9"
                   "al",
                   "generated", {"--metrics", "fid"})
                .at("real")
                .at("images"),
            14);
}

TEST_F(MetricsVerb, FeaturesAreSavedForNumpy) {
  EXPECT_EQ(metrics("real", "generated", {"--save-features", "all.npz"}).code, 0);
  const auto arrays = read_npz(folder_ / "all.npz", npz_names(folder_ / "all.npz"));
  EXPECT_EQ(arrays.at("real_features").sizes(), at::IntArrayRef({14, 1280}));
  EXPECT_EQ(arrays.at("generated_logits").sizes(), at::IntArrayRef({14, 1000}));
}

TEST_F(MetricsVerb, AnArchiveAListAndAFolderOfTheSameImagesGiveTheSameBits) {
  ASSERT_EQ(std::system(("cd " + folder_.string() +
                         " && tar cf real.tar real && ls real/* > list.txt && mkdir -p deep/er &&"
                         " cp real/* deep/er")
                            .c_str()),
            0);
  const json folder = report("real", "generated", {"--no-cache"});
  for (const char* same : {"real.tar", "list.txt", "deep"}) {
    const json found = report(same, "generated", {"--no-cache", "--recursive"});
    for (const char* metric : {"fid", "precision", "coverage"}) {
      EXPECT_EQ(score(found, metric).at("value"), score(folder, metric).at("value")) << same;
    }
  }
}

TEST_F(MetricsVerb, WithoutTheInceptionsWeightsItSaysWhichFileToBring) {
  ::setenv("OAR_WEIGHTS_DIR", (folder_ / "nothing").c_str(), 1);
  const Outcome outcome = run({"metrics", "real", "generated", "--cache", "cache"});
  ::unsetenv("OAR_WEIGHTS_DIR");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("weights list"), HasSubstr("--weights FILE"),
                                  HasSubstr("efficientnet_lite0 needs none")));
}

TEST_F(MetricsVerb, OneFolderAloneIsNoComparison) {
  const Outcome outcome = metrics("real", "");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.text, HasSubstr("GENERATED is missing"));
}

}  // namespace
}  // namespace oar
