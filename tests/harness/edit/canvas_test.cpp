#include "harness/edit/canvas.h"

#include <gmock/gmock.h>

#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <system_error>

#include "datasets/dataset.h"
#include "tests/harness/edit/edit_fixture.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const CanvasShape kFourByFour{{4, 4}, 8};  // images of 32x32 pixels

class CanvasTest : public EditTest {
 protected:
  /// The canvas of a grey image and this mask: which patches are drawn, by position.
  std::vector<int64_t> drawn(const torch::Tensor& mask) { return drawn(written("mask.png", mask)); }
  std::vector<int64_t> drawn(const ImageInput& mask) {
    const ImageInput image = written(
        "image.png", torch::full({3, mask.size.height, mask.size.width}, 90, torch::kUInt8));
    const torch::Tensor positions =
        inpainting_canvas(image, mask, kFourByFour).drawn.nonzero().flatten();
    return {positions.data_ptr<int64_t>(), positions.data_ptr<int64_t>() + positions.numel()};
  }
};

TEST_F(CanvasTest, OneWhitePixelDrawsItsPatch) {
  EXPECT_THAT(drawn(rectangle(32, 32, 9, 10, 17, 18)), ElementsAre(1 * 4 + 2));
}

TEST_F(CanvasTest, WhiteThatTouchesFourPatchesDrawsFour) {
  EXPECT_THAT(drawn(rectangle(32, 32, 7, 9, 23, 25)), ElementsAre(2, 3, 6, 7));
}

TEST_F(CanvasTest, TheMaskIsCutToItsCentredSquareLikeTheImage) {  // columns 5 .. 36 of 42 are left
  EXPECT_THAT(drawn(rectangle(32, 42, 0, 1, 5, 6)), ElementsAre(0));
  EXPECT_THAT(drawn(rectangle(32, 42, 0, 1, 36, 37)), ElementsAre(3));
  EXPECT_THAT([&] { drawn(rectangle(32, 42, 0, 32, 0, 5)); },
              ThrowsMessage<BadData>(HasSubstr("no pixel of the centred square is white")));
}

TEST_F(CanvasTest, APixelThatTwoPatchesShareDrawsBoth) {  // 38 / 4 = 9.5 pixels a patch
  EXPECT_THAT(drawn(rectangle(38, 38, 0, 1, 9, 10)), ElementsAre(0, 1));
  EXPECT_THAT(drawn(rectangle(38, 38, 0, 1, 10, 11)), ElementsAre(1));
}

TEST_F(CanvasTest, WhereTheImageIsEnlargedWhiteReachesTwoPixelsFurther) {  // 4 pixels a patch
  EXPECT_THAT(drawn(rectangle(16, 16, 5, 6, 5, 6)), ElementsAre(0, 1, 4, 5));
  EXPECT_THAT(drawn(rectangle(16, 16, 0, 1, 15, 16)), ElementsAre(3));
}

TEST_F(CanvasTest, WhiteBeginsAt128) {
  EXPECT_THAT(drawn(rectangle(32, 32, 0, 1, 0, 1).clamp_max(128)), ElementsAre(0));
  EXPECT_THAT([&] { drawn(rectangle(32, 32, 0, 1, 0, 1).clamp_max(127)); },
              ThrowsMessage<BadData>(HasSubstr("grey levels from 128")));
}

TEST_F(CanvasTest, TransparentPartsOfAMaskCountAsBlack) {
  cv::Mat layer(32, 32, CV_8UC4, cv::Scalar(255, 255, 255, 0));
  layer.at<cv::Vec4b>(0, 0)[3] = 127;  // 255 · 127/255 = 127
  layer.at<cv::Vec4b>(31, 31)[3] = 128;
  cv::imwrite((folder_ / "layer.png").string(), layer);
  EXPECT_THAT(drawn(read_image_input(folder_ / "layer.png")), ElementsAre(15));
}

TEST_F(CanvasTest, AMaskMayBeGreyAndOf16Bits) {
  cv::Mat grey(32, 32, CV_16UC1, cv::Scalar(127 * 257));
  grey.at<uint16_t>(0, 31) = 128 * 257;
  cv::imwrite((folder_ / "grey.png").string(), grey);
  EXPECT_THAT(drawn(read_image_input(folder_ / "grey.png")), ElementsAre(3));
}

TEST_F(CanvasTest, AMaskOfAnotherSizeIsRefusedNamingBoth) {
  const ImageInput image = written("image.png", black(32, 40)),
                   mask = written("mask.png", black(40, 32));
  EXPECT_THAT([&] { inpainting_canvas(image, mask, kFourByFour); },
              ThrowsMessage<BadData>(AllOf(HasSubstr("mask.png\": the mask has 32x40 pixels"),
                                           HasSubstr("image.png\" has 40x32"),
                                           HasSubstr("both have one size"))));
}

/// Whatever the resizing, what lies under the white is in no pixel that is kept.
TEST_F(CanvasTest, NoPixelUnderTheWhiteReachesAPatchThatIsKept) {
  for (const auto& [height, width] :
       {std::pair{32, 32}, {61, 61}, {45, 70}, {31, 31}, {17, 23}, {11, 9}}) {
    const torch::Tensor mask = rectangle(height, width, height / 3, height / 2, width / 2, width);
    const torch::Tensor before = noise(height, width, 1), after = noise(height, width, 2);
    const ImageInput white = written("mask.png", mask);
    const Canvas a = inpainting_canvas(written("a.png", before), white, kFourByFour);
    const Canvas b = inpainting_canvas(written("b.png", torch::where(mask > 0, after, before)),
                                       white, kFourByFour);
    const torch::Tensor kept = a.drawn_pixels().logical_not();
    ASSERT_TRUE(kept.any().item<bool>()) << height << "x" << width;
    EXPECT_TRUE(a.pixels.masked_select(kept).equal(b.pixels.masked_select(kept)))
        << height << "x" << width;
    EXPECT_FALSE(a.pixels.equal(b.pixels)) << height << "x" << width;
  }
}

TEST_F(CanvasTest, TheImageIsMadeSquareAsTheDataSetsDoIt) {
  const ImageInput image = written("image.png", noise(50, 70, 3)),
                   mask = written("mask.png", rectangle(50, 70, 0, 50, 0, 70));
  EXPECT_TRUE(inpainting_canvas(image, mask, kFourByFour)
                  .pixels.equal(decode_square(read_bytes(folder_ / "image.png"), 32)));
}

TEST_F(CanvasTest, OutpaintingLaysTheImageWhereItIsAskedTo) {
  const ImageInput image = written("image.png", noise(50, 70, 3));
  const Canvas canvas = outpainting_canvas(image, {1, 2, 2}, kFourByFour);
  EXPECT_TRUE(canvas.drawn.view({4, 4}).equal(
      torch::tensor({{1, 1, 1, 1}, {1, 1, 0, 0}, {1, 1, 0, 0}, {1, 1, 1, 1}}).to(torch::kBool)));
  EXPECT_TRUE(canvas.pixels.slice(1, 8, 24).slice(2, 16, 32).equal(
      decode_square(read_bytes(folder_ / "image.png"), 16)));
}

TEST(PlacementOfAnImage, IsTheMiddleAndHalfTheGridUnlessSaid) {
  const Placement place = placement({}, 0, {8, 8});
  EXPECT_EQ((std::vector{place.row, place.col, place.scale}), (std::vector<int64_t>{2, 2, 4}));
  EXPECT_EQ(placement({0, 3}, 5, {8, 8}).col, 3);
}

TEST(PlacementOfAnImage, StaysOnTheGridAndLeavesSomethingToDraw) {
  EXPECT_THAT(
      [] {
        placement({5, 0}, 4, {8, 8});
      },
      ThrowsMessage<std::invalid_argument>(
          AllOf(HasSubstr("--at 5,0"), HasSubstr("rows and columns 0 to 4 are accepted"))));
  EXPECT_THROW(placement({0, -1}, 4, {8, 8}), std::invalid_argument);
  EXPECT_THAT(
      [] {
        placement({}, 8, {8, 8});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("accepted are 1 to 7")));
}

TEST_F(CanvasTest, NamesAFileThatIsNoImage) {
  std::ofstream(folder_ / "notes.txt") << "no image";
  EXPECT_THAT([&] { read_image_input(folder_ / "notes.txt"); },
              ThrowsMessage<BadData>(
                  AllOf(HasSubstr("notes.txt"), HasSubstr("a whole JPEG or PNG is needed"))));
  EXPECT_THAT([&] { read_image_input(folder_ / "none.png"); },
              ThrowsMessage<std::system_error>(HasSubstr("none.png")));
}

}  // namespace
}  // namespace oar
