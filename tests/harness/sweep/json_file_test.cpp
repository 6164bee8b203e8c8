#include "harness/sweep/json_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <system_error>

namespace oar {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string refusal_of(std::string_view text) {
  try {
    parse_json(text, "s.json");
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "read";
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(ParseJson, EveryValueKnowsItsLine) {
  const JsonFile file = parse_json(R"({
  "seeds": [
    7,
    8
  ],
  "recipes": { "oar":
    { "train.order":
        "raster" } }
})",
                                   "s.json");
  EXPECT_EQ(file.line_of.at(""), 1);
  EXPECT_EQ(file.line_of.at("/seeds"), 2);
  EXPECT_EQ(file.line_of.at("/seeds/0"), 3);
  EXPECT_EQ(file.line_of.at("/seeds/1"), 4);
  EXPECT_EQ(file.line_of.at("/recipes/oar"), 6);
  EXPECT_EQ(file.line_of.at("/recipes/oar/train.order"), 7);  // its key's line
  EXPECT_EQ(file.value["seeds"], json({7, 8}));
}

TEST(ParseJson, KeysKeepTheirWrittenOrder) {
  const JsonFile file = parse_json(R"({"b": {"z": 1, "a": 2}, "a": 3})", "s.json");
  EXPECT_EQ(file.keys_of.at(""), (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(file.keys_of.at("/b"), (std::vector<std::string>{"z", "a"}));
}

TEST(ParseJson, AllKindsOfValuesAreRead) {
  const char* text = R"({"a":[true,false,null,-1,18446744073709551615,0.5,"\u00e9",{}]})";
  EXPECT_EQ(parse_json(text, "s.json").value, json::parse(text));
}

TEST(ParseJson, ARepeatedKeyIsRefusedWithBothLines) {
  EXPECT_EQ(refusal_of("{\"a\": {\n\"b\": 1,\n\"b\": 2}}"),
            "s.json:3: /a/b: the key \"b\" is repeated, first on line 2.\n  keep one of the two");
}

TEST(ParseJson, EveryRepeatedKeyIsReported) {
  const std::string text = refusal_of("{\"a\": 1,\n\"a\": 2,\n\"b\": 3,\n\"b\": 4}");
  EXPECT_THAT(text, HasSubstr("s.json:2: /a:"));
  EXPECT_THAT(text, HasSubstr("s.json:4: /b:"));
}

TEST(ParseJson, SixtyFourLevelsAreReadAndSixtyFiveRefused) {
  EXPECT_EQ(refusal_of(nested(64)), "read");
  EXPECT_THAT(refusal_of(nested(65)), HasSubstr("s.json:1: nested more than 64 levels deep"));
}

TEST(ParseJson, AMillionLevelsAreRefusedWithoutACrash) {
  EXPECT_THAT(refusal_of(nested(1000000)), HasSubstr("nested more than 64 levels deep"));
}

TEST(ParseJson, TextAfterTheEndIsRefused) {
  EXPECT_THAT(refusal_of("{}\n{}"), HasSubstr("s.json:2: not valid JSON"));
}

TEST(ParseJson, ACommaBeforeAClosingBracketIsRefusedWithItsLineAndAHint) {
  const std::string text = refusal_of("{\n\"a\": 1,\n}");
  EXPECT_THAT(text, HasSubstr("s.json:3: not valid JSON: column 1: syntax error"));
  EXPECT_THAT(text, HasSubstr("no comma before a closing bracket"));
}

TEST(ParseJson, EmptyCommentedAndUnfinishedTextsAreRefused) {
  for (const char* text : {"", "  \n", "{} // all defaults", "{\"a\": ", "{'a': 1}", "[01]"}) {
    EXPECT_THAT(refusal_of(text), HasSubstr("not valid JSON")) << text;
  }
}

TEST(ParseJson, BytesThatAreNotUtf8AreRefused) {
  EXPECT_THAT(refusal_of("{\n\"a\": \"\xff\"}"), HasSubstr("s.json:2: not valid JSON"));
}

TEST(ParseJson, NumbersBeyondADoubleAreRefused) {
  EXPECT_THAT(refusal_of("[\n1e999]"), HasSubstr("s.json:2: not valid JSON: number overflow"));
}

TEST(JsonFileWhere, NamesFileLineAndPointer) {
  const JsonFile file = parse_json("{\n\"a/b\": [\n1]}", "s.json");
  EXPECT_EQ(file.where(""), "s.json:1");
  EXPECT_EQ(file.where("/a~1b/0"), "s.json:3: /a~1b/0");
}

TEST(JsonFileWhere, WhatIsMissingHasTheLineOfWhatIsAroundIt) {
  EXPECT_EQ(parse_json("{\n\"a\": {}}", "s.json").where("/a/b/c"), "s.json:2: /a/b/c");
}

TEST(JsonFileWhere, ControlCharactersReachNoTerminal) {
  EXPECT_EQ(parse_json(R"({"\u001b[2J": 1})", "s.json").where("/\x1b[2J"), "s.json:1: /\\u001b[2J");
}

TEST(ReadJsonFile, AMissingFileIsAnInputErrorThatNamesIt) {
  try {
    read_json_file("no/such/sweep.json");
    FAIL() << "read";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.what(), HasSubstr("no/such/sweep.json"));
  }
}

TEST(ReadJsonFile, AFolderIsAnInputError) {
  EXPECT_THROW(read_json_file(std::filesystem::temp_directory_path()), std::system_error);
}

TEST(ReadJsonFile, MessagesBeginWithThePath) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("oar_json_file_test_" + std::to_string(getpid()) + ".json");
  std::ofstream(path) << "{\"a\": 1}";
  const JsonFile file = read_json_file(path);
  std::filesystem::remove(path);
  EXPECT_EQ(file.value, json({{"a", 1}}));
  EXPECT_EQ(file.where("/a"), path.string() + ":1: /a");
}

TEST(CanonicalJson, SortsKeysAndLeavesNoSpaces) {
  EXPECT_EQ(canonical_json(json::parse(R"({"b": [1, null], "a": {"d": "x", "c": true}})")),
            R"({"a":{"c":true,"d":"x"},"b":[1,null]})");
}

TEST(CanonicalJson, NumbersAreShortestAndReadBackTheSame) {
  EXPECT_EQ(canonical_json(0.1), "0.1");
  EXPECT_EQ(canonical_json(5e-4), "0.0005");
  EXPECT_EQ(canonical_json(1.0 / 3.0), "0.3333333333333333");
  EXPECT_EQ(canonical_json(1e300), "1e+300");
}

TEST(CanonicalJson, AnIntegerAndItsFloatAreOneText) {
  EXPECT_EQ(canonical_json(100000), canonical_json(100000.0));
  EXPECT_EQ(canonical_json(0), canonical_json(-0.0));
}

TEST(CanonicalJson, WhatJsonCannotHoldIsRefused) {
  EXPECT_THROW(canonical_json(std::nan("")), std::invalid_argument);
  EXPECT_THROW(canonical_json("\xff"), std::invalid_argument);
}

TEST(Shown, LongTextsAreCutBetweenCharacters) {
  EXPECT_EQ(shown("raster"), "\"raster\"");
  EXPECT_EQ(shown(std::string(58, 'x') + "λλ"), "\"" + std::string(58, 'x') + "...");
}

}  // namespace
}  // namespace oar
