#include "models/any_order/transformer.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/models/any_order/test_models.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(Transformer, PresetsHaveTheSizesOfTheField) {
  const auto parameters = [](const std::string& preset) {
    TransformerConfig config = transformer_preset(preset);
    config.grid = Grid{16, 16};
    config.codebook_size = 1024;
    const int64_t d = config.width, tables = 1024 + 16 + 16 + 256 + 1 + 31 * 31;
    return config.layers * (12 * d * d + 13 * d) + tables * d + 2 * d + (d + 1) * 1024;
  };
  TransformerConfig config = transformer_preset("tiny");
  config.grid = Grid{16, 16};
  config.codebook_size = 1024;
  Transformer tiny(config);
  int64_t counted = 0;
  for (const torch::Tensor& p : tiny->parameters()) counted += p.numel();
  EXPECT_EQ(counted, parameters("tiny"));      // the formula is the network's
  EXPECT_NEAR(parameters("base"), 87e6, 2e6);  // plain GELU blocks of 12 D² weights
  EXPECT_NEAR(parameters("large"), 305e6, 3e6);
  EXPECT_THAT(
      [] { transformer_preset("huge"); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("known: nano, tiny, small, base, large")));
}

TEST(Transformer, NamesSizesThatDoNotFit) {
  TransformerConfig config = small_config("relative");
  config.heads = 3;
  EXPECT_THAT([&] { Transformer model(config); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("multiple of 4 x heads")));
  config = small_config("relative");
  config.grid = Grid{0, 4};
  EXPECT_THROW(Transformer model(config), std::invalid_argument);
}

TEST(NextEncoding, JoinsNamesByPlus) {
  const NextEncoding both = parse_next_encoding("relative+rotary");
  EXPECT_TRUE(both.relative && both.rotary && !both.absolute);
  EXPECT_THAT([] { parse_next_encoding("relativ"); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("nothing is called \"relativ\"; accepted: none, absolute, relative")));
  EXPECT_THROW(parse_next_encoding("rotary+rotary"), std::invalid_argument);
  EXPECT_THROW(parse_next_encoding(""), std::invalid_argument);
}

TEST(NextEncoding, BothIsAbsoluteAndRelative) {
  EXPECT_EQ(parse_next_encoding("both").canonical_name(), "absolute+relative");
  EXPECT_EQ(parse_next_encoding("rotary+both").canonical_name(), "absolute+relative+rotary");
  EXPECT_THROW(parse_next_encoding("both+relative"), std::invalid_argument);
}

TEST(NextEncoding, NoneAndPositionTokenSayWhatTheyExclude) {
  EXPECT_THAT([] { parse_next_encoding("none+rotary"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("stands alone")));
  EXPECT_THAT([] { parse_next_encoding("relative+position_token"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("alone or with rotary")));
  EXPECT_TRUE(parse_next_encoding("position_token+rotary").position_token);
}

TEST(Transformer, RefusesALocationHeadThatHasNothingToTell) {
  TransformerConfig config = small_config("none");
  config.location_after = 1;
  EXPECT_THROW(Transformer model(config), std::invalid_argument);
  config = small_config("relative");
  config.location_after = 2;  // of two blocks: none is left to be told
  EXPECT_THAT([&] { Transformer model(config); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("must lie between two blocks")));
}

}  // namespace
}  // namespace oar
