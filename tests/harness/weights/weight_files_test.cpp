#include "harness/weights/weight_files.h"

#include <ATen/ops/ones.h>
#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "harness/exit_code.h"
#include "harness/weights/weights_verb.h"
#include "metrics/feature_extractor.h"
#include "models/vqgan/vqgan_file.h"
#include "models/weights/tensor_file.h"
#include "tests/harness/weights/http_server.h"
#include "tests/harness/weights/weights_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

TEST(KnownWeights, HaveNamesFilesAndHashesOfTheirOwn) {
  std::set<std::string> names, files, hashes;
  for (const KnownWeights& weights : known_weights()) {
    SCOPED_TRACE(weights.name);
    EXPECT_TRUE(names.insert(weights.name).second);
    EXPECT_TRUE(files.insert(weights.file).second);
    EXPECT_TRUE(hashes.insert(weights.sha256).second);
    EXPECT_EQ(fs::path(weights.file).filename(), weights.file);
    EXPECT_GT(weights.bytes, 0);
    EXPECT_EQ(weights.sha256.size(), 64u);
    EXPECT_EQ(weights.sha256.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_FALSE(weights.licence.empty());
    ASSERT_FALSE(weights.sources.empty());
    for (const std::string& source : weights.sources) {
      EXPECT_EQ(source.starts_with("https://"), !weights.is_embedded) << source;
    }
  }
}

TEST(KnownWeights, OfTheFidPapersAreThoseThatTheMetricsCallFid) {
  EXPECT_EQ(weights_called("inception_v3_2015", known_weights()).sha256, kInception20151205Sha256);
}

TEST(KnownWeights, ThatAreEmbeddedAreThoseThatTheBuildBrings) {
  std::ifstream in(fs::path(OAR_SOURCE_DIR) / "cmake/setup.sh");
  const std::string script((std::istreambuf_iterator<char>(in)), {});
  for (const KnownWeights& weights : known_weights()) {
    if (!weights.is_embedded) continue;
    EXPECT_THAT(script, AllOf(HasSubstr("weights_sha256=" + weights.sha256),
                              HasSubstr("weights_name=" + weights.file)));
  }
}

TEST(KnownWeights, AreListedForANameThatIsNone) {
  try {
    weights_called("dinov2_vitl", known_weights());
    FAIL() << "found it";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("inception_v3_2015, efficientnet_lite0"),
                                    HasSubstr("did you mean \"dinov2_vitl14\"")));
  }
}

/// Sets a variable of the environment, and puts it back.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(WeightsFolder, IsTheChosenOneElseThatOfTheEnvironment) {
  const Variable home("HOME", "/home/me"), cache("XDG_CACHE_HOME", ""), own("OAR_WEIGHTS_DIR", "");
  EXPECT_EQ(weights_folder(), "/home/me/.cache/oar-bench/weights");
  const Variable other_cache("XDG_CACHE_HOME", "/cache");
  EXPECT_EQ(weights_folder(), "/cache/oar-bench/weights");
  const Variable set("OAR_WEIGHTS_DIR", "/weights");
  EXPECT_EQ(weights_folder(), "/weights");
  EXPECT_EQ(weights_folder("chosen"), "chosen");
}

TEST(WeightsFolder, MustBeNamedWhereNothingSaysWhereItIs) {
  const Variable home("HOME", ""), cache("XDG_CACHE_HOME", ""), own("OAR_WEIGHTS_DIR", "");
  EXPECT_THROW(weights_folder(), std::invalid_argument);
}

/// The known file is a real one here: a safetensors file of two tensors.
class WeightsVerb : public WeightsTest {
 protected:
  WeightsVerb() {
    write_safetensors(folder_ / "brought", {{"a", at::ones({2, 3})}, {"b", at::ones({4})}});
    body_ = content(folder_ / "brought");
    known_.bytes = static_cast<int64_t>(body_.size());
    known_.sha256 = sha256_hex(body_);
    known_.sources = {"https://host.invalid/example.pth"};
    write_safetensors(folder_ / "unknown", {{"c", at::ones({1})}});
  }

  /// What the command line prints; `code` is its exit code.
  std::string run(std::vector<std::string> arguments) {
    CLI::App app;
    WeightsOptions options;
    options.known = {known_};
    add_weights_verb(app, options);
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    arguments.push_back("weights");
    arguments.insert(arguments.begin(), {(folder_ / "here").string(), "--weights-dir"});
    app.parse(arguments);
    std::ostringstream out;
    code_ = options.action(options, out);
    return out.str();
  }
  std::string refusal(const std::vector<std::string>& arguments) {
    try {
      run(arguments);
    } catch (const BadWeights& error) {
      return error.what();
    }
    ADD_FAILURE() << "no BadWeights was thrown";
    return "";
  }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  std::string listed_state() {
    return json::parse(run({"list", "--json"})).at("weights").at(0).at("state");
  }

  int code_ = -1;
};

TEST_F(WeightsVerb, ListSaysWhatIsHere) {
  EXPECT_EQ(listed_state(), "absent");
  run({"import", file("brought")});
  EXPECT_EQ(listed_state(), "present");
  write(folder_ / "here/example.pth", "short");
  EXPECT_EQ(listed_state(), "damaged");
  fs::rename(folder_ / "here/example.pth", folder_ / "here/example.pth.part");
  EXPECT_EQ(listed_state(), "partial");
  known_.is_embedded = true;
  EXPECT_EQ(listed_state(), "embedded");
}

TEST_F(WeightsVerb, ListShowsAllThatOneNeedsToBringAFile) {
  EXPECT_THAT(run({"list"}),
              AllOf(HasSubstr((folder_ / "here").string()), HasSubstr("example.pth"),
                    HasSubstr(known_.sha256), HasSubstr("CC0-1.0"), HasSubstr("state    absent"),
                    HasSubstr("https://host.invalid/example.pth")));
  EXPECT_EQ(code_, kAllDone);
}

TEST_F(WeightsVerb, ImportMakesATokenizerThatKnowsItsSizes) {
  Vqgan model(vqgan_preset("nano", 16));
  model->draw_weights(1);
  TensorMap tensors = state_of(*model);
  tensors["loss.logvar"] = at::ones({1});
  write_safetensors(folder_ / "their model.safetensors", tensors);
  write(folder_ / "sizes.json", to_json(model->config()).dump());
  EXPECT_EQ(json::parse(run({"list", "--json"})).at("tokenizers"), json::array());
  const std::vector<std::string> import = {"import", file("their model.safetensors"), "--config",
                                           file("sizes.json")};
  EXPECT_THROW(run(import), std::invalid_argument);  // "their model" is no plain name
  std::vector<std::string> named = import;
  named.insert(named.end(), {"--as", "mine"});
  const fs::path place = folder_ / "here/tokenizers/mine.safetensors";
  EXPECT_THAT(run(named), AllOf(HasSubstr("imported: " + place.string()),
                                HasSubstr("\"tokenizer\": {\"weights\": \"" + place.string())));
  EXPECT_EQ(json::parse(run({"list", "--json"})).at("tokenizers"), json({place.string()}));
  EXPECT_THAT(run({"list"}), HasSubstr("imported tokenizers\n    " + place.string()));
  run(named);  // the same again
  model->draw_weights(2);
  write_safetensors(folder_ / "their model.safetensors", state_of(*model));
  try {
    run(named);
    FAIL() << "another tokenizer has taken the place";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("another tokenizer is there already"));
  }
  const Vqgan read = read_vqgan_file(place, std::nullopt);
  EXPECT_TRUE(
      state_of(*read).at("decoder.conv_in.weight").equal(tensors["decoder.conv_in.weight"]));
}

TEST_F(WeightsVerb, VerifySaysWhichFileItIs) {
  EXPECT_THAT(run({"verify", file("brought")}),
              AllOf(HasSubstr("safetensors"), HasSubstr("2 tensors of 10 numbers"),
                    HasSubstr(known_.sha256), HasSubstr("example, an example")));
  EXPECT_EQ(code_, kAllDone);
}

TEST_F(WeightsVerb, VerifySaysThatAReadableFileIsNotKnown) {
  EXPECT_THAT(run({"verify", file("unknown")}), HasSubstr("readable, but none of the files"));
  EXPECT_EQ(code_, kAllDone);
  const json printed = json::parse(run({"verify", file("unknown"), "--json"}));
  EXPECT_EQ(printed.at("known_as"), nullptr);
  EXPECT_EQ(printed.at("tensors"), 1);
  EXPECT_EQ(printed.at("container"), "safetensors");
}

TEST_F(WeightsVerb, VerifyRefusesAnotherFileThanTheNamedOne) {
  EXPECT_THAT(refusal({"verify", file("unknown"), "--as", "example"}),
              AllOf(HasSubstr("it is not example"), HasSubstr(known_.sha256)));
  run({"verify", file("brought"), "--as", "example"});
  EXPECT_EQ(code_, kAllDone);
}

TEST_F(WeightsVerb, VerifyRefusesWhatCannotBeRead) {
  write(folder_ / "page", "<html>not found</html>");
  EXPECT_THAT(refusal({"verify", file("page")}), HasSubstr("<html>"));
  EXPECT_THROW(run({"verify", file("missing")}), std::system_error);
}

TEST_F(WeightsVerb, ImportPutsAKnownFileInPlaceWhateverItsName) {
  EXPECT_THAT(run({"import", file("brought")}), HasSubstr("here/example.pth"));
  EXPECT_EQ(content(folder_ / "here/example.pth"), body_);
  EXPECT_TRUE(fs::exists(file("brought")));
  run({"import", file("here/example.pth"), "--as", "example"});  // onto itself
  EXPECT_EQ(content(folder_ / "here/example.pth"), body_);
}

TEST_F(WeightsVerb, ImportRefusesAnUnknownFileWithTheList) {
  EXPECT_THAT(refusal({"import", file("unknown")}),
              AllOf(HasSubstr("none of the known files"), HasSubstr("example: example.pth, "),
                    HasSubstr(known_.sha256), HasSubstr("evaluate.weights")));
  EXPECT_THAT(refusal({"import", file("unknown"), "--as", "example"}),
              HasSubstr("it is not example"));
  EXPECT_FALSE(fs::exists(folder_ / "here"));
}

TEST_F(WeightsVerb, FetchWithoutANetworkEndsInCode74) {
  known_.sources = {closed_url("/example.pth")};
  run({"fetch", "example"});
  EXPECT_EQ(code_, kInputOutput);
}

TEST_F(WeightsVerb, FetchOfEmbeddedWeightsHasNothingToDo) {
  known_.is_embedded = true;
  EXPECT_THAT(run({"fetch", "example"}), HasSubstr("embedded in this program"));
  EXPECT_EQ(code_, kAllDone);
}

TEST_F(WeightsVerb, InstalledWeightsAreThoseOfTheRightSize) {
  const KnownWeights& inception = weights_called("inception_v3_2015", known_weights());
  const Variable own("OAR_WEIGHTS_DIR", folder_.string());
  EXPECT_EQ(installed_weights("inception_v3"), std::nullopt);
  write(folder_ / inception.file, "short");
  EXPECT_EQ(installed_weights("inception_v3"), std::nullopt);
  fs::resize_file(folder_ / inception.file, static_cast<uintmax_t>(inception.bytes));  // a hole
  EXPECT_EQ(installed_weights("inception_v3"), folder_ / inception.file);
  EXPECT_EQ(installed_weights("efficientnet_lite0"), std::nullopt);  // embedded
  EXPECT_EQ(installed_weights("no_such_network"), std::nullopt);
}

}  // namespace
}  // namespace oar
