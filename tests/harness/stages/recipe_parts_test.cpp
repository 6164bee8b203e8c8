#include "harness/stages/recipe_parts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/stages/pipeline.h"
#include "harness/sweep/sweep.h"

namespace oar {
namespace {

using nlohmann::json;

json identity_of(const std::vector<std::string>& set) {
  const Sweep sweep = parse_sweep(R"({"version": 1})", "sweep.json", set, known_names());
  return dataset_identity(part(sweep.cells.at(0).recipe, "dataset"));
}

// Keys of stored data sets are hashed from this, member by member: a new option is part of it only
// where it is not at its default, and keeps the name that it had first.
TEST(DatasetIdentity, OfImagesIsThatOfTheFirstStores) {
  EXPECT_EQ(identity_of({"dataset.name=\"fashion_products\"", "dataset.root=\"data\"",
                         "dataset.caption=\"articleType\""}),
            json({{"name", "fashion_products"},
                  {"image_size", 64},
                  {"max_images", 0},
                  {"held_out", 0.1},
                  {"class_column", ""},
                  {"caption_column", "articleType"},
                  {"seed", 0}}));
}

TEST(DatasetIdentity, OfTheOfficialSplitDoesNotAskHowManyAreHeldOut) {
  const json identity = identity_of(
      {"dataset.name=\"celeba\"", "dataset.root=\"data\"", "dataset.split=\"official\""});
  EXPECT_EQ(identity.at("split"), "official");
  EXPECT_FALSE(identity.contains("held_out"));
}

TEST(ContentsOfFolder, ATarIsKnownByItsNameAndSize) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("oar-recipe-parts-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const char* text) {
    std::ofstream(folder / name) << text;
    return contents_of_folder(folder / name).sha256;
  };
  const std::string first = write("a.tar", "123");
  EXPECT_EQ(contents_of_folder(folder / "a.tar").files, 1);
  EXPECT_NE(contents_of_folder(folder).sha256, first);  // there, images are called a.tar/KEY.jpg
  EXPECT_NE(write("a.tar", "1234"), first);
  EXPECT_THROW(write("b.zip", "123"), BadData);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace oar
