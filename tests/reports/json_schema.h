#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/python_with.h"

namespace oar::example {

/// What reports/results.schema.json, read by that package, finds wrong with each record.
inline std::vector<std::vector<std::string>> schema_errors(const nlohmann::json& records) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("oar-records-" + std::to_string(::getpid()) + ".json");
  std::ofstream(file) << records;
  const std::string command = fmt::format(
      "'{0}' {1}/tests/reports/validate_with_jsonschema.py {1}/reports/results.schema.json '{2}'",
      python_with("jsonschema"), OAR_SOURCE_DIR, file.string());
  FILE* const pipe = popen(command.c_str(), "r");
  std::string text;
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) text += static_cast<char>(c);
  EXPECT_EQ(pclose(pipe), 0) << command;
  std::filesystem::remove(file);
  const auto errors = nlohmann::json::parse(text, nullptr, false);
  return errors.is_array() ? errors.get<std::vector<std::vector<std::string>>>()
                           : std::vector<std::vector<std::string>>();
}

}  // namespace oar::example
