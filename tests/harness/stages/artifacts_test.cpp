#include "harness/stages/artifacts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "models/weights/tensor_file.h"

namespace oar {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class ReadJson : public testing::Test {
 protected:
  void SetUp() override {
    file_ = std::filesystem::temp_directory_path() /
            ("oar_read_json_" + std::to_string(::getpid()) + ".json");
  }
  void TearDown() override { std::filesystem::remove(file_); }
  void write(const std::string& text) const { std::ofstream(file_) << text; }

  std::filesystem::path file_;
};

TEST_F(ReadJson, GivesWhatWasWritten) {
  write_json(file_, {{"a", {1, 2}}});
  EXPECT_EQ(read_json(file_), (nlohmann::json{{"a", {1, 2}}}));
}

TEST_F(ReadJson, RefusesDepthThatWouldOverflowTheStack) {
  write(std::string(1'000'000, '[') + std::string(1'000'000, ']'));
  EXPECT_THAT([&] { read_json(file_); },
              ThrowsMessage<BadWeights>(HasSubstr(file_.string() + ": nested more than 64")));
}

TEST_F(ReadJson, NamesTheFileThatIsNoJson) {
  write("{\"a\": ");
  EXPECT_THAT([&] { read_json(file_); },
              ThrowsMessage<BadWeights>(HasSubstr(file_.string() + ": not the JSON")));
}

}  // namespace
}  // namespace oar
