#include "models/vqgan/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "models/vqgan/blocks.h"

namespace oar {
namespace {

// Tokens are stored as int16.
constexpr int64_t kMaxCodebook = 32768;

void require_within(const char* field, int64_t value, int64_t most) {
  if (value < 1 || value > most) {
    throw std::invalid_argument(
        fmt::format("vqgan.{} must be 1 to {}, got {}", field, most, value));
  }
}

VqganConfig sizes_of(const std::string& name) {
  if (name == "nano") {
    return {.ch = 32,
            .ch_mult = {1, 1, 2},
            .num_res_blocks = 1,
            .attn_resolutions = {},
            .z_channels = 32,
            .embed_dim = 16,
            .codebook_size = 128};
  }
  if (name == "tiny") {
    return {.ch = 32,
            .ch_mult = {1, 1, 2, 4},
            .num_res_blocks = 1,
            .attn_resolutions = {},
            .z_channels = 64,
            .embed_dim = 32,
            .codebook_size = 256};
  }
  if (name == "small") {
    return {.ch = 64,
            .ch_mult = {1, 1, 2, 4},
            .num_res_blocks = 2,
            .attn_resolutions = {8},
            .z_channels = 128,
            .embed_dim = 64,
            .codebook_size = 512};
  }
  if (name == "paper") return {};
  throw std::invalid_argument(fmt::format(
      "vqgan.preset: no preset is called \"{}\".\n  known: nano, paper, small, tiny", name));
}

}  // namespace

int64_t VqganConfig::downsample() const { return int64_t{1} << (ch_mult.size() - 1); }

bool VqganConfig::has_attention(int64_t level) const {
  return std::ranges::count(attn_resolutions, image_size >> level) > 0;
}

void check_config(const VqganConfig& config) {
  if (config.ch_mult.empty() || config.ch_mult.size() > 8) {
    throw std::invalid_argument(
        fmt::format("vqgan.ch_mult must have 1 to 8 levels, got {}", config.ch_mult.size()));
  }
  // Far above what anybody trains, and no product of them overflows.
  require_within("image_size", config.image_size, 65536);
  require_within("ch", config.ch, 4096);
  require_within("num_res_blocks", config.num_res_blocks, 64);
  require_within("z_channels", config.z_channels, 65536);
  require_within("embed_dim", config.embed_dim, 65536);
  for (const int64_t mult : config.ch_mult) require_within("ch_mult", mult, 256);
  for (size_t level = 0; level < config.ch_mult.size(); ++level) {
    const int64_t channels = config.channels(static_cast<int64_t>(level));
    if (channels < 1 || channels % kNormGroups != 0) {
      throw std::invalid_argument(
          fmt::format("vqgan: level {} has ch * ch_mult = {} * {} = {} channels; group "
                      "normalisation accepts multiples "
                      "of {}",
                      level, config.ch, config.ch_mult[level], channels, kNormGroups));
    }
  }
  if (config.codebook_size < 2 || config.codebook_size > kMaxCodebook) {
    throw std::invalid_argument(fmt::format("vqgan.codebook_size must be 2 to {}, got {}",
                                            kMaxCodebook, config.codebook_size));
  }
  const int64_t patch = config.downsample();
  if (config.image_size % patch != 0) {
    const int64_t lower = std::max(patch, config.image_size / patch * patch);
    throw std::invalid_argument(
        fmt::format("vqgan: an image size of {} is no multiple of the patch of {} pixels (ch_mult "
                    "has {} levels); the "
                    "nearest accepted sizes are {} and {}",
                    config.image_size, patch, config.ch_mult.size(), lower, lower + patch));
  }
}

VqganConfig vqgan_preset(const std::string& name, int64_t image_size) {
  VqganConfig config = sizes_of(name);
  config.image_size = image_size;
  if (!config.attn_resolutions.empty()) {
    config.attn_resolutions = {image_size / config.downsample()};
  }
  check_config(config);
  return config;
}

}  // namespace oar
