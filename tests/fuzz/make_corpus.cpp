// Writes the seed files of the fuzzer's corpus: make_corpus tests/fuzz/corpus/read_tensors

#include <fmt/format.h>

#include <filesystem>

#include "models/weights/atomic_file.h"
#include "tests/fuzz/seed_files.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  for (const oar::SeedFile& seed : oar::seed_files()) {
    oar::write_file_atomically(folder / seed.name, oar::as_bytes(seed.bytes));
  }
}
