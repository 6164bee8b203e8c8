// `oar-bench tokenizer`: one image to codes, and codes to an image.
#include "harness/tokenizer/tokenizer_verb.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "datasets/dataset.h"
#include "datasets/npy.h"
#include "harness/exit_code.h"
#include "harness/stages/artifacts.h"
#include "harness/tokenizer/code_text.h"
#include "models/vqgan/vqgan_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class TokenizerVerb : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("oar-tokenizer-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    model_->draw_weights(5);
    model_->eval();
    write_vqgan_file(folder_ / "vq.safetensors", model_);
    image_ = at::randint(0, 256, {3, 24, 40}, torch::kByte);
    write_png(folder_ / "image.png", image_);
    command_.weights = folder_ / "vq.safetensors";
    command_.device = "cpu";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }

  /// What decoding these codes says.
  std::string refusal_of(const std::string& codes) {
    command_.input = write("codes.txt", codes);
    command_.out = folder_ / "pixels.npy";
    try {
      run_tokenizer_decode(command_, std::cout);
    } catch (const BadData& error) {
      return error.what();
    }
    ADD_FAILURE() << "accepted: " << codes;
    return "";
  }

  static int64_t lines_of(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  }

  fs::path folder_;
  Vqgan model_{vqgan_preset("nano", 32)};  // patches of 4 pixels, 128 codes
  torch::Tensor image_;
  TokenizerCommand command_;
};

TEST_F(TokenizerVerb, EncodesAnImageThatIsNotSquareRowByRow) {
  command_.input = folder_ / "image.png";
  std::ostringstream out;
  EXPECT_EQ(run_tokenizer_encode(command_, out), kAllDone);
  const torch::NoGradGuard no_gradients;
  const torch::Tensor codes = model_->encode(to_network_range(image_.unsqueeze(0))).codes;
  EXPECT_EQ(out.str(), code_text(codes.view({6, 10})));
  EXPECT_EQ(lines_of(out.str()), 6);
  command_.out = folder_ / "codes.txt";
  std::ostringstream nothing;
  run_tokenizer_encode(command_, nothing);
  EXPECT_EQ(nothing.str(), "");
  EXPECT_TRUE(read_codes(command_.out, 128).equal(codes.view({6, 10})));
}

TEST_F(TokenizerVerb, DecodesCodesToNumbersAndToPixels) {
  const torch::NoGradGuard no_gradients;
  const torch::Tensor codes = at::randint(0, 128, {3, 5}, torch::kLong);
  command_.input = write("codes.txt", code_text(codes) + "\n");
  const torch::Tensor expected = model_->decode_codes(codes.view({1, 15}), 3, 5)[0];
  std::ostringstream out;
  command_.out = folder_ / "pixels.npy";
  EXPECT_EQ(run_tokenizer_decode(command_, out), kAllDone);
  EXPECT_THAT(out.str(), EndsWith("pixels.npy: 20x12 pixels\n"));
  std::ifstream in(command_.out, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(bytes, AllOf(HasSubstr("'descr': '<f4'"), HasSubstr("(3, 12, 20)")));
  const std::string tail = bytes.substr(bytes.size() - 4 * 3 * 12 * 20);
  const torch::Tensor read =
      at::from_blob(const_cast<char*>(tail.data()), {3, 12, 20}, torch::kFloat).clone();
  EXPECT_LT((read - expected).abs().max().item<double>(), 1e-6);
  command_.out = folder_ / "image_out.png";
  run_tokenizer_decode(command_, out);
  EXPECT_TRUE(read_png(command_.out).equal(to_pixels(expected)));
  command_.out = folder_ / "image.jpg";
  EXPECT_THROW(run_tokenizer_decode(command_, out), std::invalid_argument);
}

TEST_F(TokenizerVerb, ASizeThatPatchesDoNotDivideIsRefusedOrCutOut) {
  write_png(folder_ / "odd.png", image_.slice(2, 0, 38));
  command_.input = folder_ / "odd.png";
  std::ostringstream out;
  try {
    run_tokenizer_encode(command_, out);
    FAIL();
  } catch (const BadData& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("odd.png: 38x24 pixels"), HasSubstr("such as 36x24"),
                                    HasSubstr("--image-size")));
  }
  command_.image_size = 16;
  run_tokenizer_encode(command_, out);
  EXPECT_EQ(lines_of(out.str()), 4);
  command_.input = write("text.png", "no image");
  EXPECT_THROW(run_tokenizer_encode(command_, out), BadData);
}

TEST_F(TokenizerVerb, CodesThatAreNoneAreNamedWithTheirLine) {
  EXPECT_THAT(refusal_of("1 2\n3 128\n"),
              EndsWith("codes.txt:2: found \"128\"; accepted: codes 0 to 127"));
  EXPECT_THAT(refusal_of("1 -2\n"), HasSubstr(":1: found \"-2\""));
  EXPECT_THAT(refusal_of("1 2x\n"), HasSubstr("found \"2x\""));
  EXPECT_THAT(refusal_of("1 99999999999999999999\n"), HasSubstr("codes 0 to 127"));
  EXPECT_THAT(refusal_of("1 2\n\n3\n"),
              HasSubstr(":3: found 1 codes; accepted: 2, as in the rows"));
  EXPECT_THAT(refusal_of("\n"), HasSubstr("found no code"));
}

}  // namespace
}  // namespace oar
