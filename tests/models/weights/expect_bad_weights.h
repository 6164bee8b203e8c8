#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "models/weights/tensor_file.h"
#include "tests/models/weights/pickle_bytes.h"

namespace oar {

/// The message of the BadWeights that `action` throws; a failure and "" if it throws none.
template <typename Action>
std::string bad_weights(Action action) {
  try {
    action();
  } catch (const BadWeights& error) {
    return error.what();
  }
  ADD_FAILURE() << "no BadWeights was thrown";
  return "";
}

/// The message for a file of these bytes, called "file".
inline std::string refusal(const std::string& file, const ReadOptions& options = {}) {
  return bad_weights([&] { read_tensors(as_bytes(file), "file", options); });
}

}  // namespace oar
