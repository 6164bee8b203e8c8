// Which images of an index are faulty, by what is known of them.
#include "harness/data/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A data set under construction. Contents are numbers; 0: it cannot be decoded.
struct Images {
  DatasetIndex index;
  ImageContents contents;

  ImageRecord& add(const std::string& file, uint8_t content) {
    index.images.push_back({file, "", 100, 100, ""});
    ContentHash hash{};
    hash[0] = content;
    contents.hashes.push_back(content == 0 ? std::nullopt : std::optional(hash));
    return index.images.back();
  }
  Faults faults(int64_t tiny = 32) const { return find_faults(index, contents, tiny); }
};

TEST(Faults, ACleanDataSetHasNone) {
  Images images;
  images.add("a", 1).split = Split::kHeldOut;
  images.add("b", 2);
  const Faults faults = images.faults();
  EXPECT_FALSE(faults.bad());
  EXPECT_THAT(faults.duplicates, IsEmpty());
  EXPECT_THAT(files_to_remove(images.index, faults), IsEmpty());
}

TEST(Faults, ImagesOfOneContentAreAGroupAndOneOfThemStays) {
  Images images;
  images.add("a", 7);
  images.add("b", 1);
  images.add("c", 7);
  images.add("d", 7);
  images.add("e", 1);
  const Faults faults = images.faults();
  ASSERT_EQ(faults.duplicates.size(), 2U);
  EXPECT_THAT(faults.duplicates[0].images, ElementsAre(0, 2, 3));
  EXPECT_THAT(faults.duplicates[1].images, ElementsAre(1, 4));
  EXPECT_FALSE(faults.bad()) << "all are trained on";
  EXPECT_THAT(files_to_remove(images.index, faults), ElementsAre("c", "d", "e"));
}

TEST(Faults, AGroupOnBothSidesOfTheSplitIsALeak) {
  Images images;
  images.add("a", 7);
  images.add("b", 7).split = Split::kHeldOut;
  images.add("c", 8).split = Split::kHeldOut;
  images.add("d", 8).split = Split::kHeldOut;
  const Faults faults = images.faults();
  EXPECT_TRUE(faults.duplicates[0].leaked);
  EXPECT_FALSE(faults.duplicates[1].leaked) << "both are held out";
  EXPECT_EQ(faults.leaked_groups(), 1);
  EXPECT_TRUE(faults.bad());
}

TEST(Faults, DuplicatesMayContradictEachOther) {
  Images images;
  images.index.classes = {"cat", "dog"};
  images.add("a", 7).label = 0;
  images.add("b", 7).label = 1;
  images.add("c", 8).caption = "red";
  images.add("d", 8).caption = "blue";
  images.add("e", 9).label = 1;
  images.add("f", 9);  // says nothing, so contradicts nothing
  const Faults faults = images.faults();
  EXPECT_TRUE(faults.duplicates[0].labels_differ);
  EXPECT_FALSE(faults.duplicates[0].captions_differ);
  EXPECT_TRUE(faults.duplicates[1].captions_differ);
  EXPECT_FALSE(faults.duplicates[1].labels_differ);
  EXPECT_FALSE(faults.duplicates[2].labels_differ || faults.duplicates[2].captions_differ);
}

TEST(Faults, TheDuplicateThatSaysMostStays) {
  Images images;
  images.index.classes = {"cat"};
  images.add("a", 7);
  images.add("b", 7).label = 0;
  ImageRecord& best = images.add("c", 7);
  best.label = 0;
  best.caption = "a cat";
  EXPECT_THAT(files_to_remove(images.index, images.faults()), ElementsAre("a", "b"));
}

TEST(Faults, AnImageThatCannotBeDecodedIsBrokenAndNobodysDuplicate) {
  Images images;
  images.add("a.png", 0);
  images.add("b.png", 0);
  images.add("c", 1);
  images.contents.broken = {{"a.png", "cut off"}, {"b.png", "cut off"}};
  images.index.rejected = {{"aa.png", "empty file"}};
  const Faults faults = images.faults();
  EXPECT_THAT(faults.duplicates, IsEmpty());
  ASSERT_EQ(faults.broken.size(), 3U);
  EXPECT_EQ(faults.broken[1].file, "aa.png") << "sorted by file";
  EXPECT_TRUE(faults.bad());
  EXPECT_THAT(files_to_remove(images.index, faults), ElementsAre("a.png", "aa.png", "b.png"));
}

TEST(Faults, ATableThatNamesMoreThanThereIsIsNoBrokenImageButADamagedArchiveIsBroken) {
  Images images;
  images.index.rejected = {{"styles.csv", "1 of its 3 rows ..."}};
  EXPECT_FALSE(images.faults().bad());
  EXPECT_EQ(images.faults().noted.size(), 1U);
  images.index.rejected = {{"shard-1.tar", "cut off"}};
  EXPECT_TRUE(images.faults().bad());
  EXPECT_THAT(files_to_remove(images.index, images.faults()), IsEmpty());
}

TEST(Faults, AnotherFormatIsNotBroken) {
  Images images;
  images.add("a.png", 1);
  images.index.rejected = {{"b.webp", "only JPEG and PNG are read"}};
  const Faults faults = images.faults();
  EXPECT_EQ(faults.unread.size(), 1U);
  EXPECT_THAT(faults.broken, IsEmpty());
  EXPECT_FALSE(faults.bad());
}

TEST(Faults, TheShortSideSaysWhatIsTinyAndBothSidesWhatIsCutInHalf) {
  Images images;
  images.add("exactly", 1).height = 32;
  images.add("below", 2).height = 31;
  images.add("twice", 3).width = 200;
  images.add("longer", 4).width = 201;
  const Faults faults = images.faults(32);
  EXPECT_THAT(faults.tiny, ElementsAre(1));
  EXPECT_THAT(faults.cut_in_half, ElementsAre(0, 1, 3)) << "100x32, 100x31 and 201x100";
  EXPECT_THAT(images.faults(33).tiny, ElementsAre(0, 1));
}

TEST(Faults, OtherSizesAreToldWhereNineInTenShareOne) {
  Images images;
  for (uint8_t i = 1; i < 10; ++i) images.add("same" + std::to_string(i), i);
  images.add("other", 10).width = 120;
  EXPECT_THAT(images.faults().of_other_size, ElementsAre(9));
  images.add("another", 11).width = 121;  // 9 of 11
  EXPECT_THAT(images.faults().of_other_size, IsEmpty());
}

TEST(Faults, CaptionsAndClassesAreMissedOnlyWhereOthersHaveThem) {
  Images images;
  images.add("a", 1);
  images.add("b", 2);
  EXPECT_THAT(images.faults().without_caption, IsEmpty());
  EXPECT_THAT(images.faults().without_label, IsEmpty());
  images.index.classes = {"cat"};
  images.index.images[0].caption = "a cat";
  images.index.images[1].label = 0;
  EXPECT_THAT(images.faults().without_caption, ElementsAre(1));
  EXPECT_THAT(images.faults().without_label, ElementsAre(0));
}

}  // namespace
}  // namespace oar
