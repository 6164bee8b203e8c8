#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "datasets/sha256.h"
#include "harness/weights/known_weights.h"

namespace oar {

/// A weights folder of its own, and a known file of 100,000 bytes that is not in it.
class WeightsTest : public testing::Test {
 protected:
  WeightsTest() {
    ::setenv("no_proxy", "*", 1);  // the server is in this process
    std::string name = (std::filesystem::temp_directory_path() / "oar-weights-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    folder_ = name;
    for (int64_t i = 0; i < 100'000; ++i) body_ += static_cast<char>(i * i % 251);
    known_ = {.name = "example",
              .extractor = "example_net",
              .file = "example.pth",
              .bytes = static_cast<int64_t>(body_.size()),
              .sha256 = sha256_hex(body_),
              .licence = "CC0-1.0",
              .what = "an example",
              .sources = {}};
  }
  ~WeightsTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path place() const { return folder_ / known_.file; }
  std::filesystem::path part() const { return folder_ / (known_.file + ".part"); }

  static std::string content(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  std::filesystem::path folder_;
  std::string body_;
  KnownWeights known_;
};

}  // namespace oar
