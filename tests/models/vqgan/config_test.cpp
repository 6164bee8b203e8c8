#include "models/vqgan/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace oar {
namespace {

using ::testing::HasSubstr;

std::string refusal(const VqganConfig& config) {
  try {
    check_config(config);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(VqganConfig, EveryLevelButTheLastHalvesTheImage) {
  EXPECT_EQ(vqgan_preset("nano", 32).downsample(), 4);
  EXPECT_EQ(vqgan_preset("tiny", 64).downsample(), 8);
  EXPECT_EQ(vqgan_preset("small", 128).downsample(), 8);
  EXPECT_EQ(vqgan_preset("paper", 256).downsample(), 16);
}

TEST(VqganConfig, ThePaperPresetHasAttentionAtSixteenOf256AndAtTheLowestLevelOfAnySize) {
  EXPECT_EQ(vqgan_preset("paper", 256).attn_resolutions, std::vector<int64_t>{16});
  const VqganConfig half = vqgan_preset("paper", 128);
  EXPECT_EQ(half.attn_resolutions, std::vector<int64_t>{8});
  EXPECT_TRUE(half.has_attention(4));
  EXPECT_FALSE(half.has_attention(3));
}

TEST(VqganConfig, AnUnknownPresetIsRefusedWithTheKnownOnes) {
  try {
    vqgan_preset("huge", 64);
    FAIL() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"huge\""));
    EXPECT_THAT(error.what(), HasSubstr("known: nano, paper, small, tiny"));
  }
}

TEST(VqganConfig, AnImageThatPatchesDoNotDivideIsRefusedWithTheNearestSizes) {
  VqganConfig config = vqgan_preset("tiny", 64);
  config.image_size = 60;
  EXPECT_THAT(refusal(config), HasSubstr("the nearest accepted sizes are 56 and 64"));
  config.image_size = 4;
  EXPECT_THAT(refusal(config), HasSubstr("the nearest accepted sizes are 8 and 16"));
}

TEST(VqganConfig, ChannelsThatNormGroupsDoNotDivideAreRefused) {
  VqganConfig config = vqgan_preset("tiny", 64);
  config.ch = 48;
  EXPECT_THAT(refusal(config),
              HasSubstr("48 channels; group normalisation accepts multiples of 32"));
}

TEST(VqganConfig, ACodebookThatSixteenBitsCannotNameIsRefused) {
  VqganConfig config = vqgan_preset("tiny", 64);
  config.codebook_size = 32768;
  EXPECT_EQ(refusal(config), "accepted");
  config.codebook_size = 32769;
  EXPECT_THAT(refusal(config), HasSubstr("must be 2 to 32768, got 32769"));
  config.codebook_size = 1;
  EXPECT_THAT(refusal(config), HasSubstr("got 1"));
}

TEST(VqganConfig, SizesBelowOneAreRefusedByName) {
  VqganConfig config = vqgan_preset("tiny", 64);
  config.embed_dim = 0;
  EXPECT_THAT(refusal(config), HasSubstr("vqgan.embed_dim must be 1 to 65536, got 0"));
  config.ch_mult = {};
  EXPECT_THAT(refusal(config), HasSubstr("ch_mult must have 1 to 8 levels, got 0"));
}

}  // namespace
}  // namespace oar
