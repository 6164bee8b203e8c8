#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace oar {

/// A test with a folder of its own.
class OrdersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static int counter = 0;
    folder_ = std::filesystem::temp_directory_path() /
              ("oar-orders-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& file, const std::string& text) const {
    std::ofstream(folder_ / file, std::ios::binary) << text;
    return folder_ / file;
  }

  std::filesystem::path folder_;
};

/// What `make` throws, as text; empty if it throws nothing or something that is no `Error`.
template <typename Error, typename Make>
std::string message_of(const Make& make) {
  try {
    make();
  } catch (const Error& error) {
    return error.what();
  } catch (...) {
  }
  return "";
}

}  // namespace oar
