#include "harness/sweep/sweep.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <system_error>

#include "harness/sweep/json_file.h"
#include "tests/harness/sweep/sweep_fixture.h"

namespace oar {
namespace {

using nlohmann::json;
using testing::HasSubstr;

using Ids = std::vector<std::string>;

/// The four recipes of the paper over two encodings, as a user would write them.
constexpr char kFashionTable[] = R"({
  "version": 1,
  "name": "fashion-table",
  "defaults": {
    "dataset":  { "name": "fashion_products", "root": "data/fashion", "image_size": 256 },
    "tokenizer": { "name": "vqgan", "preset": "paper" },
    "model":    { "preset": "base", "next_encoding": "relative", "condition": "none" },
    "train":    { "order": "random", "images_seen": 2000000 },
    "relabel":  { "order": "oar", "distance_penalty": 0.0, "images_seen": 400000 },
    "generate": { "order": "oar", "num_samples": 10000 },
    "evaluate": { "features": "inception_v3", "weights": "inception.pth",
                  "metrics": ["fid", "isc", "kid"], "reference": "train" }
  },
  "recipes": {
    "raster":        { "train.order": "raster", "relabel": null, "generate.order": "raster" },
    "random":        { "relabel": null, "generate.order": "random" },
    "oar":           { "relabel": null },
    "oar_finetuned": {}
  },
  "matrix":   { "recipe": ["raster", "random", "oar", "oar_finetuned"],
                "model.next_encoding": ["absolute", "relative"] },
  "exclude":  [ { "recipe": "raster", "model.next_encoding": "absolute" } ],
  "seeds":    [0, 1],
  "strategy": { "fail_fast": true, "max_parallel": 4, "on_diverge": "stop" },
  "baseline": { "recipe": "raster" },
  "gates":    [ { "metric": "fid", "max_regression": "3%" },
                { "metric": "mean_inter_patch_distance", "max": 5.0 } ],
  "report":   { "rows": "recipe", "columns": "model.next_encoding" }
})";

const Cell& cell(const Sweep& sweep, const std::string& id) {
  for (const Cell& cell : sweep.cells) {
    if (cell.id == id) return cell;
  }
  throw std::out_of_range(id);
}

/// A sweep on line 1 with these members beside the version.
std::string sweep_with(const std::string& members) { return R"({"version": 1, )" + members + "}"; }

const std::string kTwoRecipes =
    R"("recipes": {"random": {"generate.order": "random"}, "oar": {}}, )";

TEST(Sweep, TheTableOfThePaperIsFourRecipesOverTwoEncodings) {
  const Sweep sweep = sweep_of(kFashionTable);
  EXPECT_EQ(sweep.name, "fashion-table");
  EXPECT_EQ(sweep.cells.size(), (4 * 2 - 1) * 2u);  // one is excluded; two seeds
  EXPECT_EQ(sweep.cells[0].id, "recipe=raster,model.next_encoding=relative,seed=0");
  EXPECT_EQ(sweep.cells[1].id, "recipe=raster,model.next_encoding=relative,seed=1");
  EXPECT_EQ(sweep.cells[2].id, "recipe=random,model.next_encoding=absolute,seed=0");
  EXPECT_EQ(sweep.rows, "recipe");
  EXPECT_EQ(sweep.columns, "model.next_encoding");
  EXPECT_TRUE(sweep.fail_fast);
  EXPECT_EQ(sweep.max_parallel, 4);
  EXPECT_TRUE(sweep.stop_on_diverge);
  EXPECT_EQ(sweep.baseline, (Combination{{"recipe", "raster"}}));
  ASSERT_EQ(sweep.gates.size(), 2u);
  EXPECT_EQ(sweep.gates[0].max_regression, 0.03);
  EXPECT_EQ(sweep.gates[1].max, 5.0);
}

TEST(Sweep, ARecipeOverridesTheDefaultsAndTheMatrixBoth) {
  const Sweep sweep = sweep_of(kFashionTable);
  const Cell& raster = cell(sweep, "recipe=raster,model.next_encoding=relative,seed=0");
  EXPECT_EQ(get<std::string>(raster.recipe, "train.order"), "raster");
  EXPECT_EQ(get<int64_t>(raster.recipe, "dataset.image_size"), 256);
  EXPECT_FALSE(relabels(raster.recipe));
  const Cell& tuned = cell(sweep, "recipe=oar_finetuned,model.next_encoding=absolute,seed=1");
  EXPECT_EQ(get<std::string>(tuned.recipe, "model.next_encoding"), "absolute");
  EXPECT_EQ(get<int64_t>(tuned.recipe, "relabel.images_seen"), 400000);
  EXPECT_EQ(tuned.seed, 1);
  EXPECT_EQ(tuned.labels, (std::map<std::string, json>{{"recipe", "oar_finetuned"},
                                                       {"model.next_encoding", "absolute"}}));
}

TEST(Sweep, NeedsNothingButItsVersion) {
  const Sweep sweep = parse_sweep(R"({"version": 1})", "sweeps/tiny.json", {}, known_names());
  EXPECT_EQ(sweep.name, "tiny");  // the file's
  EXPECT_EQ(ids_of(sweep), Ids{"seed=0"});
  EXPECT_EQ(sweep.cells[0].recipe, resolve({}));
  EXPECT_EQ(sweep.rows, "seed");
  EXPECT_EQ(sweep.columns, "");
  EXPECT_FALSE(sweep.fail_fast);
  EXPECT_EQ(sweep.max_parallel, 1);
  EXPECT_FALSE(sweep.stop_on_diverge);
  EXPECT_EQ(sweep.baseline, std::nullopt);
  EXPECT_TRUE(sweep.gates.empty());
}

TEST(Sweep, WithoutARecipeAxisEveryRecipeRunsAsWritten) {
  EXPECT_EQ(ids_of(sweep_of(sweep_with(R"("recipes": {"z": {"train.order": "raster"}, "a": {}})"))),
            (Ids{"recipe=z,seed=0", "recipe=a,seed=0"}));
}

TEST(Sweep, ARecipeAxisChoosesAmongTheRecipes) {
  EXPECT_EQ(ids_of(sweep_of(sweep_with(kTwoRecipes + R"("matrix": {"recipe": ["oar"]})"))),
            Ids{"recipe=oar,seed=0"});
}

TEST(Sweep, AxesFollowTheWrittenOrderAndSeedsAreFastest) {
  EXPECT_EQ(
      ids_of(sweep_of(sweep_with(
          R"("matrix": {"train.order": ["raster", "random"], "model.layers": [null, 2]},
                   "seeds": [3, 4])"))),
      (Ids{
          "train.order=raster,model.layers=null,seed=3",
          "train.order=raster,model.layers=null,seed=4", "train.order=raster,model.layers=2,seed=3",
          "train.order=raster,model.layers=2,seed=4", "train.order=random,model.layers=null,seed=3",
          "train.order=random,model.layers=null,seed=4", "train.order=random,model.layers=2,seed=3",
          "train.order=random,model.layers=2,seed=4"}));
}

TEST(Sweep, ATextThatCouldBreakAnIdIsQuotedInIt) {
  EXPECT_EQ(ids_of(sweep_of(sweep_with(R"("matrix": {"dataset.root":
      ["a b", "a,seed=1", "a\n", "\"a\\n\"", "λ"]})"))),
            (Ids{R"(dataset.root=a b,seed=0)", R"(dataset.root="a,seed=1",seed=0)",
                 R"(dataset.root="a\n",seed=0)", R"(dataset.root="\"a\\n\"",seed=0)",
                 R"(dataset.root=λ,seed=0)"}));
}

TEST(Sweep, ASectionCanBeAnAxis) {
  const Sweep sweep = sweep_of(sweep_with(R"("matrix": {"relabel": [null, {"max_images": 5}]})"));
  EXPECT_EQ(ids_of(sweep), (Ids{"relabel=null,seed=0", R"(relabel={"max_images":5},seed=0)"}));
  EXPECT_FALSE(relabels(sweep.cells[0].recipe));
  EXPECT_EQ(get<int64_t>(sweep.cells[1].recipe, "relabel.max_images"), 5);
}

TEST(Sweep, KeysThatBeginWithXAreIgnoredEverywhere) {
  const Sweep plain = sweep_of(sweep_with(R"("recipes": {"a": {}}, "report": {},
      "matrix": {"recipe": ["a"]}, "include": [{"recipe": "a"}], "strategy": {})"));
  const Sweep noted = sweep_of(sweep_with(R"("x-n": [1], "recipes": {"a": {"x-n": 2}, "x-b": 3},
      "report": {"x-n": 4}, "matrix": {"x-n": 5, "recipe": ["a"]},
      "include": [{"x-n": 6, "recipe": "a"}], "strategy": {"x-n": 7})"));
  EXPECT_EQ(ids_of(noted), ids_of(plain));
  EXPECT_EQ(identity(noted.cells[0]), identity(plain.cells[0]));
}

TEST(Sweep, IdentityComesFromWhatIsComputed) {
  const std::string one =
      identity(sweep_of(sweep_with(R"("name": "a", "recipes": {"a": {"train.images_seen": 2e3}})"))
                   .cells[0]);
  const std::string other = identity(
      sweep_of(
          sweep_with(
              R"("name": "b", "defaults": {"train": {"images_seen": 2000}}, "recipes": {"b": {}},
         "strategy": {"fail_fast": true}, "report": {"rows": "seed"})"))
          .cells[0]);
  EXPECT_EQ(one, other);
}

/// The same recipes under other names, and everything that decides how a sweep runs and is read.
TEST(Sweep, IdentityIgnoresReportGatesNamesAndStrategy) {
  const std::string recipes = R"("seeds": [0, 1], "defaults": {"model.layers": 2}, )";
  const Sweep plain =
      sweep_of(sweep_with(recipes + R"("recipes": {"a": {"train.order": "raster"}, "b": {}})"));
  const Sweep edited = sweep_of(sweep_with(recipes + R"("$schema": "./sweep.schema.json",
      "name": "other", "recipes": {"rows": {"train.order": "raster"}, "any": {}},
      "strategy": {"fail_fast": true, "max_parallel": 8, "on_diverge": "stop"},
      "baseline": {"recipe": "any"}, "gates": [{"metric": "fid", "max_regression": 1}],
      "report": {"rows": "seed", "columns": "recipe"}, "x-why": "a note")"));
  ASSERT_EQ(plain.cells.size(), 4u);
  ASSERT_EQ(edited.cells.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NE(plain.cells[i].id, edited.cells[i].id);
    EXPECT_EQ(identity(plain.cells[i]), identity(edited.cells[i]));
  }
}

TEST(Sweep, IdentityChangesWithEveryOptionAndTheSeed) {
  std::set<std::string> identities;
  for (const char* defaults : {R"("train.batch_size": 63)", R"("relabel": {})",
                               R"("evaluate.isc_splits": 9)", R"("model.layers": 2)", ""}) {
    for (const char* seed : {"0", "1"}) {
      identities.insert(identity(
          sweep_of(sweep_with(fmt::format(R"("defaults": {{{}}}, "seeds": [{}])", defaults, seed)))
              .cells[0]));
    }
  }
  EXPECT_EQ(identities.size(), 10u);
}

// ---- relabel on and off

TEST(SweepRelabel, ARecipeSwitchesItOnOverANullInTheDefaults) {
  for (const char* recipe : {R"("relabel": {})", R"("relabel.order": "oar")"}) {
    const Sweep sweep = sweep_of(sweep_with(
        fmt::format(R"("defaults": {{"relabel": null}}, "recipes": {{"a": {{{}}}}})", recipe)));
    EXPECT_TRUE(relabels(sweep.cells[0].recipe)) << recipe;
  }
}

TEST(SweepRelabel, AnAxisOverItsOptionsRefusesCellsWithoutIt) {
  EXPECT_EQ(
      mistakes_of(sweep_with(R"("recipes": {"oar": {"relabel": null}, "tuned": {"relabel": {}}},
      "matrix": {"recipe": ["oar", "tuned"], "relabel.distance_penalty": [0.5]})")),
      "s.json:2: /matrix/relabel.distance_penalty/0: relabel.distance_penalty is given, but "
      "relabel is null in the cell recipe=oar,relabel.distance_penalty=0.5.\n"
      "  exclude the cell, and include its recipe once without this key");
}

TEST(SweepRelabel, ExcludeAndIncludeKeepTheRecipeWithoutIt) {
  const Sweep sweep =
      sweep_of(sweep_with(R"("recipes": {"oar": {"relabel": null}, "tuned": {"relabel": {}}},
      "matrix": {"recipe": ["oar", "tuned"], "relabel.distance_penalty": [0, 0.5]},
      "exclude": [{"recipe": "oar"}], "include": [{"recipe": "oar"}])"));
  EXPECT_EQ(ids_of(sweep),
            (Ids{"recipe=tuned,relabel.distance_penalty=0,seed=0",
                 "recipe=tuned,relabel.distance_penalty=0.5,seed=0", "recipe=oar,seed=0"}));
}

// ---- include

TEST(SweepInclude, IsMergedIntoTheCellsItMatches) {
  const Sweep sweep = sweep_of(
      sweep_with(kTwoRecipes + R"("include": [{"recipe": "oar", "train.images_seen": 5}])"));
  EXPECT_EQ(ids_of(sweep), (Ids{"recipe=random,seed=0", "recipe=oar,train.images_seen=5,seed=0"}));
  EXPECT_EQ(get<int64_t>(sweep.cells[0].recipe, "train.images_seen"), 80000);
  EXPECT_EQ(get<int64_t>(sweep.cells[1].recipe, "train.images_seen"), 5);
}

TEST(SweepInclude, AddsACellWhereItMatchesNone) {
  const Sweep sweep = sweep_of(sweep_with(
      kTwoRecipes + R"("matrix": {"recipe": ["oar"], "model.next_encoding": ["relative"]},
      "include": [{"recipe": "random", "model.next_encoding": "rotary+absolute"}])"));
  EXPECT_EQ(ids_of(sweep), (Ids{"recipe=oar,model.next_encoding=relative,seed=0",
                                "recipe=random,model.next_encoding=absolute+rotary,seed=0"}));
}

TEST(SweepInclude, AddedCellsNeedARecipe) {
  EXPECT_THAT(mistakes_of(sweep_with(kTwoRecipes + R"("matrix": {"recipe": ["oar"],
      "model.next_encoding": ["relative"]}, "include": [{"model.next_encoding": "absolute"}])")),
              HasSubstr("names no recipe and fits no cell of the matrix.\n  add a \"recipe\""));
}

TEST(SweepInclude, KeysAndValuesAreChecked) {
  EXPECT_THAT(mistakes_of(sweep_with(kTwoRecipes + R"("include": [{"recipe": "aor"}])")),
              HasSubstr("/include/0/recipe: no recipe is called \"aor\".\n"
                        "  known: random, oar\n  did you mean \"oar\"?"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("include": [{"train.ordr": "raster"}])")),
              HasSubstr("/include/0/train.ordr: no option is called"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("include": [{}])")),
              HasSubstr("/include/0: an include cannot be {}"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("include": {})")), HasSubstr("include cannot be {}"));
}

TEST(SweepInclude, AnOptionIsGivenOnce) {
  EXPECT_THAT(mistakes_of(sweep_with(
                  R"("include": [{"train": {"order": "raster"}, "train.order": "oar"}])")),
              HasSubstr("/include/0/train.order: train.order is given twice"));
}

TEST(SweepInclude, DoesNotSetTheOptionOfAnAxisUnderAnotherKey) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("matrix": {"train.order": ["raster"]},
      "include": [{"train": {"order": "oar"}}])")),
              HasSubstr("\"train\" sets what the matrix key \"train.order\" varies.\n"
                        "  write it as \"train.order\""));
}

// ---- exclude

TEST(SweepExclude, DropsEveryCellThatMatches) {
  EXPECT_EQ(ids_of(sweep_of(sweep_with(kTwoRecipes + R"("exclude": [{"recipe": "random"}])"))),
            Ids{"recipe=oar,seed=0"});
}

TEST(SweepExclude, MatchesEqualNumbersHoweverTheyAreWritten) {
  EXPECT_EQ(ids_of(sweep_of(sweep_with(R"("matrix": {"generate.temperature": [1, 2]},
                                          "exclude": [{"generate.temperature": 1.0}])"))),
            Ids{"generate.temperature=2,seed=0"});
}

TEST(SweepExclude, OneThatDropsNothingIsRefused) {
  EXPECT_EQ(mistakes_of(sweep_with(R"("matrix": {"model.layers": [1, 2]},
                                      "exclude": [{"model.layers": 3}])")),
            "s.json:2: /exclude/0: no cell of the matrix matches {\"model.layers\":3}.\n"
            "  an exclude drops every cell that has all of its values");
}

TEST(SweepExclude, AKeyThatTheMatrixDoesNotVaryIsRefused) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("matrix": {"model.layers": [1, 2]},
                                        "exclude": [{"model.layer": 1}])")),
              HasSubstr("/exclude/0/model.layer: \"model.layer\" is no key of the matrix.\n"
                        "  known: model.layers\n  did you mean \"model.layers\"?"));
}

TEST(SweepExclude, AnEmptyOneIsRefused) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("exclude": [{"x-why": 1}])")),
              HasSubstr("/exclude/0: an exclude cannot be"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("exclude": [3])")), HasSubstr("an exclude cannot be 3"));
}

TEST(SweepExclude, NoCellLeftIsRefused) {
  EXPECT_THAT(mistakes_of(sweep_with(kTwoRecipes +
                                     R"("exclude": [{"recipe": "oar"}, {"recipe": "random"}])")),
              HasSubstr("/exclude: no cell is left"));
}

// ---- mistakes of the file

TEST(SweepMistakes, AreReportedTogetherEachWithItsLine) {
  const std::string text = mistakes_of(R"({
  "version": 2,
  "recipes": {
    "oar": { "train.order": "rastr",
             "train.ordr": "raster" }
  },
  "sedes": [0]
})");
  EXPECT_THAT(text, HasSubstr("s.json:2: /version: version cannot be 2.\n  accepted: 1"));
  EXPECT_THAT(text, HasSubstr("s.json:4: /recipes/oar/train.order: no order is called"));
  EXPECT_THAT(text, HasSubstr("s.json:5: /recipes/oar/train.ordr: no option is called"));
  EXPECT_THAT(text, HasSubstr("s.json:7: /sedes: no key is called \"sedes\" here"));
  EXPECT_THAT(text, HasSubstr("did you mean \"seeds\"?"));
  EXPECT_THAT(text, HasSubstr("\n4 mistakes"));
}

TEST(SweepMistakes, AMistakeInTheDefaultsIsReportedOnceForAllCells) {
  EXPECT_EQ(mistakes_of(sweep_with(R"("defaults": {"dataset.name": "celeba_hq"},
      "recipes": {"a": {}, "b": {"train.order": "raster"}}, "seeds": [0, 1])")),
            "s.json:1: /defaults/dataset.name: the data set \"celeba_hq\" needs a folder, and "
            "dataset.root is empty.\n  set dataset.root to the folder that holds its files");
}

TEST(SweepMistakes, ARecipeNobodyRunsIsCheckedToo) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("recipes": {"a": {}, "b": {"train.batch_size": 0}},
                                        "matrix": {"recipe": ["a"]})")),
              HasSubstr("/recipes/b/train.batch_size: train.batch_size cannot be 0"));
}

TEST(SweepMistakes, TheVersionIsRequired) {
  EXPECT_EQ(mistakes_of("{}"), "s.json:1: there is no version.\n  add \"version\": 1");
}

TEST(SweepMistakes, ASweepIsAnObject) {
  EXPECT_THAT(mistakes_of("[]"), HasSubstr("s.json:1: a sweep cannot be []"));
}

TEST(SweepMistakes, MembersHaveTheirType) {
  for (const char* key : {"name", "defaults", "recipes", "matrix", "include", "exclude", "seeds",
                          "strategy", "baseline", "gates", "report", "$schema"}) {
    const std::string text = mistakes_of(sweep_with(fmt::format("\"{}\": 7", key)));
    EXPECT_THAT(text,
                HasSubstr(fmt::format("s.json:1: /{0}: {0} cannot be 7.\n  accepted: ", key)));
  }
}

TEST(SweepMistakes, ANameIsNotEmpty) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("name": "")")), HasSubstr("/name: name cannot be \"\""));
}

TEST(SweepMistakes, ARecipeIsAnObject) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("recipes": {"a": null})")),
              HasSubstr("/recipes/a: a recipe cannot be null.\n  accepted: an object of options"));
}

TEST(SweepMistakes, ARecipesNameFitsIntoAnId) {
  for (const char* name : {"", "a,b", "a=b", "a\\n"}) {
    EXPECT_THAT(mistakes_of(sweep_with(fmt::format(R"("recipes": {{"{}": {{}}}})", name))),
                HasSubstr("the name of a recipe cannot be"))
        << name;
  }
}

TEST(SweepMistakes, SeedsAreDifferentIntegers) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("seeds": [])")), HasSubstr("seeds cannot be []"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("seeds": [0, -1])")),
              HasSubstr("/seeds/1: a seed cannot be -1"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("seeds": [0.5])")), HasSubstr("a seed cannot be 0.5"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("seeds": [1, 1])")),
              HasSubstr("/seeds/1: the seed 1 is repeated"));
}

TEST(SweepMistakes, AMatrixKeyIsAnOptionOrTheRecipe) {
  EXPECT_THAT(mistakes_of(sweep_with(kTwoRecipes + R"("matrix": {"recipes": ["oar"]})")),
              HasSubstr("no option is called \"recipes\".\n  known: recipe, dataset,"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("matrix": {"seed": [1, 2]})")),
              HasSubstr("\"seed\" is no key here.\n  list the seeds in \"seeds\""));
}

TEST(SweepMistakes, AMatrixKeyHasAListOfDifferentValues) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("matrix": {"train.order": "raster"})")),
              HasSubstr("/matrix/train.order: a matrix key cannot be \"raster\".\n"
                        "  accepted: a list of one or more values"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("matrix": {"train.order": []})")),
              HasSubstr("a matrix key cannot be []"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("matrix": {"generate.temperature": [1, 1.0]})")),
              HasSubstr("/matrix/generate.temperature/1: the value 1.0 is repeated"));
}

TEST(SweepMistakes, AValueOfTheMatrixIsCheckedInItsPlace) {
  EXPECT_THAT(
      mistakes_of("{\"version\": 1, \"matrix\": {\"train.order\": [\n\"raster\",\n\"oer\"]}}"),
      HasSubstr("s.json:3: /matrix/train.order/1: no order is called \"oer\""));
  EXPECT_THAT(mistakes_of(sweep_with(R"("recipes": {"oar": {}}, "matrix": {"recipe": [1]})")),
              HasSubstr("/matrix/recipe/0: no recipe is called 1.\n  known: oar"));
}

TEST(SweepMistakes, TwoAxesDoNotVaryTheSameOption) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("matrix": {"train": [{"order": "raster"}],
                                                   "train.order": ["random"]})")),
              HasSubstr("\"train.order\" and \"train\" vary the same options"));
}

TEST(SweepMistakes, AMatrixHasALimit) {
  std::string values = "1";
  for (int i = 2; i <= 101; ++i) values += fmt::format(",{}", i);
  EXPECT_THAT(mistakes_of(sweep_with(fmt::format(
                  R"("matrix": {{"model.layers": [{0}], "train.batch_size": [{0}]}})", values))),
              HasSubstr("/matrix: the matrix has more than 10000 cells"));
}

TEST(SweepMistakes, ASweepHasALimitOfCellsWithItsSeedsAndIncludes) {
  std::string numbers = "1";
  for (int i = 2; i <= 100; ++i) numbers += fmt::format(",{}", i);
  const std::string cells =
      fmt::format(R"("matrix": {{"model.layers": [{0}]}}, "seeds": [{0}])", numbers);
  EXPECT_EQ(sweep_of(sweep_with(cells)).cells.size(), 10000u);
  EXPECT_EQ(mistakes_of(sweep_with(cells + R"(, "include": [{"model.layers": 500}])")),
            "s.json:1: the sweep has 10100 cells, seeds counted, more than 10000.\n"
            "  split it into several sweeps: their common stages run once");
}

TEST(SweepMistakes, TwoCellsThatComputeTheSameAreRefusedOnceForAllSeeds) {
  EXPECT_EQ(
      mistakes_of(
          sweep_with(R"("seeds": [0, 1], "recipes": {"a": {}, "b": {"train.order": "random"}})")),
      "s.json:1: /recipes/b: the cells recipe=a,seed=0 and recipe=b,seed=0 compute the same.\n"
      "  exclude one of them, or give them a difference");
}

TEST(SweepMistakes, FailFastIsTrueOrFalse) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("strategy": {"fail_fast": 1})")),
              HasSubstr("/strategy/fail_fast: fail_fast cannot be 1.\n  accepted: true"));
  EXPECT_THAT(mistakes_of(sweep_with(R"("strategy": {"failfast": true})")),
              HasSubstr("did you mean \"fail_fast\"?"));
}

TEST(SweepMistakes, MaxParallelIsACountOfProcesses) {
  for (const char* value : {"0", "1.5", "1025", "\"2\"", "null"}) {
    EXPECT_THAT(
        mistakes_of(sweep_with(fmt::format(R"("strategy": {{"max_parallel": {}}})", value))),
        HasSubstr(fmt::format("s.json:1: /strategy/max_parallel: max_parallel cannot be {}.\n"
                              "  accepted: an integer from 1 to 1024",
                              value)));
  }
}

TEST(SweepMistakes, OnDivergeIsRecordOrStop) {
  EXPECT_EQ(mistakes_of(sweep_with(R"("strategy": {"on_diverge": "halt"})")),
            "s.json:1: /strategy/on_diverge: on_diverge cannot be \"halt\".\n"
            "  accepted: \"record\": the sweep goes on; \"stop\": a cell that diverges ends it");
  EXPECT_THAT(mistakes_of(sweep_with(R"("strategy": {"on_diverge": "stpo"})")),
              HasSubstr("did you mean \"stop\"?"));
}

// ---- baseline

TEST(SweepBaseline, IsAPartOfTheLabelsOfACell) {
  const Sweep sweep = sweep_of(sweep_with(kTwoRecipes + R"(
      "matrix": {"recipe": ["random", "oar"], "generate.temperature": [0.5, 1]},
      "baseline": {"generate.temperature": 1.0})"));
  EXPECT_EQ(sweep.baseline, (Combination{{"generate.temperature", 1.0}}));
  EXPECT_EQ(sweep_of(sweep_with(kTwoRecipes + R"("include": [{"recipe": "oar", "model.layers": 3}],
      "baseline": {"model.layers": 3})"))
                .baseline,
            (Combination{{"model.layers", 3}}));
}

TEST(SweepBaseline, AKeyThatIsNoLabelIsRefused) {
  EXPECT_EQ(mistakes_of(sweep_with(kTwoRecipes + R"("baseline": {"recipes": "oar"})")),
            "s.json:1: /baseline/recipes: no cell has a label \"recipes\".\n"
            "  known: recipe\n  did you mean \"recipe\"?");
}

TEST(SweepBaseline, ARecipeThatIsNotThereIsRefused) {
  EXPECT_THAT(mistakes_of(sweep_with(kTwoRecipes + R"("baseline": {"recipe": "raster"})")),
              HasSubstr("/baseline/recipe: no recipe is called \"raster\".\n  known: random, oar"));
}

TEST(SweepBaseline, OneThatFitsNoCellIsRefusedWithTheValuesThereAre) {
  EXPECT_EQ(mistakes_of(sweep_with(kTwoRecipes + R"("matrix": {"recipe": ["random", "oar"],
      "model.layers": [1, 2]}, "exclude": [{"recipe": "oar", "model.layers": 2}],
      "baseline": {"recipe": "oar", "model.layers": 2})")),
            "s.json:3: /baseline: no cell matches {\"model.layers\":2,\"recipe\":\"oar\"}.\n"
            "  the baseline is the cells that have all of its labels\n"
            "  model.layers: 1, 2\n  recipe: random, oar");
}

TEST(SweepBaseline, AnEmptyOneIsRefused) {
  EXPECT_THAT(mistakes_of(sweep_with(R"("baseline": {"x-why": 1})")),
              HasSubstr("/baseline: baseline cannot be"));
}

// ---- report

TEST(SweepMistakes, AReportFollowsLabels) {
  EXPECT_THAT(mistakes_of(sweep_with(kTwoRecipes + R"("report": {"rows": "recipes"})")),
              HasSubstr("/report/rows: the rows of the report cannot be \"recipes\".\n"
                        "  known: recipe, seed\n  did you mean \"recipe\"?"));
  EXPECT_THAT(mistakes_of(sweep_with(kTwoRecipes + R"("report": {"columns": "recipe"})")),
              HasSubstr("/report: rows and columns are both \"recipe\""));
  EXPECT_THAT(mistakes_of(sweep_with(R"("report": {"row": "seed"})")),
              HasSubstr("/report/row: no key is called \"row\" here.\n  known: rows, columns"));
}

TEST(ReadSweep, NamesTheFileAndIsNamedAfterIt) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("oar_sweep_test_" + std::to_string(getpid()) + ".json");
  std::ofstream(path) << R"({"version": 1})";
  const Sweep sweep = read_sweep(path, {}, known_names());
  std::filesystem::remove(path);
  EXPECT_EQ(sweep.name, path.stem().string());
  EXPECT_THROW(read_sweep(path, {}, known_names()), std::system_error);  // it is gone
}

}  // namespace
}  // namespace oar
