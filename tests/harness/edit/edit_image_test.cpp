#include "harness/edit/edit_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/any_order/cached_scorer.h"
#include "tests/harness/edit/edit_fixture.h"

namespace oar {
namespace {

constexpr int64_t kSide = 4, kPatch = 4, kCodes = 16, kClasses = 3;

/// Networks with random weights, as large as they must be: 16 patches of 4x4 pixels.
Editor make_editor(int64_t location_after = 0) {
  VqganConfig vqgan;
  vqgan.image_size = 2 * kSide * kPatch;  // the images may have another size than its own
  vqgan.ch = 32;
  vqgan.ch_mult = {1, 1, 1};
  vqgan.num_res_blocks = 1;
  vqgan.attn_resolutions = {};
  vqgan.z_channels = 8;
  vqgan.embed_dim = 4;
  vqgan.codebook_size = kCodes;
  TransformerConfig config;
  config.grid = {kSide, kSide};
  config.codebook_size = kCodes;
  config.layers = 2;
  config.width = 32;
  config.heads = 2;
  config.num_classes = kClasses;
  config.location_after = location_after;
  Editor editor{Vqgan(vqgan), Transformer(config)};
  editor.tokenizer->draw_weights(1);
  editor.tokenizer->eval();
  editor.model->initialise(2);
  torch::manual_seed(3);
  const torch::NoGradGuard no_gradients;
  // Far from uniform, so that what is known and what class is asked for matter.
  for (torch::Tensor& p : editor.model->parameters()) p.add_(torch::randn_like(p), 0.3);
  // Codes as far apart as the encoder's outputs, so that images have several.
  torch::Tensor codebook = editor.tokenizer->quantizer()->parameters().front();
  const torch::Tensor z = editor.tokenizer->embed(
      to_network_range(noise(kSide * kPatch, kSide * kPatch, 4).unsqueeze(0)));
  codebook.copy_(z.flatten(2).squeeze(0).t());  // 16 vectors, one of each patch
  editor.model->eval();
  return editor;
}

/// Noise whose middle four patches are drawn.
Canvas make_canvas(uint64_t seed = 5) {
  Canvas canvas{{{kSide, kSide}, kPatch}, noise(kSide * kPatch, kSide * kPatch, seed), {}};
  canvas.drawn = torch::zeros({kSide, kSide}, torch::kBool);
  canvas.drawn.slice(0, 1, 3).slice(1, 1, 3).fill_(true);
  canvas.drawn = canvas.drawn.flatten();
  return canvas;
}

const torch::Tensor kKnown = torch::tensor({0, 1, 2, 3, 4, 7, 8, 11, 12, 13, 14, 15});

EditOptions options_with(const std::string& order) {
  EditOptions options;
  options.order.name = order;
  return options;
}

torch::Tensor encoded(Editor& editor, const torch::Tensor& pixels) {
  const torch::NoGradGuard no_gradients;
  return editor.tokenizer->encode(to_network_range(pixels.unsqueeze(0))).codes.squeeze(0);
}

TEST(CanvasShape, IsThatOfTheModelNotThatOfTheTokenizersTraining) {
  const CanvasShape shape = canvas_shape(make_editor());
  EXPECT_EQ(shape.grid.rows, kSide);
  EXPECT_EQ(shape.grid.cols, kSide);
  EXPECT_EQ(shape.patch_size, kPatch);
}

TEST(KnownCodes, AreThoseOfTheImageWithItsDrawnPatchesInTheMeanColour) {
  Editor editor = make_editor();
  Canvas canvas = make_canvas();
  torch::Tensor& pixels = canvas.pixels;  // rows 0 .. 7 are 10, the others 25; the mean is 17.5
  pixels.slice(1, 0, 8).fill_(10);
  pixels.slice(1, 8).fill_(25);
  torch::Tensor grey = pixels.clone();
  grey.slice(1, 4, 12).slice(2, 4, 12).fill_(18);
  EXPECT_TRUE(known_codes(editor.tokenizer, canvas).equal(encoded(editor, grey)));
}

TEST(KnownCodes, DoNotDependOnWhatIsReplaced) {
  Editor editor = make_editor();
  const Canvas a = make_canvas();
  Canvas b = a;
  b.pixels = torch::where(a.drawn_pixels(), noise(16, 16, 6), a.pixels);
  EXPECT_TRUE(known_codes(editor.tokenizer, a).equal(known_codes(editor.tokenizer, b)));
  // The encoder sees beyond its patch: without the paint, codes next to the change would differ.
  EXPECT_FALSE(encoded(editor, a.pixels)
                   .index_select(0, kKnown)
                   .equal(encoded(editor, b.pixels).index_select(0, kKnown)));
}

TEST(EditImage, KnownPatchesComeFirstAndKeepTheirCodesInEverySample) {
  const Editor editor = make_editor();
  const Canvas canvas = make_canvas();
  const Edits edits = edit_image(editor, canvas, options_with("oar"));
  const torch::Tensor codes = known_codes(editor.tokenizer, canvas).index_select(0, kKnown);
  EXPECT_EQ(edits.num_known, 12);
  EXPECT_GT(std::get<0>(at::_unique(codes)).size(0), 3);  // else the next lines say little
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(edits.position_at[i].slice(0, 0, 12).equal(kKnown));
    EXPECT_TRUE(edits.codes[i].index_select(0, kKnown).equal(codes));
  }
}

TEST(EditImage, KeptPatchesShowTheImageAndDrawnOnesTheDecoder) {
  Editor editor = make_editor();
  const Canvas canvas = make_canvas();
  EditOptions options = options_with("oar");
  const Edits kept = edit_image(editor, canvas, options);
  options.keep_pixels = false;
  const Edits whole = edit_image(editor, canvas, options);
  const torch::NoGradGuard no_gradients;
  const torch::Tensor decoded =
      to_pixels(editor.tokenizer->decode_codes(kept.codes.clone(), kSide, kSide));
  EXPECT_TRUE(whole.images.equal(decoded));
  torch::Tensor expected = canvas.pixels.unsqueeze(0).repeat({4, 1, 1, 1});
  expected.slice(2, 4, 12).slice(3, 4, 12) = decoded.slice(2, 4, 12).slice(3, 4, 12);
  EXPECT_TRUE(kept.images.equal(expected));
  EXPECT_FALSE(kept.images.equal(decoded));
}

struct Condition {
  std::optional<int64_t> label;
  double guidance_scale;
};

class EditImageUnder : public ::testing::TestWithParam<Condition> {};

TEST_P(EditImageUnder, LogLikelihoodsAreThoseOfATeacherForcedPass) {
  Editor editor = make_editor();
  EditOptions options = options_with("oar");
  if (GetParam().label) options.condition = torch::full({1}, *GetParam().label, torch::kInt64);
  options.guidance_scale = GetParam().guidance_scale;
  const Edits edits = edit_image(editor, make_canvas(), options);

  const torch::NoGradGuard no_gradients;
  const torch::Tensor codes = edits.codes.clone(), position_at = edits.position_at.clone();
  const auto logits = [&](int64_t label) {
    return editor.model->forward(codes, position_at, torch::full({4}, label));
  };
  const torch::Tensor without = logits(-1), with = logits(GetParam().label.value_or(-1));
  const torch::Tensor expected = (without + GetParam().guidance_scale * (with - without))
                                     .log_softmax(-1)
                                     .gather(2, codes.gather(1, position_at).unsqueeze(2))
                                     .squeeze(2);
  // float32, two layers: sums of 32 numbers in another order.
  EXPECT_LT((edits.log_likelihood - expected).abs().max().item<float>(), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Conditions, EditImageUnder,
                         ::testing::Values(Condition{std::nullopt, 1.0}, Condition{1, 1.0},
                                           Condition{2, 2.5}));

TEST(EditImage, AnyOrderOfTheRegistryDrawsTheRest) {
  const Editor editor = make_editor(/*location_after=*/1);
  for (const OrderInfo& order : list_orders()) {
    EditOptions options = options_with(order.name);
    options.order.given = torch::arange(15, -1, -1).unsqueeze(0);  // read by from_file alone
    const Edits edits = edit_image(editor, make_canvas(), options);
    EXPECT_TRUE(edits.position_at.slice(1, 0, 12).equal(kKnown.expand({4, 12}))) << order.name;
    EXPECT_TRUE(std::get<0>(edits.position_at.sort(1)).equal(torch::arange(16).expand({4, 16})))
        << order.name;
  }
}

TEST(EditImage, AFixedOrderPassesOverWhatIsKnown) {
  const Edits edits = edit_image(make_editor(), make_canvas(), options_with("alternate"));
  EXPECT_TRUE(edits.position_at[0].slice(0, 12).equal(torch::tensor({6, 5, 9, 10})));
}

TEST(EditImage, TheSameSeedDrawsTheSameAndAnotherSeedAnother) {
  const Editor editor = make_editor();
  EditOptions options = options_with("random");
  options.num_samples = 8;
  const Edits a = edit_image(editor, make_canvas(), options),
              b = edit_image(editor, make_canvas(), options);
  EXPECT_TRUE(a.images.equal(b.images));
  EXPECT_TRUE(a.position_at.equal(b.position_at));
  options.sampling.seed = 1;
  const Edits c = edit_image(editor, make_canvas(), options);
  EXPECT_FALSE(a.position_at.equal(c.position_at));
  EXPECT_FALSE(a.codes.equal(c.codes));
  EXPECT_FALSE(a.codes[0].equal(a.codes[1]));  // samples of one call differ too
}

TEST(EditImage, WhatLiesInDrawnPatchesChangesNothing) {
  const Editor editor = make_editor();
  const Canvas a = make_canvas();
  Canvas b = a;
  b.pixels = torch::where(a.drawn_pixels(), noise(16, 16, 6), a.pixels);
  const Edits from_a = edit_image(editor, a, options_with("oar")),
              from_b = edit_image(editor, b, options_with("oar"));
  EXPECT_TRUE(from_a.images.equal(from_b.images));
  EXPECT_TRUE(from_a.log_likelihood.equal(from_b.log_likelihood));
}

TEST(EditImage, HowManySamplesFitIntoMemoryChangesNone) {
  const Editor editor = make_editor();
  EditOptions options = options_with("oar");
  options.num_samples = 5;
  const Edits together = edit_image(editor, make_canvas(), options);
  options.memory_bytes = CachedScorer::plan(editor.model->config(), 2).bytes;
  std::vector<int64_t> done;
  const Edits apart =
      edit_image(editor, make_canvas(), options, [&](int64_t samples) { done.push_back(samples); });
  EXPECT_THAT(done, ::testing::ElementsAre(2, 4, 5));
  EXPECT_TRUE(together.codes.equal(apart.codes));
  EXPECT_TRUE(together.images.equal(apart.images));
}

TEST(EditImage, AnImageOfWhichNothingIsKnownIsDrawnWhole) {
  Canvas canvas = make_canvas();
  canvas.drawn.fill_(true);
  const Edits edits = edit_image(make_editor(), canvas, options_with("oar"));
  EXPECT_EQ(edits.num_known, 0);
  EXPECT_EQ(edits.images.sizes(), (std::vector<int64_t>{4, 3, 16, 16}));
}

TEST(EditImage, NamesTheMemoryThatWorks) {
  EditOptions options = options_with("oar");
  options.memory_bytes = 1000;
  EXPECT_THAT(
      [&] { edit_image(make_editor(), make_canvas(), options); },
      ::testing::ThrowsMessage<std::invalid_argument>(::testing::HasSubstr("allow more memory")));
}

}  // namespace
}  // namespace oar
