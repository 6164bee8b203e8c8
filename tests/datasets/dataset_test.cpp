#include "datasets/dataset.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <string>

#include "datasets/dataset_info.h"
#include "tests/datasets/test_archive.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kImages = 12;

/// Fills a folder with `kImages` images in a data set's layout. A new line of the registry needs
/// one here; nothing for a data set that is generated.
const std::map<std::string, std::function<void(const TestFolder&, int)>>& layouts() {
  const auto put = [](const char* pattern) {
    return [pattern](const TestFolder& folder, int i) {
      folder.write_picture(fmt::format(fmt::runtime(pattern), i), i);
    };
  };
  const auto put_shard = [](const TestFolder& folder, int i) {
    folder.write(fmt::format("shard-{}.tar", i), make_archive("tar", {picture_entry("1.jpg", i)}));
  };
  static const std::map<std::string, std::function<void(const TestFolder&, int)>> kLayouts = {
      {"celeba", put("img_align_celeba/{:06}.jpg")},
      {"celeba_hq", put("images/{:06}.jpg")},
      {"fashion_products", put("images/{}.jpg")},
      {"image_folder", put("some class/{}.png")},
      {"imagenet", put("train/n01440764/n01440764_{}.JPEG")},
      {"sunset", [](const TestFolder&, int) {}},
      {"tiny_imagenet", put("train/n01443537/images/n01443537_{}.JPEG")},
      {"webdataset", put_shard},
  };
  return kLayouts;
}

/// What every data set of the registry promises.
class EveryDataset : public testing::TestWithParam<std::string> {
 protected:
  EveryDataset() {
    for (int i = 0; i < kImages; ++i) layouts().at(GetParam())(folder_, i);
    config_.name = GetParam();
    config_.root = folder_.path();
    config_.image_size = 16;
    config_.max_images = kImages;
    config_.held_out = 0.25;
  }

  TestFolder folder_;
  DatasetConfig config_;
};

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& [name, summary] : list_datasets()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryDataset, testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

TEST_P(EveryDataset, LoadsSquareRgbBytes) {
  const auto dataset = make_dataset(config_);
  const torch::Tensor batch = dataset->load({0, 5, 3});
  EXPECT_EQ(batch.sizes(), (std::vector<int64_t>{3, 3, 16, 16}));
  EXPECT_EQ(batch.scalar_type(), torch::kUInt8);
  EXPECT_EQ(dataset->load({}).sizes(), (std::vector<int64_t>{0, 3, 16, 16}));
}

TEST_P(EveryDataset, AnImageDoesNotDependOnItsBatch) {
  const auto dataset = make_dataset(config_);
  const torch::Tensor batch = dataset->load({7, 2, 7, 11});
  EXPECT_TRUE(torch::equal(batch[0], batch[2]));
  EXPECT_TRUE(torch::equal(batch[3], dataset->load({11})[0]));
  EXPECT_FALSE(torch::equal(batch[0], batch[1]));
}

TEST_P(EveryDataset, AViewDependsOnTheImageAndItselfAlone) {
  const auto dataset = make_dataset(config_);
  const torch::Tensor plain = dataset->load({0, 3});
  EXPECT_TRUE(torch::equal(dataset->load({0, 3}, {View{}, View{}}), plain));
  const View mirror{1.0, 0.0, 0.0, true}, part{0.6, 0.2, 0.9, true};
  EXPECT_TRUE(torch::equal(torch::flip(dataset->load({0, 3}, {mirror, mirror}), {3}), plain));
  EXPECT_TRUE(
      torch::equal(dataset->load({0, 3}, {View{}, part})[1], dataset->load({3}, {part})[0]));
}

TEST_P(EveryDataset, OpensFromItsIndexWithTheSamePixels) {
  const auto made = make_dataset(config_);
  const auto opened = open_dataset(config_, made->index());
  EXPECT_EQ(opened->index().images.size(), made->index().images.size());
  EXPECT_TRUE(torch::equal(opened->load({4, 9}), made->load({4, 9})));
}

TEST_P(EveryDataset, ListsUniqueImagesByFileWithHashesSizesAndLabelsInRange) {
  const DatasetIndex index = make_dataset(config_)->index();
  ASSERT_EQ(std::ssize(index.images), kImages);
  EXPECT_TRUE(std::is_sorted(index.classes.begin(), index.classes.end()));
  for (size_t i = 0; i < index.images.size(); ++i) {
    const ImageRecord& image = index.images[i];
    if (i > 0) {
      EXPECT_LT(index.images[i - 1].file, image.file);
    }
    EXPECT_EQ(image.sha256.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_EQ(image.sha256.size(), 64u);
    EXPECT_GE(std::min(image.width, image.height), 8);
    EXPECT_GE(image.label, -1);
    EXPECT_LT(image.label, static_cast<int64_t>(index.classes.size()));
  }
}

TEST_P(EveryDataset, HoldsOutTheSameImagesEveryTime) {
  const DatasetIndex first = make_dataset(config_)->index(), again = make_dataset(config_)->index();
  EXPECT_EQ(count_images(first).held_out, 3);  // a quarter of 12
  EXPECT_EQ(count_images(first).train, 9);
  for (int i = 0; i < kImages; ++i) EXPECT_EQ(first.images[i].split, again.images[i].split);
}

TEST_P(EveryDataset, ReportsProgressToTheEnd) {
  int64_t last = 0;
  make_dataset(config_, [&last](int64_t done, int64_t total) {
    EXPECT_EQ(done, last + 1);
    EXPECT_EQ(total, kImages);
    last = done;
  });
  EXPECT_EQ(last, kImages);
}

TEST_P(EveryDataset, KnowsMasksOfItsOwnSizeOrNone) {
  const std::optional<torch::Tensor> masks = make_dataset(config_)->masks({0, 1});
  EXPECT_EQ(masks.has_value(), GetParam() == "sunset");
  if (masks) {
    EXPECT_EQ(masks->sizes(), (std::vector<int64_t>{2, 16, 16}));
  }
}

/// Whether the settings themselves are refused, whatever the files are.
bool is_refused(const DatasetConfig& config) {
  try {
    make_dataset(config);
  } catch (const std::invalid_argument&) {
    return true;
  } catch (const BadData&) {  // its lists are not there
  }
  return false;
}

TEST_P(EveryDataset, TakesWhatItsInfoSaysAndRefusesTheRest) {
  const DatasetInfo& info = dataset_info(GetParam());
  DatasetConfig official = config_, column = config_;
  official.split = "official";
  EXPECT_EQ(is_refused(official), !info.official_split);
  column.class_column = "Smiling";
  EXPECT_EQ(is_refused(column), !info.class_from_column);
  EXPECT_EQ(make_dataset(config_)->index().classes.empty(),
            !info.has_classes || info.class_from_column || GetParam() == "webdataset")
      << "without labels, shards have no classes";
}

TEST_P(EveryDataset, AnImageThatDoesNotExistIsOurOwnMistake) {
  const auto dataset = make_dataset(config_);
  EXPECT_THROW(dataset->load({kImages}), std::out_of_range);
  EXPECT_THROW(dataset->load({-1}), std::out_of_range);
}

/// What every data set on disk promises: the same words for the same mistake.
class EveryDatasetOnDisk : public EveryDataset {
 protected:
  std::string refusal() const {
    return message_of<BadData>([this] { make_dataset(config_); });
  }
};

std::vector<std::string> names_on_disk() {
  std::vector<std::string> on_disk = names();
  std::erase(on_disk, "sunset");
  return on_disk;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryDatasetOnDisk, testing::ValuesIn(names_on_disk()),
                         [](const auto& test) { return test.param; });

TEST_P(EveryDatasetOnDisk, AMissingRootIsNamed) {
  config_.root = folder_.path() / "nowhere";
  EXPECT_THAT(refusal(), AllOf(HasSubstr(GetParam() + ": there is no folder \""),
                               HasSubstr("nowhere\"; set dataset.root to ")));
  config_.root = "";
  EXPECT_THAT(refusal(), HasSubstr(GetParam() + ": dataset.root is empty; set dataset.root to "));
}

TEST_P(EveryDatasetOnDisk, ARootThatIsAFileIsNamed) {
  folder_.write("archive.zip", "");
  config_.root = folder_.path() / "archive.zip";
  EXPECT_THAT(refusal(), HasSubstr("archive.zip\" is a file, not a folder; set dataset.root to "));
}

TEST_P(EveryDatasetOnDisk, AnEmptyRootIsNamed) {
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
    if (entry.is_regular_file()) fs::remove(entry.path());
  }
  EXPECT_THAT(refusal(), HasSubstr(GetParam() + ": no images in \"" + folder_.path().string()));
}

TEST_P(EveryDatasetOnDisk, AFolderFullOfBrokenFilesIsNamedWithTheReasons) {
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
    if (!entry.is_regular_file()) continue;
    fs::resize_file(entry.path(), 0);
    if (entry.path().extension() == ".tar") {
      folder_.write(entry.path().filename().string(), make_archive("tar", {{"1.jpg", {}}}));
    }
  }
  EXPECT_THAT(refusal(), AllOf(HasSubstr(GetParam() + ": none of the 12 images in \""),
                               HasSubstr("empty file (0 bytes)"), HasSubstr("... and 7 more")));
}

TEST_P(EveryDatasetOnDisk, ARootThatVanishedSinceTheScanIsNamed) {
  const DatasetIndex index = make_dataset(config_)->index();
  config_.root = folder_.path() / "nowhere";
  EXPECT_THAT(message_of<BadData>([&] { open_dataset(config_, index); }),
              HasSubstr("set dataset.root to the folder the data set was scanned in"));
}

/// Settings that are refused before any file is looked at, by make_dataset and open_dataset alike.
std::string refused(const std::function<void(DatasetConfig&)>& change) {
  DatasetConfig config;
  config.name = "sunset";
  change(config);
  const std::string made = message_of<std::invalid_argument>([&] { make_dataset(config); });
  EXPECT_EQ(message_of<std::invalid_argument>([&] { open_dataset(config, {}); }), made);
  return made;
}

TEST(DatasetConfig, AnUnknownNameIsRefusedWithTheKnownOnes) {
  EXPECT_EQ(refused([](DatasetConfig& config) { config.name = "fasion_product"; }),
            "no data set is called \"fasion_product\".\n"
            "  known: celeba, celeba_hq, fashion_products, image_folder, imagenet, sunset, "
            "tiny_imagenet, webdataset\n"
            "  did you mean \"fashion_products\"?");
}

TEST(DatasetConfig, ImageSizeIsAtLeast8AndAtMost4096) {
  EXPECT_EQ(refused([](DatasetConfig& config) { config.image_size = 7; }),
            "image_size must be 8 to 4096 pixels, got 7");
  EXPECT_EQ(refused([](DatasetConfig& config) { config.image_size = 4097; }),
            "image_size must be 8 to 4096 pixels, got 4097");
}

TEST(DatasetConfig, HeldOutIsAShareBelowOne) {
  for (const double share : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(
        refused([share](DatasetConfig& config) { config.held_out = share; }),
        fmt::format("held_out must be at least 0 and below 1, got {}; 0 holds nothing out", share));
  }
}

TEST(DatasetConfig, CropAndResizeAreListedNames) {
  EXPECT_THAT(refused([](DatasetConfig& config) { config.crop = "center"; }),
              HasSubstr("no crop is called \"center\""));
  EXPECT_THAT(refused([](DatasetConfig& config) { config.resize = "cubic"; }),
              HasSubstr("no resize is called \"cubic\""));
}

TEST(DatasetConfig, MaxImagesIsNotNegative) {
  EXPECT_EQ(refused([](DatasetConfig& config) { config.max_images = -1; }),
            "max_images must be at least 0, got -1; 0 takes all");
}

TEST(DatasetConfig, TheSplitIsByHashOrOfficialWhereThereIsOne) {
  EXPECT_EQ(refused([](DatasetConfig& config) { config.split = "random"; }),
            "split must be \"hash\" or \"official\", got \"random\"");
  EXPECT_EQ(refused([](DatasetConfig& config) { config.split = "official"; }),
            "split is \"official\", but sunset has no official split; use \"hash\"");
}

TEST(ListDatasets, SaysWhatEachOneIs) {
  for (const auto& [name, summary] : list_datasets()) {
    EXPECT_TRUE(layouts().contains(name)) << name << " has no layout in this test";
    EXPECT_GT(summary.size(), 20u) << name;
  }
}

}  // namespace
}  // namespace oar
