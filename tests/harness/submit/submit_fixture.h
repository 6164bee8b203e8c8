#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace oar {

/// A folder of its own, for programs that stand in for Slurm's.
class ScriptTest : public testing::Test {
 protected:
  ScriptTest() {
    std::string name = (std::filesystem::temp_directory_path() / "oar-submit-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  ~ScriptTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << text;
  }
  void program(const std::filesystem::path& file, const std::string& body) {
    write(file, "#!/bin/bash\n" + body + "\n");
    std::filesystem::permissions(folder_ / file, std::filesystem::perms::owner_all);
  }

  /// The content of a file; empty where there is none.
  std::string text(const std::filesystem::path& file) const {
    std::ifstream in(folder_ / file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  template <typename Call>
  static std::string refusal_of(const Call& call) {
    try {
      call();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
};

}  // namespace oar
