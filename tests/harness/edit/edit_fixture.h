#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "harness/edit/canvas.h"
#include "harness/stages/artifacts.h"

namespace oar {

/// A folder of its own for each test.
class EditTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static int counter = 0;
    folder_ = std::filesystem::temp_directory_path() /
              ("oar-edit-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// uint8 [3, H, W] as an image file.
  ImageInput written(const std::string& name, const torch::Tensor& pixels) {
    write_png(folder_ / name, pixels);
    return read_image_input(folder_ / name);
  }

  std::filesystem::path folder_;
};

inline torch::Tensor noise(int64_t height, int64_t width, uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randint(0, 256, {3, height, width}, torch::kUInt8);
}

inline torch::Tensor black(int64_t height, int64_t width) {
  return torch::zeros({3, height, width}, torch::kUInt8);
}

/// Black with white in rows top .. bottom - 1 of columns left .. right - 1.
inline torch::Tensor rectangle(int64_t height, int64_t width, int64_t top, int64_t bottom,
                               int64_t left, int64_t right) {
  torch::Tensor mask = black(height, width);
  mask.slice(1, top, bottom).slice(2, left, right).fill_(255);
  return mask;
}

}  // namespace oar
