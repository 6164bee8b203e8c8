#include "harness/list/list_verb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "harness/stages/pipeline.h"
#include "harness/sweep/recipe_options.h"

namespace oar {
namespace {

using testing::HasSubstr;

/// True where a line of the text begins with the name.
bool lists(const std::string& text, const std::string& name) {
  return text.find("\n  " + name + " ") != std::string::npos;
}

TEST(ListVerb, NamesEverythingThatARegistryKnows) {
  const KnownNames known = known_names();
  const std::vector<std::pair<const char*, std::vector<std::string>>> expected = {
      {"datasets", known.datasets}, {"tokenizers", known.tokenizers},
      {"orders", known.orders},     {"encodings", known.next_encodings},
      {"features", known.features}, {"metrics", known.metrics},
  };
  for (const auto& [kind, names] : expected) {
    const std::string text = list_names(kind);
    EXPECT_FALSE(names.empty()) << kind;
    for (const std::string& name : names) EXPECT_TRUE(lists(text, name)) << kind << " " << name;
  }
}

/// An option with choices of its own whose names are under no kind would be in `options` alone.
TEST(ListVerb, NamesAndExplainsEveryChoiceOfAnOption) {
  const std::vector<std::pair<const char*, std::string>> kinds = {
      {"presets", "tokenizer.preset"},        {"presets", "model.preset"},
      {"conditions", "model.condition"},      {"distances", "train.distance"},
      {"confidences", "generate.confidence"}, {"confidences", "relabel.confidence"},
      {"metrics", "evaluate.metrics"}};
  for (const auto& [kind, key] : kinds) {
    const std::string text = list_names(kind);
    for (const std::string& choice : find_option(key)->accepts.choices) {
      EXPECT_TRUE(lists(text, choice)) << kind << " " << choice;
      EXPECT_THAT(text,
                  testing::Not(HasSubstr(choice + std::string(20 - choice.size(), ' ') + " \n")))
          << kind << ": " << choice << " has no meaning beside it";
    }
  }
}

TEST(ListVerb, PresetsSayHowLargeTheyAre) {
  EXPECT_THAT(list_names("presets"),
              HasSubstr("paper                tokenizer: 16x16 pixels a patch, 1024 codes"));
  EXPECT_THAT(list_names("presets"),
              HasSubstr("base                 model: 12 layers of width 768"));
  EXPECT_THAT(list_names("presets"), HasSubstr("llamagen_f16         tokenizer.config: LlamaGen"));
}

TEST(ListVerb, WithoutAKindEachStandsUnderItsNameExceptTheSchema) {
  const std::string all = list_names("");
  for (const std::string& kind : listed_kinds()) {
    if (kind == "schema") continue;
    EXPECT_TRUE(all.find(list_names(kind)) != std::string::npos) << kind;
    EXPECT_TRUE(list_names(kind).starts_with(kind + "\n"));
  }
  EXPECT_THAT(all, testing::Not(HasSubstr("json-schema.org")));
  EXPECT_THROW(list_names("order"), std::out_of_range);
}

TEST(ListVerb, TheShippedSchemaIsTheProgramsOwn) {
  std::ifstream in(OAR_SOURCE_DIR "/sweeps/sweep.schema.json");
  std::stringstream shipped;
  shipped << in.rdbuf();
  EXPECT_TRUE(shipped.str() == list_names("schema"))
      << "sweeps/sweep.schema.json is not what the program makes.\n"
         "  build/oar-bench list schema > sweeps/sweep.schema.json";
}

}  // namespace
}  // namespace oar
