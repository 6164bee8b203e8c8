#include "harness/sweep/shell_quote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "tests/harness/submit/submit_fixture.h"

namespace oar {
namespace {

using ::testing::HasSubstr;

using Quote = ScriptTest;
using DirectiveValue = ScriptTest;

/// What a shell makes of `word`: every argument that it gives a program, each followed by a bar.
std::string as_a_shell_reads(const std::string& word) {
  FILE* const pipe =
      ::popen(("for argument in " + word + "; do printf '%s|' \"$argument\"; done").c_str(), "r");
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  ::pclose(pipe);
  return text;
}

TEST_F(Quote, IsOneWordThatAShellReadsAsItself) {
  for (const std::string hostile :
       {"plain",          "",       "two words", "it's",        "'",     "''",    "\"double\"",
        "$(touch owned)", "`id`",   "$HOME",     "a;b&c|d>e<f", "*",     "~",     "-rf",
        "back\\slash",    "back\\", "#comment",  "!history",    "{a,b}", "größe", "\xff\xfe"}) {
    EXPECT_EQ(as_a_shell_reads(quote(hostile)), hostile + "|");
  }
}

TEST_F(Quote, KeepsTheWordsOfACommandApart) {
  EXPECT_EQ(quote(std::vector<std::string>{"sbatch", "a b", "it's"}), R"(sbatch 'a b' 'it'\''s')");
  EXPECT_EQ(as_a_shell_reads(quote(std::vector<std::string>{"a b", "", "$c"})), "a b||$c|");
}

TEST_F(Quote, RefusesControlCharactersAndSaysWhich) {
  for (const std::string text : {"line\nend", "carriage\rreturn", "tab\t", "\x1b[31m", "\x7f"}) {
    EXPECT_THROW(quote(text), std::invalid_argument);
  }
  EXPECT_THROW(quote(std::string("nul\0", 4)), std::invalid_argument);
  EXPECT_THAT(refusal_of([] { quote("a\nb"); }),
              HasSubstr("\"a?b\" holds a control character (code 10)"));
}

TEST_F(DirectiveValue, LetsThroughWhatSlurmReadsAsItStands) {
  for (const std::string value :
       {"8G", "1-12%4", "1-00:00:00", "a100:2", "long,short", "a_b.c@d"}) {
    EXPECT_EQ(directive_value("--x", value), value);
  }
}

TEST_F(DirectiveValue, RefusesWhatSlurmReadsAsSomethingElse) {
  for (const std::string value : {"", "two words", "8G\n#SBATCH --uid=root", "a#b", "\"a\"", "'a'",
                                  "a\\b", "$HOME", "größe"}) {
    EXPECT_THAT(refusal_of([&] { directive_value("--mem", value); }), HasSubstr("--mem: "))
        << value;
  }
}

}  // namespace
}  // namespace oar
