#pragma once

#include <string>

namespace oar {

/// A small file that the corpus of a fuzzer starts from.
struct SeedFile {
  std::string name;
  std::string bytes;
  std::string refusal;  ///< what the reader's message says; empty: the file is read
};

}  // namespace oar
