// What counts as the same image.
#include "harness/data/image_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string_view>

#include "datasets/image_file.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::HasSubstr;

class Contents : public ::testing::Test {
 protected:
  void write(const std::string& file, const Bytes& bytes) {
    folder_.write(file, bytes);
    index_.images.push_back({file, "", 0, 0, ""});
  }

  ImageContents read(int64_t threads = 2, const ScanProgress& progress = {}) const {
    DatasetConfig config;
    config.name = "image_folder";
    config.root = folder_.path();
    return read_contents(config, index_, threads, progress);
  }

  std::string text_of(size_t image) const { return hex_text(read().hashes.at(image).value()); }

  TestFolder folder_;
  DatasetIndex index_;
};

TEST_F(Contents, AreTheSizeAndTheRgbPixelsRowByRow) {
  // Python: rgb = bytes(v for _ in range(9) for _ in range(16) for v in (255, 128, 1))
  //         sha256(b"16x9 " + sha256(rgb).hexdigest().encode()).hexdigest()
  write("a.png", encode(cv::Mat(9, 16, CV_8UC3, cv::Scalar(1, 128, 255)), ".png"));
  EXPECT_EQ(text_of(0), "403f8c3359c9c5b697d0c2f5a421ef9a3c225479d67e1d6acde35657c5e9ce60");
}

TEST_F(Contents, AreThoseOfAJpegAndOfAPngMadeOfIt) {
  const Bytes jpeg = encode(make_picture(40, 24), ".jpg");
  const cv::Mat decoded = cv::imdecode(
      cv::Mat(1, static_cast<int>(jpeg.size()), CV_8U, const_cast<std::byte*>(jpeg.data())),
      cv::IMREAD_COLOR);
  write("a.jpg", jpeg);
  write("b.png", encode(decoded, ".png"));
  Bytes with_comment = jpeg;  // 0xFFFE, its length and 4 letters, after the marker that begins it
  for (const char c : std::string_view("\xFF\xFE\x00\x06note", 8)) {
    with_comment.insert(with_comment.begin() + 2 + (std::ssize(with_comment) - std::ssize(jpeg)),
                        std::byte(c));
  }
  write("c.jpg", with_comment);
  write("d.jpg", encode(decoded, ".jpg"));  // lossy once more
  const ImageContents contents = read();
  EXPECT_EQ(contents.hashes[0], contents.hashes[1]);
  EXPECT_EQ(contents.hashes[0], contents.hashes[2]);
  EXPECT_NE(contents.hashes[0], contents.hashes[3]);
}

TEST_F(Contents, OfEqualBytesInAnotherShapeDiffer) {
  write("a.png", encode(cv::Mat(8, 16, CV_8UC3, cv::Scalar(1, 2, 3)), ".png"));
  write("b.png", encode(cv::Mat(16, 8, CV_8UC3, cv::Scalar(1, 2, 3)), ".png"));
  const ImageContents contents = read();
  EXPECT_NE(contents.hashes[0], contents.hashes[1]);
}

TEST_F(Contents, OfATransparentImageAreWhatLiesOverWhite) {
  const cv::Mat clear(9, 16, CV_8UC4, cv::Scalar(1, 2, 3, 0));
  write("clear.png", encode(clear, ".png"));
  write("white.png", encode(cv::Mat(9, 16, CV_8UC3, cv::Scalar(255, 255, 255)), ".png"));
  write("grey.png", encode(cv::Mat(9, 16, CV_8UC1, cv::Scalar(255)), ".png"));
  const ImageContents contents = read();
  EXPECT_EQ(contents.hashes[0], contents.hashes[1]);
  EXPECT_EQ(contents.hashes[1], contents.hashes[2]) << "grey is three equal channels";
}

TEST_F(Contents, AreTheSameForAnyNumberOfThreads) {
  for (int i = 0; i < 9; ++i) {
    write(std::to_string(i) + ".png", encode(make_picture(20, 16, i), ".png"));
  }
  EXPECT_EQ(read(1).hashes, read(4).hashes);
}

TEST_F(Contents, OfAFileThatVanishedAreNone) {
  write("a.png", encode(make_picture(20, 16), ".png"));
  index_.images.push_back({"gone.png", "", 0, 0, ""});
  const ImageContents contents = read();
  EXPECT_TRUE(contents.hashes[0]);
  EXPECT_FALSE(contents.hashes[1]);
  ASSERT_EQ(contents.broken.size(), 1U);
  EXPECT_EQ(contents.broken[0].file, "gone.png");
  EXPECT_THAT(contents.broken[0].reason, HasSubstr("No such file"));
}

TEST_F(Contents, EndWhereProgressThrows) {
  for (int i = 0; i < 50; ++i) {
    write(std::to_string(i) + ".png", encode(make_picture(20, 16, i), ".png"));
  }
  int64_t calls = 0;
  const auto stop = [&](int64_t, int64_t) {
    ++calls;
    throw std::runtime_error("enough");
  };
  EXPECT_THROW(read(2, stop), std::runtime_error);
  EXPECT_LE(calls, 2) << "one for each thread";
}

}  // namespace
}  // namespace oar
