#include "datasets/nearest_name.h"

#include <gtest/gtest.h>

namespace oar {
namespace {

TEST(KnownNames, NamesTheNearestWhereOneIsClose) {
  EXPECT_EQ(known_names("hilbrt", {"raster", "hilbert"}),
            "  known: raster, hilbert\n  did you mean \"hilbert\"?");
  EXPECT_EQ(known_names("BASECOLOR", {"season", "baseColour"}),
            "  known: season, baseColour\n  did you mean \"baseColour\"?");
}

TEST(KnownNames, GuessesNothingWhereNoneIsClose) {
  EXPECT_EQ(known_names("imagenet", {"sunset", "celeba_hq"}), "  known: sunset, celeba_hq");
  EXPECT_EQ(known_names("", {"a", "b"}), "  known: a, b");
}

}  // namespace
}  // namespace oar
