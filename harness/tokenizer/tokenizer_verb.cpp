#include "harness/tokenizer/tokenizer_verb.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/image_file.h"
#include "datasets/npy_header.h"
#include "harness/exit_code.h"
#include "harness/measure/device.h"
#include "harness/stages/artifacts.h"
#include "harness/tokenizer/code_text.h"
#include "models/vqgan/vqgan_file.h"
#include "models/weights/atomic_file.h"

namespace oar {
namespace {

namespace fs = std::filesystem;

Vqgan open_tokenizer(const TokenizerCommand& command, torch::Device device) {
  std::optional<VqganConfig> config;
  if (!command.config.empty()) config = read_vqgan_config(command.config);
  Vqgan tokenizer = read_vqgan_file(command.weights, config);
  tokenizer->to(device);
  return tokenizer;
}

/// uint8 [3, height, width].
torch::Tensor image_of(const TokenizerCommand& command) try {
  const std::vector<std::byte> bytes = read_bytes(command.input);
  if (command.image_size == 0) return decode_whole_image(bytes);
  check_image(bytes);
  return decode_square(bytes, command.image_size);
} catch (const BrokenImage& error) {
  throw BadData(fmt::format("{}: {}", command.input.string(), error.what()));
}

void require_whole_patches(const TokenizerCommand& command, const torch::Tensor& image,
                           int64_t patch) {
  const int64_t height = image.size(1), width = image.size(2);
  if (height % patch == 0 && width % patch == 0) return;
  throw BadData(fmt::format(
      "{}: {}x{} pixels cannot be cut into patches of {}x{}; accepted: multiples of {}, such as "
      "{}x{}; --image-size N cuts the square in the middle out and makes it N pixels wide",
      command.input.string(), width, height, patch, patch, patch,
      std::max(patch, width / patch * patch), std::max(patch, height / patch * patch)));
}

void write_npy(const fs::path& path, const torch::Tensor& values) {
  const torch::Tensor whole = values.to(torch::kFloat).contiguous();
  std::vector<std::byte> bytes = make_npy_header(torch::kFloat, whole.sizes());
  const auto elements =
      std::as_bytes(std::span(whole.const_data_ptr<float>(), static_cast<size_t>(whole.numel())));
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  write_file_atomically(path, bytes);
}

}  // namespace

int run_tokenizer_encode(const TokenizerCommand& command, std::ostream& out) {
  const torch::NoGradGuard no_gradients;
  const torch::Device device = device_from_name(command.device);
  const torch::Tensor image = image_of(command);
  Vqgan tokenizer = open_tokenizer(command, device);
  const int64_t patch = tokenizer->config().downsample();
  require_whole_patches(command, image, patch);
  const torch::Tensor codes =
      tokenizer->encode(to_network_range(image.unsqueeze(0).to(device))).codes;
  const std::string text = code_text(codes.view({image.size(1) / patch, image.size(2) / patch}));
  if (command.out.empty()) {
    out << text << std::flush;
  } else {
    write_file_atomically(command.out, text);
  }
  return kAllDone;
}

int run_tokenizer_decode(const TokenizerCommand& command, std::ostream& out) {
  const torch::NoGradGuard no_gradients;
  const std::string ending = command.out.extension().string();
  if (ending != ".npy" && ending != ".png") {
    throw std::invalid_argument(fmt::format(
        "--out: found {}; accepted: a name that ends in .npy (float32, as the decoder gives it) or "
        ".png (8 bits)",
        command.out.string()));
  }
  const torch::Device device = device_from_name(command.device);
  Vqgan tokenizer = open_tokenizer(command, device);
  const torch::Tensor codes = read_codes(command.input, tokenizer->config().codebook_size);
  const torch::Tensor image =
      tokenizer->decode_codes(codes.view({1, -1}).to(device), codes.size(0), codes.size(1))[0]
          .cpu();
  if (ending == ".npy") {
    write_npy(command.out, image);
  } else {
    write_png(command.out, to_pixels(image));
  }
  out << fmt::format("{}: {}x{} pixels\n", command.out.string(), image.size(2), image.size(1))
      << std::flush;
  return kAllDone;
}

Verb add_tokenizer_verb(CLI::App& app) {
  const auto held = std::make_shared<TokenizerCommand>();
  TokenizerCommand& command = *held;
  CLI::App* const verb = app.add_subcommand(
      "tokenizer", "the codes of one image, or the image of codes, with any VQ-GAN");
  verb->require_subcommand(1);
  CLI::App* const encode = verb->add_subcommand("encode", "print the codes of an image");
  encode->add_option("image", command.input, "a JPEG or PNG")->required();
  encode->add_option("--out", command.out, "write the codes to this file");
  encode
      ->add_option("--image-size", command.image_size,
                   "cut out the square in the middle and make it so many pixels wide; without "
                   "it the image is taken as it is")
      ->check(CLI::Range(1, 16384));
  CLI::App* const decode = verb->add_subcommand("decode", "draw the image of codes");
  decode->add_option("codes", command.input, "a line of codes for each row of patches")->required();
  decode->add_option("--out", command.out, ".npy: float32 [3, height, width]; .png: 8 bits")
      ->required();
  for (CLI::App* const action : {encode, decode}) {
    action
        ->add_option("--weights", command.weights,
                     "the tokenizer: .ckpt, .pt, .pth or .safetensors")
        ->required();
    action->add_option("--config", command.config,
                       "its sizes: YAML or JSON, or one of " + published_vqgan_names() +
                           "; not needed after `weights import`");
    action->add_option("--device", command.device, "auto, cpu, cuda or cuda:<index>")
        ->capture_default_str();
  }
  return {verb, [held, encode] {
            return *encode ? run_tokenizer_encode(*held, std::cout)
                           : run_tokenizer_decode(*held, std::cout);
          }};
}

}  // namespace oar
