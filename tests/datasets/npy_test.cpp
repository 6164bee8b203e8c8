#include "datasets/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <system_error>

#include "datasets/image_file.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

torch::Tensor five_rows() { return torch::arange(15, torch::kFloat32).view({5, 3}) / 8; }

fs::path write_five_rows(const TestFolder& folder) {
  const fs::path path = folder.path() / "rows.npy";
  NpyMatrixWriter writer(path, 5, 3);
  writer.write(0, five_rows());
  writer.finish();
  return path;
}

std::string refusal(const fs::path& path) {
  return message_of<BadData>([&] { NpyMatrix matrix(path); });
}

TEST(NpyMatrix, RowsComeBackHoweverTheyWereWritten) {
  const TestFolder folder;
  const fs::path path = folder.path() / "rows.npy";
  NpyMatrixWriter writer(path, 5, 3);
  writer.write(3, five_rows().slice(0, 3, 5));
  writer.write(0, five_rows().slice(0, 0, 1));
  writer.write(2, five_rows().slice(0, 2, 2));  // none
  writer.write(1, five_rows().slice(0, 1, 3));
  EXPECT_FALSE(fs::exists(path));
  writer.finish();
  const NpyMatrix matrix(path);
  EXPECT_EQ(matrix.count(), 5);
  EXPECT_EQ(matrix.dim(), 3);
  EXPECT_TRUE(torch::equal(matrix.rows(0, 5), five_rows()));
  EXPECT_TRUE(torch::equal(matrix.rows(2, 4), five_rows().slice(0, 2, 4)));
  EXPECT_EQ(matrix.rows(5, 5).size(0), 0);
}

TEST(NpyMatrix, RowsByNumberComeInTheOrderAsked) {  // neighbours, jumps back, one twice
  const TestFolder folder;
  const NpyMatrix matrix(write_five_rows(folder));
  const torch::Tensor numbers = torch::tensor({1, 2, 3, 0, 4, 4, 2}, torch::kInt64);
  EXPECT_TRUE(torch::equal(matrix.rows(numbers), five_rows().index_select(0, numbers)));
  EXPECT_EQ(matrix.rows(torch::empty({0}, torch::kInt64)).size(0), 0);
}

TEST(NpyMatrix, RowsThatAreNotThereAreOurMistake) {
  const TestFolder folder;
  const NpyMatrix matrix(write_five_rows(folder));
  EXPECT_THROW(matrix.rows(4, 6), c10::Error);
  EXPECT_THROW(matrix.rows(-1, 2), c10::Error);
  EXPECT_THROW(matrix.rows(torch::tensor({5}, torch::kInt64)), c10::Error);
  EXPECT_THROW(matrix.rows(torch::tensor({-1}, torch::kInt64)), c10::Error);
}

TEST(NpyMatrixWriter, WritesTheBytesOfNumpy) {  // numpy.save(path, numpy.float32([[1, 2]]))
  const TestFolder folder;
  NpyMatrixWriter writer(folder.path() / "a.npy", 1, 2);
  writer.write(0, torch::tensor({{1.0F, 2.0F}}));
  writer.finish();
  const Bytes bytes = read_bytes(folder.path() / "a.npy");
  std::string expected = std::string("\x93NUMPY\1\0\x76\0", 10) +
                         "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
  expected.resize(127, ' ');
  expected += std::string("\n\0\0\x80\x3F\0\0\0\x40", 9);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), expected);
}

TEST(NpyMatrixWriter, LeavesNothingBehindUnlessItIsFinished) {
  const TestFolder folder;
  { NpyMatrixWriter(folder.path() / "a.npy", 5, 3).write(0, five_rows()); }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(NpyMatrixWriter, EveryRowIsWrittenOnce) {
  const TestFolder folder;
  NpyMatrixWriter writer(folder.path() / "a.npy", 5, 3);
  writer.write(0, five_rows().slice(0, 0, 3));
  const auto mistake = [](const auto& act) { return message_of<c10::Error>(act); };
  EXPECT_THAT(mistake([&] { writer.finish(); }), HasSubstr("row 3 of 5 was never written"));
  EXPECT_THAT(mistake([&] { writer.write(2, five_rows().slice(0, 0, 1)); }),
              HasSubstr("row 2 is written twice"));
  EXPECT_THAT(mistake([&] { writer.write(3, five_rows().slice(0, 0, 3)); }), HasSubstr("of 5"));
  EXPECT_THAT(mistake([&] { writer.write(3, torch::zeros({1, 4})); }), HasSubstr("float32 [n, 3]"));
}

TEST(NpyMatrixWriter, SaysWhereItCannotWrite) {
  EXPECT_THAT(message_of<std::system_error>([] { NpyMatrixWriter("/none/a.npy", 1, 1); }),
              HasSubstr("cannot create \"/none/a.npy\": No such file or directory"));
}

TEST(NpyMatrix, RefusesAFileWhoseSizeIsNotThatOfItsShape) {
  const TestFolder folder;
  const fs::path path = write_five_rows(folder);
  const auto whole = fs::file_size(path);
  for (const int64_t change : {-1, 1}) {
    fs::resize_file(path, whole + change);
    EXPECT_THAT(refusal(path),
                HasSubstr(" bytes, but an array <f4 [5, 3] takes 188; it is cut off"));
  }
}

TEST(NpyMatrix, SaysWhenItIsCutWhileInUse) {
  const TestFolder folder;
  const fs::path path = write_five_rows(folder);
  const NpyMatrix matrix(path);
  fs::resize_file(path, 150);
  EXPECT_THAT(message_of<BadData>([&] { matrix.rows(0, 5); }),
              HasSubstr("has been cut since it was opened"));
}

TEST(NpyMatrix, RefusesWhatIsNoMatrixOfFloat32) {
  const TestFolder folder;
  const auto write = [&](const std::vector<std::byte>& header, size_t data) {
    Bytes bytes = header;
    bytes.resize(bytes.size() + data);
    folder.write("a.npy", bytes);
    return refusal(folder.path() / "a.npy");
  };
  EXPECT_THAT(write(make_npy_header(torch::kFloat64, {2, 2}), 32),
              HasSubstr("an array <f8 [2, 2]; a matrix <f4 [rows, cols] in C order is needed"));
  EXPECT_THAT(write(make_npy_header(torch::kFloat32, {4}), 16), HasSubstr("an array <f4 [4]; "));
  EXPECT_THAT(write(Bytes(200), 0), HasSubstr("it does not start as a .npy file does"));
  EXPECT_THAT(message_of<std::system_error>([] { NpyMatrix("/none/a.npy"); }),
              HasSubstr("cannot open \"/none/a.npy\""));
}

}  // namespace
}  // namespace oar
