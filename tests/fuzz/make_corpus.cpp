// Writes the seed files of the fuzzers: make_corpus tests/fuzz/corpus

#include <fmt/format.h>

#include <filesystem>

#include "models/weights/atomic_file.h"
#include "tests/fuzz/seed_groups.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  for (const oar::SeedGroup& group : oar::seed_groups()) {
    const std::filesystem::path folder = std::filesystem::path(argv[1]) / group.target;
    std::filesystem::create_directories(folder);
    for (const oar::SeedFile& seed : group.seeds) {
      oar::write_file_atomically(folder / seed.name, seed.bytes);
    }
  }
}
