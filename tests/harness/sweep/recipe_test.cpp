#include "harness/sweep/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/sweep/sweep_fixture.h"

namespace oar {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(Recipe, HoldsEveryOptionAtItsDefault) {
  const Recipe recipe = resolve({});
  for (const RecipeOption& option : recipe_options()) {
    if (option.section() == kRelabel) continue;
    EXPECT_EQ(value_of(recipe, option.key), option.default_value) << option.key;
  }
  EXPECT_FALSE(relabels(recipe));
}

TEST(Recipe, AMentionedRelabelHoldsEveryOptionOfIt) {
  const Recipe recipe = recipe_of(R"("relabel": {"distance_penalty": 0.5})");
  EXPECT_TRUE(relabels(recipe));
  EXPECT_EQ(get<double>(recipe, "relabel.distance_penalty"), 0.5);
  EXPECT_EQ(get<std::string>(recipe, "relabel.order"), "oar");
  EXPECT_EQ(part(recipe, "relabel").size(), option_keys("relabel").size());
}

TEST(Recipe, DottedAndNestedKeysMeanTheSame) {
  EXPECT_EQ(recipe_of(R"("train.order": "raster", "relabel.order": "oar")"),
            recipe_of(R"("train": {"order": "raster"}, "relabel": {"order": "oar"})"));
}

TEST(Recipe, KeysThatBeginWithXAreIgnoredEverywhere) {
  EXPECT_EQ(recipe_of(R"("x-note": 1, "train": {"x-why": [2]})"), resolve({}));
}

TEST(Recipe, TheDifferenceFromTheDefaultsIsSharedByEqualRecipesOnly) {
  const auto difference = [](const Settings& settings) {
    return difference_from_defaults(settings);
  };
  const Settings plain = {};
  const Settings default_written = {{"train.order", {"random", "s.json:1"}}};
  const Settings raster = {{"train.order", {"raster", "s.json:1"}}};
  const Settings tuned = {{"relabel", {json::object(), "s.json:1"}}};
  const Settings tuned_longer = {{"relabel.rounds", {2, "s.json:1"}}};
  const Settings switched_off = {{"relabel", {nullptr, "s.json:2"}},
                                 {"relabel.rounds", {2, "s.json:1"}}};
  EXPECT_EQ(difference(plain), R"({"relabel":false})");
  EXPECT_EQ(difference(plain), difference(default_written));
  EXPECT_EQ(difference(plain), difference(switched_off));
  EXPECT_EQ(resolve(plain), resolve(switched_off));
  EXPECT_EQ(difference(raster), R"({"relabel":false,"train.order":"raster"})");
  EXPECT_EQ(difference(tuned), R"({"relabel":true})");
  EXPECT_EQ(difference(tuned_longer), R"({"relabel":true,"relabel.rounds":2})");
}

TEST(Recipe, TypedAccess) {
  const Recipe recipe = recipe_of(R"("model.layers": 3)");
  EXPECT_EQ(get<int64_t>(recipe, "train.batch_size"), 64);
  EXPECT_EQ(get_optional<int64_t>(recipe, "model.layers"), 3);
  EXPECT_EQ(get_optional<int64_t>(recipe, "model.heads"), std::nullopt);
}

TEST(Recipe, AskingForWhatIsNotThereIsOurOwnMistake) {
  const Recipe recipe = resolve({});
  EXPECT_THROW(value_of(recipe, "train.ordr"), std::logic_error);
  EXPECT_THROW(value_of(recipe, "relabel.order"), std::logic_error);  // it is null
  EXPECT_THROW(value_of(recipe, "train"), std::logic_error);
  EXPECT_THROW(part(recipe, "trian"), std::logic_error);
}

// ---- keys

TEST(RecipeKeys, AMisspeltOptionGetsItsSectionAndASuggestion) {
  EXPECT_EQ(mistakes_of_recipe(R"("train.ordr": "raster")"),
            "s.json:1: /defaults/train.ordr: no option is called \"train.ordr\".\n"
            "  known: train.order, train.distance_penalty, train.distance, train.order_seed, "
            "train.order_file, train.groups, train.anneal_start, train.anneal_end, "
            "train.images_seen, train.batch_size, train.learning_rate, train.warmup, "
            "train.weight_decay, train.gradient_clip\n"
            "  did you mean \"train.order\"?");
  EXPECT_THAT(mistakes_of_recipe(R"("train": {"ordr": "raster"})"),
              HasSubstr("/defaults/train/ordr: no option is called \"train.ordr\""));
}

TEST(RecipeKeys, AMisspeltSectionGetsTheSections) {
  EXPECT_EQ(mistakes_of_recipe(R"("trian": {})"),
            "s.json:1: /defaults/trian: no option is called \"trian\".\n"
            "  known: dataset, tokenizer, model, train, relabel, generate, evaluate\n"
            "  did you mean \"train\"?");
}

TEST(RecipeKeys, AnOptionWithoutItsSectionGetsEverySectionThatHasIt) {
  EXPECT_THAT(
      mistakes_of_recipe(R"("order": "raster")"),
      HasSubstr("did you mean \"train.order\" or \"relabel.order\" or \"generate.order\"?"));
}

TEST(RecipeKeys, AnOptionGivenTwiceInOneLayerIsRefused) {
  EXPECT_EQ(mistakes_of("{\"version\": 1, \"defaults\": {\n\"train\": {\"order\": \"raster\"},\n"
                        "\"train.order\": \"random\"}}"),
            "s.json:3: /defaults/train.order: train.order is given twice.\n"
            "  first at s.json:2: /defaults/train/order\n"
            "  keep one of the two");
}

TEST(RecipeKeys, ASectionIsAnObject) {
  EXPECT_THAT(mistakes_of_recipe(R"("train": null)"),
              HasSubstr("train cannot be null.\n  accepted: an object of options"));
  EXPECT_THAT(mistakes_of_recipe(R"("relabel": "oar")"), HasSubstr("or null: no fine-tuning"));
}

TEST(RecipeKeys, RelabelCannotBeOffAndSetInOneLayer) {
  EXPECT_THAT(mistakes_of_recipe(R"("relabel": null, "relabel.order": "oar")"),
              HasSubstr("relabel.order is given, but relabel is null beside it"));
}

// ---- options taken together

TEST(RecipeTogether, FilesNeedAFolder) {
  EXPECT_EQ(mistakes_of_recipe(R"("dataset.name": "celeba_hq")"),
            "s.json:1: /defaults/dataset.name: the data set \"celeba_hq\" needs a folder, and "
            "dataset.root is empty.\n"
            "  set dataset.root to the folder that holds its files");
  EXPECT_EQ(mistakes_of_recipe(R"("dataset": {"name": "celeba_hq", "root": "d"})"), "no mistake");
}

TEST(RecipeTogether, HeldOutReferenceNeedsHeldOutImages) {
  EXPECT_THAT(mistakes_of_recipe(R"("evaluate.reference": "held_out", "dataset.held_out": 0)"),
              HasSubstr("/evaluate.reference: evaluate.reference is \"held_out\", but "
                        "dataset.held_out is 0: no image is held out.\n  set dataset.held_out"));
}

TEST(RecipeTogether, TheSizesOfATokenizerComeFromOnePlace) {
  EXPECT_EQ(mistakes_of_recipe(R"("tokenizer": {"config": "model.yaml", "weights": "a.ckpt"})"),
            "no mistake");
  EXPECT_THAT(
      mistakes_of_recipe(R"("tokenizer": {"config": "model.yaml", "codebook_size": 64})"),
      HasSubstr("/tokenizer/codebook_size: tokenizer.codebook_size is given, and so is "
                "tokenizer.config, which has all sizes.\n  leave tokenizer.codebook_size out, or"));
}

TEST(RecipeTogether, LpipsNeedsItsConvolutionsAndImagesThatTheyFit) {
  EXPECT_EQ(mistakes_of_recipe(R"("tokenizer": {"perceptual_weights": "vgg16.pth"})"),
            "no mistake");
  EXPECT_THAT(mistakes_of_recipe(R"("tokenizer": {"perceptual_linear": "vgg.pth"})"),
              HasSubstr("/tokenizer/perceptual_linear: tokenizer.perceptual_linear names LPIPS's "
                        "linear layers, but tokenizer.perceptual_weights is empty"));
  EXPECT_THAT(mistakes_of_recipe(
                  R"("dataset.image_size": 8, "tokenizer": {"perceptual_weights": "vgg16.pth"})"),
              HasSubstr("dataset.image_size is below 16: VGG-16 halves images four times"));
}

TEST(RecipeTogether, CodesFromTheStartHaveNoTokenizerAndNoImages) {
  const std::string planted = R"("dataset.name": "planted_path")";
  EXPECT_EQ(mistakes_of_recipe(planted + R"(, "dataset.codes": 16, "dataset.path": "raster")"),
            "no mistake");
  EXPECT_THAT(
      mistakes_of_recipe(planted + R"(, "tokenizer": {"preset": "nano"})"),
      HasSubstr("/tokenizer/preset: tokenizer.preset is given, but the data set "
                "\"planted_path\" is codes from the start: it has no images and no "
                "tokenizer.\n  leave tokenizer.preset out, or choose a data set of images"));
  EXPECT_THAT(mistakes_of_recipe(planted + R"(, "dataset.image_size": 32)"),
              HasSubstr("dataset.image_size is given, but"));
  EXPECT_THAT(mistakes_of_recipe(planted + R"(, "model.condition": "class")"),
              HasSubstr("the data set \"planted_path\" has no class labels"));
}

TEST(RecipeTogether, ScoresOfImagesAreNotCheckedWhereThereAreNone) {
  EXPECT_EQ(mistakes_of_recipe(R"("dataset.name": "planted_path", "generate.num_samples": 2)"),
            "no mistake");  // with images: fewer than evaluate.kid_subset_size
}

TEST(RecipeTogether, TheOfficialSplitIsOfADataSetThatHasOne) {
  const std::string official = R"("dataset": {"root": "r", "split": "official", "name": )";
  EXPECT_EQ(mistakes_of_recipe(official + R"("celeba_hq"}, "evaluate.reference": "held_out")"),
            "no mistake");
  EXPECT_THAT(
      mistakes_of_recipe(official + R"("image_folder"})"),
      AllOf(HasSubstr("dataset.split is \"official\", but the data set \"image_folder\" has "
                      "no official split"),
            HasSubstr("set dataset.split to \"hash\"")));
  EXPECT_THAT(mistakes_of_recipe(official + R"("celeba", "held_out": 0.2})"),
              HasSubstr("dataset.held_out is given, but dataset.split is \"official\""));
}

TEST(RecipeTogether, AdmResizesBicubically) {
  const std::string adm = R"("dataset": {"name": "image_folder", "root": "r", "crop": "adm")";
  EXPECT_THAT(mistakes_of_recipe(adm + "}"),
              AllOf(HasSubstr("dataset.crop is \"adm\", which resizes bicubically by itself, but "
                              "dataset.resize is \"area\""),
                    HasSubstr("set dataset.resize to \"bicubic\"")));
  EXPECT_EQ(mistakes_of_recipe(adm + R"(, "resize": "bicubic"})"), "no mistake");
}

TEST(RecipeTogether, GeneratedImagesAreNeitherCutNorResized) {
  EXPECT_THAT(mistakes_of_recipe(R"("dataset.name": "sunset", "dataset.crop": "top")"),
              HasSubstr("dataset.crop is \"top\", but the data set \"sunset\" is generated at "
                        "image_size: there is nothing to cut or resize"));
  EXPECT_THAT(mistakes_of_recipe(R"("dataset.name": "sunset", "dataset.resize": "bicubic")"),
              HasSubstr("leave dataset.resize out"));
}

TEST(RecipeTogether, ImagesAreMirroredWhereTheDataSetAllowsIt) {
  const std::string mirrored = R"("dataset": {"root": "r", "mirror": "on", "name": )";
  EXPECT_THAT(mistakes_of_recipe(mirrored + R"("fashion_products"})"),
              HasSubstr("dataset.mirror is \"on\", but an image of \"fashion_products\" with left "
                        "and right exchanged is no image of that data set"));
  EXPECT_EQ(mistakes_of_recipe(mirrored + R"("image_folder"})"), "no mistake");
}

TEST(RecipeTogether, CaptionsAreForDataSetsThatHaveThem) {
  EXPECT_THAT(mistakes_of_recipe(R"("model.condition": "caption", "dataset.root": "r",
                                    "dataset.name": "image_folder")"),
              HasSubstr("the data set \"image_folder\" has no captions.\n  set model.condition to "
                        "\"class\" or \"none\""));
  EXPECT_EQ(mistakes_of_recipe(R"("model.condition": "caption")"), "no mistake");
}

TEST(RecipeTogether, ImagesGetTheirCodesFromTheTokenizer) {
  EXPECT_THAT(mistakes_of_recipe(R"("dataset.name": "sunset", "dataset.rows": 8)"),
              HasSubstr("/dataset.rows: dataset.rows is given, but the data set \"sunset\" is made "
                        "of images: their codes and grid come from the tokenizer.\n  leave "
                        "dataset.rows out, or set dataset.name to \"planted_path\""));
}

TEST(RecipeTogether, APathIsAnOrderThatIsOneForAllImages) {
  EXPECT_THAT(mistakes_of_recipe(R"("dataset.name": "planted_path", "dataset.path": "random")"),
              HasSubstr("no path is called \"random\".\n  known: hilbert, raster"));
}

TEST(RecipeTogether, GuidanceNeedsACondition) {
  EXPECT_EQ(mistakes_of_recipe(R"("generate.guidance_scale": 2)"),
            "s.json:1: /defaults/generate.guidance_scale: generate.guidance_scale is 2, but "
            "model.condition is \"none\": there is nothing to guide by.\n"
            "  set generate.guidance_scale to 1, or model.condition to \"class\" or \"caption\"");
}

TEST(RecipeTogether, GuidanceNeedsAModelThatLearnedToGoWithout) {
  EXPECT_THAT(mistakes_of_recipe(R"("generate.guidance_scale": 2, "model.condition": "class",
                                    "model.condition_dropout": 0)"),
              HasSubstr("model.condition_dropout is 0: the model never learns"));
}

TEST(RecipeTogether, AClassConditionNeedsLabels) {
  EXPECT_THAT(mistakes_of_recipe(
                  R"("model.condition": "class", "dataset": {"name": "celeba_hq", "root": "d"})"),
              HasSubstr("the data set \"celeba_hq\" has no class labels.\n  set model.condition"));
}

TEST(RecipeTogether, AClassConditionOnATableNeedsItsColumn) {
  const std::string fashion =
      R"("model.condition": "class", "dataset.name": "fashion_products", "dataset.root": "d")";
  EXPECT_THAT(mistakes_of_recipe(fashion),
              HasSubstr("dataset.class_column is empty: the data set \"fashion_products\" does not "
                        "know which column holds the class.\n  set dataset.class_column"));
  EXPECT_EQ(mistakes_of_recipe(fashion + R"(, "dataset.class_column": "masterCategory")"),
            "no mistake");
}

TEST(RecipeTogether, HeadsShareTheWidth) {
  EXPECT_THAT(mistakes_of_recipe(R"("model": {"width": 90, "heads": 3})"),  // 30 channels a head
              HasSubstr("/model/heads: model.width 90 is not a multiple of 4 x model.heads 3.\n  "
                        "every head turns its channels in pairs along two axes; set model.width to "
                        "a multiple of 12"));
  EXPECT_EQ(mistakes_of_recipe(R"("model": {"width": 96, "heads": 3})"), "no mistake");
}

TEST(RecipeTogether, InceptionNeedsItsWeights) {
  EXPECT_EQ(mistakes_of_recipe(R"("evaluate.features": "inception_v3")"),
            "s.json:1: /defaults/evaluate.features: the feature network \"inception_v3\" needs a "
            "file of weights, and evaluate.weights is empty.\n"
            "  set evaluate.weights to its .pth or .safetensors file");
}

TEST(RecipeTogether, AKidSubsetIsNoLargerThanTheSample) {
  EXPECT_EQ(mistakes_of_recipe(R"("generate.num_samples": 200)"),
            "s.json:1: /defaults/generate.num_samples: generate.num_samples is 200, fewer than "
            "evaluate.kid_subset_size 1000: no KID subset can be drawn.\n"
            "  set evaluate.kid_subset_size to at most 200, or generate.num_samples to at least "
            "1000, or leave kid out of evaluate.metrics");
  EXPECT_EQ(mistakes_of_recipe(R"("generate.num_samples": 200, "evaluate.kid_subset_size": 200)"),
            "no mistake");
  EXPECT_EQ(mistakes_of_recipe(R"("generate.num_samples": 200, "evaluate.metrics": ["fid"])"),
            "no mistake");
}

TEST(RecipeTogether, AKidSubsetIsNoLargerThanTheReference) {
  EXPECT_THAT(mistakes_of_recipe(R"("evaluate.max_reference": 1, "evaluate.metrics": ["kid"])"),
              HasSubstr("evaluate.max_reference is 1, fewer than evaluate.kid_subset_size 1000: no "
                        "KID subset can be drawn.\n  set evaluate.max_reference to at least 1000"));
}

TEST(RecipeTogether, FidNeedsTwoReferenceImages) {
  EXPECT_THAT(mistakes_of_recipe(R"("evaluate.max_reference": 1, "evaluate.metrics": ["fid"])"),
              HasSubstr("one image has no covariance"));
}

TEST(RecipeTogether, InceptionScoreSplitsHoldAnImageEach) {
  EXPECT_THAT(mistakes_of_recipe(R"("generate.num_samples": 5, "evaluate.metrics": ["isc"])"),
              HasSubstr("evaluate.isc_splits 10 is more than generate.num_samples 5.\n"
                        "  set evaluate.isc_splits to at most 5"));
}

}  // namespace
}  // namespace oar
