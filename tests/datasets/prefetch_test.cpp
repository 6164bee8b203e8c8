#include "datasets/prefetch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace oar {
namespace {

TEST(Prefetch, GivesWhatCallingInOrderGives) {
  Prefetch<int, int> squares([](const int& number) { return number * number; });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(squares.get(i, i + 1), i * i);
}

TEST(Prefetch, TheNextIsMadeOnAnotherThreadWhileTheCallerWorks) {
  std::atomic<int> made{0};
  Prefetch<int, std::thread::id> threads([&](const int&) {
    ++made;
    return std::this_thread::get_id();
  });
  EXPECT_EQ(threads.get(0, 1), std::this_thread::get_id());  // nobody had guessed it
  while (made < 2) std::this_thread::yield();                // without being asked for
  EXPECT_NE(threads.get(1, std::nullopt), std::this_thread::get_id());
  EXPECT_EQ(made, 2);
}

TEST(Prefetch, AWrongGuessCostsNothingButTime) {
  std::vector<int> made;
  Prefetch<int, int> numbers([&](const int& number) {
    made.push_back(number);  // one thread at a time
    return number;
  });
  EXPECT_EQ(numbers.get(0, 1), 0);
  EXPECT_EQ(numbers.get(5, 6), 5);
  EXPECT_EQ(numbers.get(6, std::nullopt), 6);
  EXPECT_EQ(made, (std::vector<int>{0, 1, 5, 6}));
}

TEST(Prefetch, AnErrorComesOutWhereItIsAskedFor) {
  Prefetch<int, int> numbers([](const int& number) {
    if (number == 2) throw std::runtime_error("two");
    return number;
  });
  EXPECT_EQ(numbers.get(0, 1), 0);
  EXPECT_EQ(numbers.get(1, 2), 1);  // two has failed by now, or will
  EXPECT_THROW(numbers.get(2, 3), std::runtime_error);
  EXPECT_EQ(numbers.get(3, 2), 3);
  EXPECT_EQ(numbers.get(4, std::nullopt), 4);  // nobody asked for two
}

}  // namespace
}  // namespace oar
