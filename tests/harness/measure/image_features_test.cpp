#include "harness/measure/image_features.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>

#include "datasets/dataset.h"
#include "harness/measure/extractors.h"
#include "harness/weights/known_weights.h"
#include "tests/metrics/hashed_data.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Images that were never files. `fail_after`: the source breaks off, as when a disk is pulled.
class DrawnSource : public ImageSource {
 public:
  explicit DrawnSource(int64_t count) {
    for (int64_t i = 0; i < count; ++i) names_.push_back("image " + std::to_string(i));
    description_ = "drawn images";
  }

  void read(const std::function<void(SourceImage)>& visit) const override {
    for (int64_t step = 0; step < count(); ++step) {
      const int64_t i = backwards ? count() - 1 - step : step;
      if (step == fail_after) throw BadData("the disk was pulled");
      SourceImage image;
      image.rank = i;
      image.name = names_[static_cast<size_t>(i)];
      if (i == broken) {
        image.unreadable = "torn";
      } else {
        image.pixels = hashed_image(i == changed ? 1000 : i, 40 + i, 50)[0];
      }
      visit(std::move(image));
    }
  }

  int64_t fail_after = -1, broken = -1, changed = -1;
  bool backwards = false;  ///< an archive whose entries are not sorted
};

class ImageFeatures : public ::testing::Test {
 protected:
  ImageFeatures()
      : root_(fs::temp_directory_path() / ("oar-features-" + std::to_string(::getpid()))),
        store_(root_),
        runner_(store_, progress_) {}
  ~ImageFeatures() override { fs::remove_all(root_); }

  StageResult run(const DrawnSource& source, bool skip_broken = false) {
    const FeaturePass pass{"", torch::kCPU, skip_broken, /*kept_together=*/4};
    const SourceContent content = hash_source(source, progress_);
    return runner_.run(image_features_node(content, identity_), [&](StageContext& context) {
      return run_image_features(context, source, content, identity_, pass);
    });
  }

  static torch::Tensor features_of(const StageResult& result) {
    const FeatureSet set = read_feature_set(result.folder, result.record());
    return set.features->rows(0, set.count);
  }

  fs::path root_;
  Store store_;
  Progress progress_;
  StageRunner runner_;
  ExtractorIdentity identity_{"efficientnet_lite0", extractor_sha256("efficientnet_lite0", ""), {}};
};

TEST_F(ImageFeatures, AreThoseOfTheExtractorRowByRow) {
  const StageResult result = run(DrawnSource(7));
  const torch::Tensor found = features_of(result);
  const auto extractor = load_extractor("efficientnet_lite0", "", torch::kCPU);
  for (int64_t i = 0; i < 7; ++i) {
    const torch::Tensor alone = extractor->extract(hashed_image(i, 40 + i, 50)).features[0];
    // float rounding: another group size may take another kernel
    EXPECT_LT((found[i] - alone).abs().max().item<double>(), 1e-4);
  }
}

TEST_F(ImageFeatures, HaveTheSameBitsForEveryNumberOfThreads) {
  const int before = at::get_num_threads();
  std::vector<torch::Tensor> found;
  for (const int threads : {1, 2, 5}) {
    at::set_num_threads(threads);
    fs::remove_all(root_ / "image_features");
    found.push_back(features_of(run(DrawnSource(10))));
  }
  at::set_num_threads(before);
  EXPECT_TRUE(found[0].equal(found[1]));
  EXPECT_TRUE(found[0].equal(found[2]));
}

TEST_F(ImageFeatures, OfAPassThatWasCutOffGoOnWhereItStopped) {
  DrawnSource source(11);
  const SourceContent content = hash_source(source, progress_);
  const StageNode node = image_features_node(content, identity_);
  source.fail_after = 9;
  const FeaturePass pass{"", torch::kCPU, false, 4};
  const auto function = [&](StageContext& context) {
    return run_image_features(context, source, content, identity_, pass);
  };
  EXPECT_THROW(runner_.run(node, function), BadData);
  EXPECT_TRUE(fs::exists(store_.scratch(node) / "images-000001.safetensors"));
  source.fail_after = -1;
  const torch::Tensor resumed = features_of(runner_.run(node, function));
  fs::remove_all(root_ / "image_features");
  EXPECT_TRUE(resumed.equal(features_of(run(DrawnSource(11)))));
}

TEST_F(ImageFeatures, OfAnArchiveThatWasCutOffGoOnFromAFolderOfTheSameImages) {
  DrawnSource archive(11);
  archive.backwards = true;
  archive.fail_after = 9;
  const DrawnSource folder(11);
  const SourceContent content = hash_source(folder, progress_);
  const StageNode node = image_features_node(content, identity_);
  EXPECT_THROW(runner_.run(node,
                           [&](StageContext& context) {
                             return run_image_features(context, archive, content, identity_,
                                                       {"", torch::kCPU, false, 4});
                           }),
               BadData);
  const torch::Tensor resumed = features_of(run(folder));
  fs::remove_all(root_ / "image_features");
  EXPECT_LT((resumed - features_of(run(folder))).abs().max().item<double>(), 1e-5);
}

TEST_F(ImageFeatures, OfAnImageThatChangedSinceItWasHashedAreNotKept) {
  DrawnSource source(6);
  const SourceContent content = hash_source(source, progress_);
  source.changed = 4;
  const StageNode node = image_features_node(content, identity_);
  EXPECT_THAT(
      [&] {
        runner_.run(node, [&](StageContext& context) {
          return run_image_features(context, source, content, identity_, {});
        });
      },
      ThrowsMessage<BadData>(HasSubstr("image 4 has changed while it was measured")));
  EXPECT_FALSE(store_.complete(node));
}

TEST_F(ImageFeatures, MomentsAreThoseOfTheRows) {
  const StageResult result = run(DrawnSource(9));
  const FeatureSet set = read_feature_set(result.folder, result.record());
  const Moments expected = moments_of(features_of(result));
  EXPECT_TRUE(set.moments->mean.allclose(expected.mean, 1e-12, 1e-14));
  EXPECT_TRUE(set.moments->covariance.allclose(expected.covariance, 1e-10, 1e-14));
  EXPECT_FALSE(set.spatial.has_value());
  EXPECT_EQ(set.count, 9);
}

TEST_F(ImageFeatures, ABrokenImageIsNamedOrLeftOut) {
  DrawnSource source(6);
  source.broken = 2;
  EXPECT_THAT([&] { run(source); },
              ThrowsMessage<BadData>(AllOf(HasSubstr("drawn images: 1 of 6 images are broken"),
                                           HasSubstr("image 2: torn"))));
  const StageResult result = run(source, /*skip_broken=*/true);
  EXPECT_EQ(result.record().at("images"), 5);
  EXPECT_EQ(broken_images(source, result.record())[0].at("file"), "image 2");
  EXPECT_EQ(features_of(result).size(0), 5);
}

TEST_F(ImageFeatures, AreKeptUnderContentNetworkAndConventionButNotUnderNames) {
  const SourceContent content{"c", {"a", "b"}};
  const std::string key = image_features_node(content, identity_).key;
  ExtractorIdentity other = identity_;
  other.weights_sha256 = std::string(64, '0');
  EXPECT_NE(image_features_node(content, other).key, key);
  other = identity_;
  other.options.convention = "clean_fid";
  EXPECT_NE(image_features_node(content, other).key, key);
  other = identity_;
  other.options.precision = "bfloat16";
  EXPECT_NE(image_features_node(content, other).key, key);
  EXPECT_NE(image_features_node({"d", {"a", "b"}}, identity_).key, key);
  EXPECT_EQ(image_features_node(content, identity_).key, key);
}

TEST_F(ImageFeatures, ContentIsThatOfPixelsAndSizes) {
  const DrawnSource source(3);
  const SourceContent content = hash_source(source, progress_);
  EXPECT_EQ(content.images.size(), 3U);
  EXPECT_NE(content.images[0], content.images[1]);
  EXPECT_EQ(content.sha256, hash_source(DrawnSource(3), progress_).sha256);
  EXPECT_NE(content.sha256, hash_source(DrawnSource(4), progress_).sha256);
}

TEST(KnownWeights, AreOfExtractorsThatExist) {
  for (const KnownWeights& weights : known_weights()) {
    EXPECT_NO_THROW(check_extractor(weights.extractor, {}, torch::kCPU)) << weights.name;
  }
}

}  // namespace
}  // namespace oar
