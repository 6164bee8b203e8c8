// Tokenizers that others have made: their configurations, their tensors' names, their files.
#include "models/vqgan/vqgan_file.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/models/vqgan/golden_vqgan.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class VqganFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("oar-vqgan-file-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }

  /// What reading this configuration says.
  std::string problem_with(const std::string& text) const {
    try {
      read_vqgan_config(write("config.yaml", text));
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    ADD_FAILURE() << "accepted: " << text;
    return "";
  }

  fs::path folder_;
};

constexpr char kTaming[] = R"(model:
  base_learning_rate: 4.5e-6
  target: taming.models.vqgan.VQModel
  params:
    embed_dim: 256
    n_embed: 1024
    ddconfig:
      double_z: False
      z_channels: 256
      resolution: 256
      in_channels: 3
      out_ch: 3
      ch: 128
      ch_mult: [ 1,1,2,2,4]  # num_down = len(ch_mult)-1
      num_res_blocks: 2
      attn_resolutions: [16]
      dropout: 0.0
    lossconfig:
      target: taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator
      params:
        disc_start: 0
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST_F(VqganFile, TheConfigurationOfThePublishedNetworkIsThePaperPreset) {
  const json paper = to_json(vqgan_preset("paper", 256));
  EXPECT_EQ(to_json(read_vqgan_config(write("model.yaml", kTaming))), paper);
  EXPECT_EQ(to_json(read_vqgan_config("taming_f16_1024")), paper);
}

TEST_F(VqganFile, JsonAndThisProgramsOwnWordsAreReadToo) {
  const VqganConfig own = {.image_size = 64,
                           .ch = 32,
                           .ch_mult = {2, 1, 3},
                           .num_res_blocks = 1,
                           .attn_resolutions = {},
                           .z_channels = 10,
                           .embed_dim = 6,
                           .codebook_size = 33,
                           .normalised_codes = true};
  EXPECT_EQ(to_json(read_vqgan_config(write("own.json", to_json(own).dump(2)))), to_json(own));
  const json taming = {{"model",
                        {{"params",
                          {{"embed_dim", 6},
                           {"n_embed", 33},
                           {"ddconfig",
                            {{"z_channels", 10},
                             {"resolution", 64},
                             {"ch", 32},
                             {"ch_mult", {2, 1, 3}},
                             {"num_res_blocks", 1},
                             {"attn_resolutions", json::array()}}}}}}}};
  VqganConfig plain = own;
  plain.normalised_codes = false;
  EXPECT_EQ(to_json(read_vqgan_config(write("taming.json", taming.dump()))), to_json(plain));
}

TEST_F(VqganFile, ABadConfigurationIsNamedWithItsKey) {
  EXPECT_THAT(
      problem_with(replaced(kTaming, "ch: 128", "ch: wide")),
      EndsWith("config.yaml: model.params.ddconfig.ch: found \"wide\"; accepted: an integer"));
  EXPECT_THAT(problem_with(replaced(kTaming, "[ 1,1,2,2,4]", "[1, x]")),
              HasSubstr("model.params.ddconfig.ch_mult[1]: found \"x\"; accepted: an integer"));
  EXPECT_THAT(problem_with(replaced(kTaming, "n_embed: 1024", "")),
              HasSubstr("model.params.n_embed: found nothing"));
  EXPECT_THAT(problem_with(replaced(kTaming, "double_z: False", "double_z: True")),
              HasSubstr("model.params.ddconfig.double_z: found true; accepted: false"));
  EXPECT_THAT(problem_with(replaced(kTaming, "vqgan.VQModel", "vqgan.GumbelVQ")),
              HasSubstr("model.target: found taming.models.vqgan.GumbelVQ; accepted: a VQModel"));
  EXPECT_THAT(
      problem_with(replaced(kTaming, "n_embed: 1024", "n_embed: 1024\n    remap: used.npy")),
      HasSubstr("model.params.remap: found used.npy; accepted: null"));
  read_vqgan_config(write("null.yaml", replaced(kTaming, "double_z: False", "double_z: ~")));
  EXPECT_THAT(problem_with(R"({"image_size": 64, "ch": 32, "ch_mult": [1], "num_res_blocks": 1,
                               "attn_resolutions": [], "z_channels": 4, "embed_dim": 4,
                               "codebook_size": 8, "normalized_codes": true})"),
              HasSubstr("normalized_codes: found a key that is not known"));
  for (const char* huge : {"9223372036854775807", "4294967296", "1000000000000", "-1", "0"}) {
    for (const char* key : {"ch", "num_res_blocks", "z_channels", "resolution"}) {
      const std::string line = std::string(key) + ": ";
      const size_t at = std::string(kTaming).find(" " + line) + 1;
      const size_t end = std::string(kTaming).find('\n', at);
      EXPECT_THAT(problem_with(std::string(kTaming).replace(at, end - at, line + huge)),
                  HasSubstr("must be 1 to"));
    }
  }
  EXPECT_THAT(problem_with(replaced(kTaming, "1,1,2,2,4", "4294967297, 1")),
              HasSubstr("vqgan.ch_mult must be 1 to"));
  EXPECT_THROW(read_vqgan_config(folder_.string()), std::system_error);
  EXPECT_THAT(problem_with(replaced(kTaming, "ch: 128", "ch: 100")),
              AllOf(HasSubstr("config.yaml: vqgan: level 0"), HasSubstr("multiples of 32")));
  EXPECT_THAT(problem_with("a: [1, 2"), HasSubstr("config.yaml:"));
  EXPECT_THAT(problem_with("- 1\n- 2\n"), HasSubstr("the file: found no mapping"));
  EXPECT_THAT(problem_with("x: 1\n"), HasSubstr("found neither model, ddconfig nor ch_mult"));
  EXPECT_THAT(problem_with(std::string(100'000, '[')), HasSubstr("config.yaml"));
  EXPECT_THROW(read_vqgan_config((folder_ / "none.yaml").string()), std::system_error);
}

/// A module's tensors under the names that LlamaGen gives them, by hand for three levels.
TensorMap llamagen_names(const TensorMap& tensors) {
  const std::vector<std::pair<std::string, std::string>> kNames = {
      {"encoder.down.0.block.", "encoder.conv_blocks.0.res."},
      {"encoder.down.1.block.", "encoder.conv_blocks.1.res."},
      {"encoder.down.2.block.", "encoder.conv_blocks.2.res."},
      {"encoder.down.0.downsample.", "encoder.conv_blocks.0.downsample."},
      {"encoder.down.1.downsample.", "encoder.conv_blocks.1.downsample."},
      {"encoder.down.2.attn.", "encoder.conv_blocks.2.attn."},
      {"encoder.mid.block_1.", "encoder.mid.0."},
      {"encoder.mid.attn_1.", "encoder.mid.1."},
      {"encoder.mid.block_2.", "encoder.mid.2."},
      {"decoder.up.2.block.", "decoder.conv_blocks.0.res."},
      {"decoder.up.1.block.", "decoder.conv_blocks.1.res."},
      {"decoder.up.0.block.", "decoder.conv_blocks.2.res."},
      {"decoder.up.2.upsample.", "decoder.conv_blocks.0.upsample."},
      {"decoder.up.1.upsample.", "decoder.conv_blocks.1.upsample."},
      {"decoder.up.2.attn.", "decoder.conv_blocks.0.attn."},
      {"decoder.mid.block_1.", "decoder.mid.0."},
      {"decoder.mid.attn_1.", "decoder.mid.1."},
      {"decoder.mid.block_2.", "decoder.mid.2."}};
  TensorMap renamed;
  for (const auto& [name, tensor] : tensors) {
    std::string other = name;
    for (const auto& [ours, theirs] : kNames) {
      if (name.starts_with(ours)) other = theirs + name.substr(ours.size());
    }
    renamed["model." + other] = tensor;
  }
  return renamed;
}

TEST_F(VqganFile, ATokenizerOfLlamaGenGivesTheCodesAndPixelsOfPyTorch) {
  const json golden = golden::networks().at("normalised");
  Vqgan model(vqgan_config_from(golden["config"]));
  golden::draw(*model);
  TensorMap tensors = llamagen_names(state_of(*model));
  tensors["model.quantize.codebook_used"] = at::zeros({65536});
  tensors["optimizer.state.0.exp_avg"] = at::zeros({3});
  write_safetensors(folder_ / "vq.safetensors", tensors);
  VqganConfig unsaid = model->config();
  unsaid.normalised_codes = false;  // all tensors would fit, and codes be wrong
  EXPECT_THROW(read_vqgan_file(folder_ / "vq.safetensors", unsaid), std::invalid_argument);
  Vqgan read = read_vqgan_file(folder_ / "vq.safetensors", model->config());
  const torch::NoGradGuard no_grad;
  for (const json& item : golden["cases"]) {
    const torch::Tensor codes = read->encode(golden::images(item)).codes;
    EXPECT_TRUE(codes.flatten().equal(at::tensor(item["codes"].get<std::vector<int64_t>>())));
    const int64_t rows = item["height"].get<int64_t>() / 4, cols = item["width"].get<int64_t>() / 4;
    EXPECT_LT(golden::largest_difference(read->decode_codes(codes, rows, cols), item), 3e-5);
  }
}

TEST_F(VqganFile, PublishedNetworksHaveTheTensorsThatLlamaGenNames) {
  const Vqgan model(read_vqgan_config("llamagen_f8"));
  EXPECT_EQ(model->config().downsample(), 8);
  const TensorMap tensors = state_of(*model);
  EXPECT_EQ(tensors.at("quantize.embedding.weight").sizes(), (std::vector<int64_t>{16384, 8}));
  EXPECT_TRUE(tensors.contains("encoder.down.3.attn.1.q.weight"));  // at the last level alone
  EXPECT_FALSE(tensors.contains("encoder.down.2.attn.0.q.weight"));
  EXPECT_EQ(read_vqgan_config("llamagen_f16").downsample(), 16);
}

TEST_F(VqganFile, MissingAndMisshapedTensorsAreNamedAndLossesLeftOut) {
  const VqganConfig config = vqgan_preset("nano", 16);
  TensorMap tensors = state_of(*Vqgan(config));
  tensors["loss.discriminator.main.0.weight"] = at::zeros({2});
  write_safetensors(folder_ / "whole.safetensors", tensors);
  read_vqgan_file(folder_ / "whole.safetensors", config);
  tensors.erase("quant_conv.bias");
  tensors["decoder.conv_in.weight"] = at::zeros({1, 2, 3});
  tensors["decoder.extra"] = at::zeros({1});
  write_safetensors(folder_ / "bad.safetensors", tensors);
  try {
    read_vqgan_file(folder_ / "bad.safetensors", config);
    FAIL();
  } catch (const BadWeights& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("bad.safetensors"), HasSubstr("quant_conv.bias"),
                      HasSubstr("decoder.conv_in.weight"), HasSubstr("decoder.extra")));
  }
}

TEST_F(VqganFile, SeveralTokenizersInOneFileAreNoneOfThem) {
  TensorMap tensors;
  for (const char* part : {"first.", "second."}) {
    for (const auto& [name, tensor] : state_of(*Vqgan(vqgan_preset("nano", 16)))) {
      tensors[part + name] = tensor;
    }
  }
  try {
    taming_names(tensors, "both.ckpt");
    FAIL();
  } catch (const BadWeights& error) {
    EXPECT_THAT(error.what(), HasSubstr("several tokenizers, below first., second."));
  }
}

TEST_F(VqganFile, AFileWrittenHereNeedsNoConfiguration) {
  Vqgan model(vqgan_preset("nano", 16));
  model->draw_weights(3);
  write_vqgan_file(folder_ / "own.safetensors", model);
  const Vqgan read = read_vqgan_file(folder_ / "own.safetensors", std::nullopt);
  EXPECT_EQ(to_json(read->config()), to_json(model->config()));
  const TensorMap before = state_of(*model), after = state_of(*read);
  for (const auto& [name, tensor] : before) EXPECT_TRUE(tensor.equal(after.at(name))) << name;
  read_vqgan_file(folder_ / "own.safetensors", model->config());
  VqganConfig other = model->config();
  other.attn_resolutions = {5};  // no tensor tells
  EXPECT_THROW(read_vqgan_file(folder_ / "own.safetensors", other), std::invalid_argument);
  write_safetensors(folder_ / "bare.safetensors", before);
  EXPECT_EQ(stated_vqgan_config(folder_ / "bare.safetensors"), std::nullopt);
  EXPECT_THROW(read_vqgan_file(folder_ / "bare.safetensors", std::nullopt), std::invalid_argument);
  json sizes = to_json(model->config());
  for (const json& lie :
       {json{{"ch", 32}}, json{{"image_size", 1e300}}, json{{"embed_dim", 2.5}}}) {
    sizes.update(lie);
    if (lie.contains("ch")) sizes = lie;
    write_safetensors(folder_ / "lies.safetensors", before, {{"oar_bench_vqgan", sizes.dump()}});
    EXPECT_THROW(stated_vqgan_config(folder_ / "lies.safetensors"), BadWeights) << lie;
    sizes = to_json(model->config());
  }
}

}  // namespace
}  // namespace oar
