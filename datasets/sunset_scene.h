#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace oar {

/// Red, green, blue, each 0 (dark) .. 1.
using Colour = std::array<double, 3>;

/// A colour a sun can have.
struct SunColour {
  std::string_view name;     ///< the image's class
  std::string_view caption;  ///< the image's caption
  Colour colour;
};
constexpr std::array<SunColour, 4> kSunColours = {{
    {"golden", "a golden sunset", {1.00, 0.83, 0.25}},
    {"orange", "an orange sunset", {0.98, 0.47, 0.08}},
    {"red", "a red sunset", {0.86, 0.12, 0.13}},
    {"violet", "a violet sunset", {0.66, 0.25, 0.80}},
}};

/// What a mask says of a pixel.
enum class SunsetPart : uint8_t { kBackground = 0, kSun = 1, kCloud = 2 };

/// A cloud: puffs side by side on a flat base, as cumulus have it.
struct SunsetCloud {
  struct Puff {
    double x, y, radius_x, radius_y;
  };
  double x, y, half_width, half_height;
  std::array<Puff, 4> puffs;
};

/// One sunset, before it has pixels. Lengths are shares of the image's side, so that the same scene
/// can be drawn at any size; x grows to the right, y downwards.
struct SunsetScene {
  int64_t colour = 0;  ///< position in kSunColours
  double sun_x, sun_y, sun_radius;
  double daylight;  ///< 0 dusk .. 1 early evening: the sky's colours, independent of the sun's
  std::vector<SunsetCloud> clouds;  ///< 1 to 3, none over the middle of the sun
  bool has_hills;
  std::array<double, 5> hills;  ///< height, then swell and phase of two waves
};

/// The scene that seed and number stand for. Nothing else decides it.
SunsetScene make_sunset_scene(int64_t seed, int64_t number);

/// Colour a cloud has on its side towards the sun, and on the other.
Colour lit_cloud(const SunColour& sun);
Colour shaded_cloud(const SunColour& sun);

/// Draws a scene, edges anti-aliased.
///
/// Shapes  `pixels` uint8 RGB [3, size, size] and `mask` uint8 [size, size], written in full;
/// either
///         may be null. The mask names what covers most of a pixel's middle (SunsetPart).
void draw_sunset(const SunsetScene& scene, int64_t size, uint8_t* pixels, uint8_t* mask);

/// The sun that an image shows, drawn or generated: position in kSunColours. Every pixel votes for
/// the discs whose colours it is near; clouds and glow are tinted as the disc is.
///
/// Shapes  `pixels` uint8 RGB [3, size, size].
int64_t sun_colour_of(const uint8_t* pixels, int64_t size);

}  // namespace oar
