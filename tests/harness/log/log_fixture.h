#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/store/event_log.h"

namespace oar {

/// A folder of its own, and events to write there.
class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string name = (std::filesystem::temp_directory_path() / "oar-log-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  ~LogTest() override { std::filesystem::remove_all(folder_); }

  static std::string read(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  static std::vector<std::string> lines_of(const std::filesystem::path& file) {
    std::vector<std::string> lines;
    std::istringstream in(read(file));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  static constexpr char kKey[] = "0123456789abcdef0123456789abcdef";
  static RunEvent stage(const std::string& kind, nlohmann::json more = nlohmann::json::object()) {
    nlohmann::json fields = {{"stage", "any_order"}, {"key", kKey}, {"role", "specialist"}};
    fields.update(more);
    return {kind, fields};
  }
  static RunEvent curve(const std::string& name, int64_t step, const nlohmann::json& value) {
    return stage("curve", {{"name", name}, {"step", step}, {"value", value}});
  }

  std::filesystem::path folder_;
};

}  // namespace oar
