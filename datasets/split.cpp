#include "datasets/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "datasets/sha256.h"

namespace oar {

std::string file_rank(std::string_view purpose, int64_t seed, std::string_view file) {
  return sha256_hex(fmt::format("{}/{}/{}", purpose, seed, file));
}

void assign_splits(std::vector<ImageRecord>& images, double held_out, int64_t seed) {
  const auto count =
      static_cast<size_t>(std::llround(held_out * static_cast<double>(images.size())));
  if (!images.empty() && count == images.size()) {
    throw BadData(fmt::format(
        "held_out {} of {} images leaves none to train on; lower held_out or add images", held_out,
        images.size()));
  }
  std::vector<std::pair<std::string, size_t>> queue;
  for (size_t i = 0; i < images.size(); ++i) {
    queue.emplace_back(file_rank("split", seed, images[i].file), i);
    images[i].split = Split::kTrain;
  }
  std::sort(queue.begin(), queue.end());
  for (size_t i = 0; i < count; ++i) images[queue[i].second].split = Split::kHeldOut;
}

}  // namespace oar
