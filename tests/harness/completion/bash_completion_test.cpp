#include "harness/completion/bash_completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "tests/harness/program.h"

namespace oar {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using Words = std::vector<std::string>;

/// Asks bash itself, with the script of a command line interface.
class CompletionTest : public ProgramTest {
 protected:
  void use(const std::string& script) { std::ofstream(folder_ / "completion.bash") << script; }

  /// What bash offers in place of the last word.
  Words offered(const Words& words) {
    std::ofstream in(folder_ / "ask.bash");
    in << "source " << (folder_ / "completion.bash").string() << "\nCOMP_WORDS=(";
    for (const std::string& word : words) in << " '" << word << "'";
    in << ")\nCOMP_CWORD=" << words.size() - 1
       << "\n_oar_bench\nfor word in \"${COMPREPLY[@]}\"; do printf '%s\\n' \"$word\"; done\n";
    in.close();
    FILE* const pipe = ::popen(("bash " + (folder_ / "ask.bash").string() + " 2>&1").c_str(), "r");
    std::string text;
    for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) text += static_cast<char>(c);
    EXPECT_EQ(::pclose(pipe), 0) << text;
    std::istringstream lines(text);
    Words found;
    for (std::string line; std::getline(lines, line);) found.push_back(line);
    return found;
  }
};

class BashCompletion : public CompletionTest {
 protected:
  void SetUp() override {
    CompletionTest::SetUp();
    CLI::App app{"a program", "oar-bench"};
    static std::string text;
    static bool flag = false;
    CLI::App* const run = app.add_subcommand("run", "runs");
    run->add_option("sweep", text, "a file");
    run->add_option("--device", text, "where");
    run->add_option("-j,--jobs", text, "how many");
    run->add_option("--executor", text, "by what")->check(CLI::IsMember({"local", "slurm"}));
    run->add_option("--set", text, "sets");
    run->add_flag("--quiet", flag, "says nothing");
    run->add_option("--worker", text, "hidden")->group("");
    CLI::App* const weights = app.add_subcommand("weights", "files");
    weights->add_subcommand("fetch", "gets")->add_flag("--force", flag, "anew");
    weights->add_subcommand("list", "prints")->add_flag("--json", flag, "as JSON");
    app.add_subcommand("list", "names")
        ->add_option("kind", text, "one")
        ->check(CLI::IsMember({"orders", "metrics"}));
    app.add_subcommand("$(touch>evil)", "no word");
    use(bash_completion(app, {{"--device", {"auto", "cpu", "$(touch>evil)"}},
                              {"--set", {"train.order=", "train.images_seen="}}}));
  }
};

TEST_F(BashCompletion, OffersVerbs) {
  EXPECT_THAT(offered({"oar-bench", ""}), UnorderedElementsAre("run", "weights", "list"));
  EXPECT_THAT(offered({"oar-bench", "w"}), ElementsAre("weights"));
}

TEST_F(BashCompletion, OffersNestedActions) {
  EXPECT_THAT(offered({"oar-bench", "weights", ""}), UnorderedElementsAre("fetch", "list"));
  EXPECT_THAT(offered({"oar-bench", "weights", "list", "--j"}), ElementsAre("--json"));
}

TEST_F(BashCompletion, OffersOptionsOfTheVerbButNoHiddenOne) {
  EXPECT_THAT(offered({"oar-bench", "run", "-"}),
              UnorderedElementsAre("--help", "-h", "--device", "--jobs", "-j", "--executor",
                                   "--set", "--quiet"));
  EXPECT_THAT(offered({"oar-bench", "run", "sweep.json", "--qu"}), ElementsAre("--quiet"));
}

TEST_F(BashCompletion, OffersValuesThatTheProgramKnows) {
  EXPECT_THAT(offered({"oar-bench", "run", "--executor", ""}),
              UnorderedElementsAre("local", "slurm"));
  EXPECT_THAT(offered({"oar-bench", "run", "--device", "c"}), ElementsAre("cpu"));
  EXPECT_THAT(offered({"oar-bench", "list", ""}), UnorderedElementsAre("orders", "metrics"));
  EXPECT_THAT(offered({"oar-bench", "run", "--set", "train.o"}), ElementsAre("train.order="));
}

TEST_F(BashCompletion, UnderstandsAnEqualsSignAsBashCutsIt) {
  EXPECT_THAT(offered({"oar-bench", "run", "--executor", "=", "s"}), ElementsAre("slurm"));
  EXPECT_THAT(offered({"oar-bench", "run", "--executor", "="}),
              UnorderedElementsAre("local", "slurm"));
}

TEST_F(BashCompletion, LeavesFilesToBash) {
  EXPECT_THAT(offered({"oar-bench", "run", ""}), IsEmpty());
  EXPECT_THAT(offered({"oar-bench", "run", "--jobs", ""}), IsEmpty());
}

TEST_F(BashCompletion, NoNameRunsAsACommand) {
  offered({"oar-bench", ""});
  offered({"oar-bench", "run", "--device", ""});
  EXPECT_FALSE(std::filesystem::exists("evil"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "evil"));
}

class CompletionOfTheProgram : public CompletionTest {};

TEST_F(CompletionOfTheProgram, KnowsItsVerbsActionsAndOptions) {
  const Outcome script = run({"completion", "bash"});
  ASSERT_EQ(script.code, 0) << script.text;
  use(script.text);
  EXPECT_THAT(offered({"oar-bench", ""}),
              IsSupersetOf({"run", "plan", "report", "metrics", "orders", "weights", "list",
                            "status", "doctor", "completion", "inpaint", "outpaint"}));
  EXPECT_THAT(offered({"oar-bench", "run", "--"}),
              IsSupersetOf({"--set", "--store", "--out", "--device", "--quiet", "--dry-run"}));
  EXPECT_THAT(offered({"oar-bench", "run", "--"}), Not(Contains("--worker")));
  EXPECT_THAT(offered({"oar-bench", "weights", ""}),
              UnorderedElementsAre("list", "verify", "import", "fetch"));
  EXPECT_THAT(offered({"oar-bench", "weights", "fetch", "--weights"}),
              ElementsAre("--weights-dir"));
  EXPECT_THAT(offered({"oar-bench", "list", "op"}), ElementsAre("options"));
  EXPECT_THAT(offered({"oar-bench", "run", "--device", ""}),
              UnorderedElementsAre("auto", "cpu", "cuda"));
  EXPECT_THAT(offered({"oar-bench", "run", "--set", "train.images"}),
              ElementsAre("train.images_seen="));
}

TEST_F(CompletionOfTheProgram, RefusesAShellThatItDoesNotKnow) {
  EXPECT_EQ(run({"completion", "csh"}).code, 2);
}

}  // namespace
}  // namespace oar
