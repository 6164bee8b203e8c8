// Stages on machines with too little memory: smaller parts, the same artifact.
#include <ATen/ops/arange.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>

#include "harness/stages/artifacts.h"
#include "models/memory/images_at_once.h"
#include "tests/harness/store/store_fixture.h"

namespace oar {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class Chunks : public StoreTest {
 protected:
  /// 10 things in chunks of 8, of which `room` fit into memory at once: the squares of 0 .. 9.
  TensorMap squares(int64_t room) {
    TensorMap made;
    run(make_node("orders", 1, {{"room", room}}, {}), [&](StageContext& context) {
      made = in_chunks(context, "images", 10, 8, [&](int64_t begin, int64_t end) {
        if (end - begin > room) throw std::bad_alloc();
        ++calls_;
        return TensorMap{{"square", at::arange(begin, end).square()}};
      });
      return nlohmann::json::object();
    });
    return made;
  }

  int calls_ = 0;
};

TEST_F(Chunks, ThatDoNotFitAreMadeInHalvesAndHoldTheSame) {
  const TensorMap whole = squares(8);
  EXPECT_EQ(calls_, 2);  // 8 and 2
  EXPECT_EQ(printed().find("out of memory"), std::string::npos);
  calls_ = 0;
  const TensorMap parted = squares(3);
  EXPECT_EQ(calls_, 5);  // 2, 2, 2, 2 and 2
  EXPECT_TRUE(whole.at("square").equal(parted.at("square")));
  EXPECT_THAT(printed(), HasSubstr("out of memory; from here on results come from parts of 2"));
}

TEST_F(Chunks, SayWhatToDoWhereNotOneFits) {
  EXPECT_THAT([&] { squares(0); }, ThrowsMessage<OutOfMemory>(HasSubstr("choose a smaller model")));
}

}  // namespace
}  // namespace oar
