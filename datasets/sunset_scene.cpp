#include "datasets/sunset_scene.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "datasets/item_random.h"

namespace oar {
namespace {

Colour blend(const Colour& from, const Colour& to, double share) {
  Colour result;
  for (size_t c = 0; c < 3; ++c) result[c] = from[c] + (to[c] - from[c]) * share;
  return result;
}

/// 0 below `low`, 1 above `high`, smooth between.
double smooth_step(double low, double high, double value) {
  const double t = std::clamp((value - low) / (high - low), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

double squared(double value) { return value * value; }

SunsetCloud make_cloud(ItemRandom& random, double x, double y) {
  SunsetCloud cloud{x, y, random.uniform(0.17, 0.27), random.uniform(0.065, 0.10), {}};
  for (size_t i = 0; i < cloud.puffs.size(); ++i) {
    const double along = -0.60 + 0.40 * static_cast<double>(i) + random.uniform(-0.08, 0.08);
    const double tall = 1.0 - 0.45 * std::abs(along) + random.uniform(-0.15, 0.15);
    cloud.puffs[i] = {x + along * cloud.half_width, y - 0.25 * tall * cloud.half_height,
                      0.42 * cloud.half_width, tall * cloud.half_height};
  }
  return cloud;
}

/// Whether two ellipses, given by centres and half axes, are apart; generous at their corners.
bool are_apart(double dx, double dy, double axis_x, double axis_y) {
  return squared(dx / axis_x) + squared(dy / axis_y) > 1.0;
}

bool fits(const SunsetScene& scene, const SunsetCloud& cloud) {
  const double sun = 0.75 * scene.sun_radius;  // a cloud may cover the rim
  if (!are_apart(cloud.x - scene.sun_x, cloud.y - scene.sun_y, cloud.half_width + sun,
                 cloud.half_height + sun)) {
    return false;
  }
  return std::all_of(scene.clouds.begin(), scene.clouds.end(), [&cloud](const SunsetCloud& other) {
    return are_apart(cloud.x - other.x, cloud.y - other.y, cloud.half_width + other.half_width,
                     1.3 * (cloud.half_height + other.half_height));
  });
}

double hills_top(const SunsetScene& scene, double x) {
  constexpr double kTurn = 2 * std::numbers::pi;
  return scene.hills[0] + scene.hills[1] * std::sin(kTurn * (0.8 * x + scene.hills[2])) +
         scene.hills[3] * std::sin(kTurn * (1.9 * x + scene.hills[4]));
}

Colour sky(const SunsetScene& scene, double y) {
  constexpr std::array<Colour, 3> kDusk = {
      {{0.11, 0.13, 0.31}, {0.27, 0.27, 0.45}, {0.56, 0.50, 0.56}}};
  constexpr std::array<Colour, 3> kEvening = {
      {{0.25, 0.44, 0.67}, {0.50, 0.63, 0.76}, {0.84, 0.80, 0.74}}};
  const Colour top = blend(kDusk[0], kEvening[0], scene.daylight);
  const Colour middle = blend(kDusk[1], kEvening[1], scene.daylight);
  const Colour horizon = blend(kDusk[2], kEvening[2], scene.daylight);
  return y < 0.45 ? blend(top, middle, y / 0.45)
                  : blend(middle, horizon, std::min(1.0, (y - 0.45) / 0.4));
}

/// How much of the pixel at (x, y) a cloud covers, 0 .. 1.
double cloud_cover(const SunsetCloud& cloud, double x, double y) {
  if (std::abs(x - cloud.x) > 1.8 * cloud.half_width) return 0;
  if (std::abs(y - cloud.y) > 3.0 * cloud.half_height) return 0;
  double density = 0;
  for (const SunsetCloud::Puff& puff : cloud.puffs) {
    density += std::exp(
        -1.6 * (squared((x - puff.x) / puff.radius_x) + squared((y - puff.y) / puff.radius_y)));
  }
  const double base = cloud.y + 0.35 * cloud.half_height;
  const double above_base =
      1 - smooth_step(base - 0.2 * cloud.half_height, base + 0.4 * cloud.half_height, y);
  return smooth_step(0.25, 0.55, density * above_base);
}

/// Colour of a cloud at (x, y): lit from where the sun stands.
Colour cloud_colour(const SunsetScene& scene, const SunsetCloud& cloud, double x, double y) {
  const SunColour& sun = kSunColours[static_cast<size_t>(scene.colour)];
  const double to_x = scene.sun_x - cloud.x, to_y = scene.sun_y - cloud.y;
  const double length = std::hypot(to_x, to_y);
  const double towards = (to_x / length * (x - cloud.x) / cloud.half_width) +
                         (to_y / length * (y - cloud.y) / cloud.half_height);
  return blend(shaded_cloud(sun), lit_cloud(sun), smooth_step(-1.0, 0.8, towards));
}

constexpr Colour kShine = {1, 1, 0.95};  // what the middle of a disc is blended with
constexpr double kMostShine = 0.35;

/// How far a colour is from those of a disc, which lie between the sun's and its shining middle's.
double distance_to_disc(const Colour& sun, const Colour& seen) {
  double along = 0, length = 0;
  for (size_t c = 0; c < 3; ++c) {
    const double step = kMostShine * (kShine[c] - sun[c]);
    along += step * (seen[c] - sun[c]);
    length += step * step;
  }
  const Colour nearest = blend(sun, kShine, kMostShine * std::clamp(along / length, 0.0, 1.0));
  return std::hypot(seen[0] - nearest[0], seen[1] - nearest[1], seen[2] - nearest[2]);
}

}  // namespace

SunsetScene make_sunset_scene(int64_t seed, int64_t number) {
  ItemRandom random(seed, number);
  SunsetScene scene;
  scene.colour = random.below(static_cast<int64_t>(kSunColours.size()));
  scene.daylight = random.uniform(0, 1);
  scene.sun_x = random.uniform(0.2, 0.8);
  scene.sun_y = random.uniform(0.38, 0.68);
  scene.sun_radius = random.uniform(0.13, 0.19);
  scene.has_hills = random.uniform(0, 1) < 0.7;
  scene.hills = {random.uniform(0.82, 0.88), random.uniform(0.015, 0.04), random.uniform(0, 1),
                 random.uniform(0.005, 0.02), random.uniform(0, 1)};
  const int64_t wanted = 1 + random.below(3);
  for (int attempt = 0; attempt < 30 && std::ssize(scene.clouds) < wanted; ++attempt) {
    const double x = random.uniform(0.1, 0.9), y = random.uniform(0.12, 0.62);
    const SunsetCloud cloud = make_cloud(random, x, y);
    if (fits(scene, cloud)) scene.clouds.push_back(cloud);
  }
  if (scene.clouds.empty()) {  // the top edge on the far side of the sun is always free
    scene.clouds.push_back(make_cloud(random, scene.sun_x < 0.5 ? 0.75 : 0.25, 0.12));
  }
  return scene;
}

int64_t sun_colour_of(const uint8_t* pixels, int64_t size) {
  constexpr double kNear = 0.06;  // of a colour's channels together
  std::array<double, kSunColours.size()> votes{};
  for (int64_t i = 0; i < size * size; ++i) {
    Colour seen;
    for (size_t c = 0; c < 3; ++c) {
      seen[c] = pixels[static_cast<int64_t>(c) * size * size + i] / 255.0;
    }
    for (size_t sun = 0; sun < kSunColours.size(); ++sun) {
      votes[sun] += std::exp(-squared(distance_to_disc(kSunColours[sun].colour, seen) / kNear) / 2);
    }
  }
  return std::max_element(votes.begin(), votes.end()) - votes.begin();
}

Colour lit_cloud(const SunColour& sun) { return blend(sun.colour, {1.0, 0.98, 0.95}, 0.40); }

Colour shaded_cloud(const SunColour& sun) { return blend(sun.colour, {0.20, 0.17, 0.27}, 0.45); }

void draw_sunset(const SunsetScene& scene, int64_t size, uint8_t* pixels, uint8_t* mask) {
  const double pixel = 1.0 / static_cast<double>(size);
  const Colour sun = kSunColours[static_cast<size_t>(scene.colour)].colour;
  const Colour ground = blend({0.07, 0.07, 0.13}, {0.16, 0.17, 0.22}, scene.daylight);
  for (int64_t i = 0; i < size * size; ++i) {
    const double x = (static_cast<double>(i % size) + 0.5) * pixel;
    const double y = (static_cast<double>(i / size) + 0.5) * pixel;
    const double distance = std::hypot(x - scene.sun_x, y - scene.sun_y);
    const double glow = 0.45 * std::exp(-squared(distance / (1.9 * scene.sun_radius)));
    Colour colour = blend(sky(scene, y), sun, glow);

    const double disc = std::clamp((scene.sun_radius - distance) / pixel + 0.5, 0.0, 1.0);
    const double shine = kMostShine * (1 - squared(std::min(1.0, distance / scene.sun_radius)));
    colour = blend(colour, blend(sun, kShine, shine), disc);
    SunsetPart part = disc > 0.5 ? SunsetPart::kSun : SunsetPart::kBackground;

    for (const SunsetCloud& cloud : scene.clouds) {
      const double cover = cloud_cover(cloud, x, y);
      if (cover > 0.5) part = SunsetPart::kCloud;
      if (cover > 0) colour = blend(colour, cloud_colour(scene, cloud, x, y), cover);
    }

    if (scene.has_hills) {
      const double cover = std::clamp((y - hills_top(scene, x)) / pixel + 0.5, 0.0, 1.0);
      if (cover > 0.5) part = SunsetPart::kBackground;
      colour = blend(colour, blend(ground, sun, 0.3 * glow), cover);
    }
    for (int64_t c = 0; pixels != nullptr && c < 3; ++c) {
      const double value = std::clamp(colour[static_cast<size_t>(c)], 0.0, 1.0);
      pixels[c * size * size + i] = static_cast<uint8_t>(std::lround(255 * value));
    }
    if (mask != nullptr) mask[i] = static_cast<uint8_t>(part);
  }
}

}  // namespace oar
