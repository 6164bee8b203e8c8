#include "harness/sweep/matrix.h"

#include <gtest/gtest.h>

namespace oar {
namespace {

using Combinations = std::vector<Combination>;

const Axis kFruit = {"fruit", {"apple", "pear"}};
const Axis kAnimal = {"animal", {"cat", "dog"}};

TEST(Matrix, TheFirstAxisIsTheSlowest) {
  EXPECT_EQ(expand({{kFruit, kAnimal}, {}, {}}),
            (Combinations{{{"fruit", "apple"}, {"animal", "cat"}},
                          {{"fruit", "apple"}, {"animal", "dog"}},
                          {{"fruit", "pear"}, {"animal", "cat"}},
                          {{"fruit", "pear"}, {"animal", "dog"}}}));
}

TEST(Matrix, WithoutAxesThereIsOnePoint) { EXPECT_EQ(expand({}), Combinations{{}}); }

TEST(Matrix, ExcludeDropsEveryPointThatHasAllItsValues) {
  EXPECT_EQ(expand({{kFruit, kAnimal}, {{{"fruit", "apple"}}, {{"animal", "cat"}}}, {}}),
            (Combinations{{{"fruit", "pear"}, {"animal", "dog"}}}));
}

// The worked example of GitHub's documentation ("Expanding or adding matrix configurations").
TEST(Matrix, IncludeFollowsGitHubsOwnExample) {
  const Combinations include = {{{"color", "green"}},
                                {{"color", "pink"}, {"animal", "cat"}},
                                {{"fruit", "apple"}, {"shape", "circle"}},
                                {{"fruit", "banana"}},
                                {{"fruit", "banana"}, {"animal", "cat"}}};
  const Combinations expected = {
      {{"fruit", "apple"}, {"animal", "cat"}, {"color", "pink"}, {"shape", "circle"}},
      {{"fruit", "apple"}, {"animal", "dog"}, {"color", "green"}, {"shape", "circle"}},
      {{"fruit", "pear"}, {"animal", "cat"}, {"color", "pink"}},
      {{"fruit", "pear"}, {"animal", "dog"}, {"color", "green"}},
      {{"fruit", "banana"}},
      {{"fruit", "banana"}, {"animal", "cat"}}};
  EXPECT_EQ(expand({{kFruit, kAnimal}, {}, include}), expected);
}

TEST(Matrix, IncludeBringsBackWhatExcludeDropped) {
  EXPECT_EQ(expand({{kFruit}, {{{"fruit", "apple"}}}, {{{"fruit", "apple"}, {"size", 2}}}}),
            (Combinations{{{"fruit", "pear"}}, {{"fruit", "apple"}, {"size", 2}}}));
}

TEST(Matrix, WithoutAxesIncludesAreTheWholeMatrix) {
  EXPECT_EQ(expand({{}, {}, {{{"size", 1}}, {{"size", 2}}}}),
            (Combinations{{{"size", 1}}, {{"size", 2}}}));
}

TEST(ProductSize, StopsCountingAboveTheLimit) {
  EXPECT_EQ(product_size({kFruit, kAnimal}, 100), 4u);
  EXPECT_EQ(product_size(std::vector<Axis>(1000, kFruit), 100), 101u);
}

}  // namespace
}  // namespace oar
