#include "models/memory/images_at_once.h"

#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <new>
#include <utility>
#include <vector>

#include "tests/models/memory/limited_memory.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::ThrowsMessage;

TEST(IsOutOfMemory, KnowsTheWordsOfDeviceAndHost) {
  const auto caught = [](const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception& error) {
      return is_out_of_memory(error);
    }
    return false;
  };
  EXPECT_TRUE(caught([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory"); }));
  EXPECT_TRUE(caught([] { throw std::bad_alloc(); }));
  EXPECT_TRUE(caught([] { torch::empty({int64_t{1} << 50}); }));  // 4 PiB
  EXPECT_FALSE(caught([] { TORCH_CHECK(false, "shapes differ"); }));
  EXPECT_FALSE(
      caught([] { throw std::runtime_error("DefaultCPUAllocator: in somebody else's words"); }));
}

/// Runs 10 images on a machine that holds `room`: the parts that went through.
std::vector<std::pair<int64_t, int64_t>> parts_with_room_for(int64_t room, ImagesAtOnce& at_once) {
  std::vector<std::pair<int64_t, int64_t>> parts;
  at_once.for_each(0, 10, [&](int64_t begin, int64_t end) {
    if (end - begin > room) throw std::bad_alloc();
    parts.emplace_back(begin, end);
  });
  return parts;
}

TEST(ImagesAtOnce, HalvesUntilAPartFitsAndRemembersIt) {
  ImagesAtOnce at_once(8, "");
  EXPECT_THAT(parts_with_room_for(8, at_once), ElementsAre(Pair(0, 8), Pair(8, 10)));
  EXPECT_FALSE(at_once.reduced());
  EXPECT_THAT(parts_with_room_for(5, at_once), ElementsAre(Pair(0, 4), Pair(4, 8), Pair(8, 10)));
  EXPECT_EQ(at_once.count(), 4);
  EXPECT_TRUE(at_once.reduced());
  EXPECT_THAT(parts_with_room_for(8, at_once).size(), 3u);
}

TEST(ImagesAtOnce, SaysWhatToDoWhereNotEvenOneImageFits) {
  ImagesAtOnce at_once(8, "choose a smaller model");
  EXPECT_THAT(
      [&] { parts_with_room_for(0, at_once); },
      ThrowsMessage<OutOfMemory>("out of memory with one image at a time; choose a smaller model"));
}

TEST(ImagesAtOnce, PassesOtherErrorsOn) {
  ImagesAtOnce at_once(8, "");
  EXPECT_THAT(
      [&] { at_once.for_each(0, 2, [](int64_t, int64_t) { throw std::logic_error("mistake"); }); },
      ThrowsMessage<std::logic_error>("mistake"));
}

TEST(LimitedMemory, RefusesWhatGoesOverItsLimitAndCountsWhatIsGivenBack) {
  LimitedMemory memory(1000);
  { const torch::Tensor some = torch::empty({200}); }
  const torch::Tensor more = torch::empty({200});
  EXPECT_EQ(memory.most_used(), 800);
  EXPECT_FALSE(fits_in_memory([] { torch::empty({200}); }));
  EXPECT_EQ(memory.refusals(), 1);
}

}  // namespace
}  // namespace oar
