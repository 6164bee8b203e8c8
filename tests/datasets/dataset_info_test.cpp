#include "datasets/dataset_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/dataset.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(DatasetInfos, SpeakOfEveryDataSetOfTheRegistryInItsOrder) {
  std::vector<std::string> images, codes;
  for (const DatasetInfo& info : dataset_infos()) {
    (info.has_images ? images : codes).push_back(info.name);
  }
  std::vector<std::string> listed, listed_codes;
  for (const auto& [name, summary] : list_datasets()) listed.push_back(name);
  for (const auto& [name, summary] : list_token_datasets()) listed_codes.push_back(name);
  EXPECT_EQ(images, listed);
  EXPECT_EQ(codes, listed_codes);
}

TEST(DatasetInfos, SayLayoutSourceAndLicence) {
  for (const DatasetInfo& info : dataset_infos()) {
    EXPECT_FALSE(info.summary.empty()) << info.name;
    EXPECT_EQ(info.layout == "none", info.generated) << info.name;
    EXPECT_EQ(info.licence == "none", info.generated) << info.name;
    EXPECT_GT(info.source.size(), 10u) << info.name;
  }
}

TEST(DatasetInfos, AnOfficialSplitAndAClassColumnNeedFiles) {
  for (const DatasetInfo& info : dataset_infos()) {
    if (info.generated) {
      EXPECT_FALSE(info.official_split || info.class_from_column) << info.name;
    }
    if (info.class_from_column) {
      EXPECT_TRUE(info.has_classes) << info.name;
    }
  }
}

TEST(DatasetInfos, PrintsOnClothesReadOneWayOnly) {
  EXPECT_FALSE(dataset_info("fashion_products").mirrors_allowed);
  EXPECT_FALSE(dataset_info("planted_path").mirrors_allowed);
  EXPECT_TRUE(dataset_info("celeba_hq").mirrors_allowed);
  EXPECT_TRUE(dataset_info("imagenet").mirrors_allowed);
}

TEST(DatasetInfos, AnUnknownNameIsRefusedWithTheNearest) {
  EXPECT_THAT(message_of<std::invalid_argument>([] { dataset_info("celebahq"); }),
              AllOf(HasSubstr("no data set is called \"celebahq\""),
                    HasSubstr("did you mean \"celeba_hq\"?")));
}

}  // namespace
}  // namespace oar
