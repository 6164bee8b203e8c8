#include "datasets/npy_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

NpyHeader parse(const std::string& bytes) {
  const auto data = std::as_bytes(std::span(bytes));
  const auto source = [rest = data](std::span<std::byte> out) mutable {
    const size_t count = std::min(out.size(), rest.size());
    std::copy_n(rest.begin(), count, out.begin());
    rest = rest.subspan(count);
    return count;
  };
  return read_npy_header(source, "file");
}

/// The header of a file whose dictionary is this.
std::string with_text(const std::string& text, char version = 1) {
  std::string bytes = std::string("\x93NUMPY") + version + '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    bytes += static_cast<char>(text.size() >> (8 * i) & 255);
  }
  return bytes + text;
}

NpyHeader of_shape(const std::string& shape) {
  return parse(with_text("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }"));
}

std::string refusal(const std::string& text) {
  return message_of<BadData>([&] { parse(with_text(text)); });
}

TEST(NpyHeader, ReadsTypeOrderAndShapeOfEveryVersion) {
  for (const char version : {1, 2, 3}) {
    const NpyHeader header = parse(with_text(
        "{'descr': '<i8', 'fortran_order': True, 'shape': (3, 0, 7), }          \n", version));
    EXPECT_EQ(header.text(), "<i8 [3, 0, 7]");
    EXPECT_TRUE(header.fortran_order);
    EXPECT_EQ(header.size, (version == 1 ? 10 : 12) + 72);
    EXPECT_EQ(header.dtype(""), torch::kInt64);
    EXPECT_EQ(header.data_bytes(""), 0);
  }
}

TEST(NpyHeader, ReadsWhatOtherProgramsWrite) {  // keys in any order, double quotes, no blanks
  EXPECT_EQ(parse(with_text(R"({"shape":(2,),"descr":"|u1","fortran_order":False})")).text(),
            "|u1 [2]");
  EXPECT_THAT(of_shape("()").shape, IsEmpty());
  EXPECT_THAT(of_shape("(5)").shape, ElementsAre(5));
}

TEST(NpyHeader, WhatItWritesIsAlignedAndReadBack) {
  for (const auto& shape : {std::vector<int64_t>{}, {5}, {123456789, 2048}, {2, 3, 4, 5}}) {
    const std::vector<std::byte> bytes = make_npy_header(torch::kFloat32, shape);
    EXPECT_EQ(bytes.size() % 64, 0u);
    const NpyHeader header = parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    EXPECT_EQ(header.shape, shape);
    EXPECT_EQ(header.size, std::ssize(bytes));
    EXPECT_EQ(header.dtype(""), torch::kFloat32);
  }
}

TEST(NpyHeader, RefusesTypesByName) {
  const auto refused = [](const std::string& descr) {
    return message_of<BadData>([&] { NpyHeader{descr, false, {}, 0}.dtype("file"); });
  };
  EXPECT_EQ(refused(">f4"),
            "file: type >f4 is big-endian; store it little-endian; known: <f4, <f8, |u1, <i4, <i8");
  EXPECT_THAT(refused("|O"),
              HasSubstr("holds Python objects, which are pickled: loading them would "
                        "run code"));
  EXPECT_THAT(refused("<c8"), HasSubstr("type <c8 is not read"));
  EXPECT_THAT(refusal("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"),
              HasSubstr("its elements are records of several types"));
}

TEST(NpyHeader, RefusesShapesLargerThanAnyArray) {
  for (const char* shape : {"(9223372036854775807,)", "(99999999999999999999999999,)",
                            "(4294967296, 4294967296)", "(0, 4294967296, 4294967296)"}) {
    EXPECT_EQ(message_of<BadData>([&] { of_shape(shape); }),
              "file: broken .npy header: its shape is larger than any array")
        << shape;
  }
  std::string many = "(";
  for (int i = 0; i < 65; ++i) many += "1,";
  EXPECT_THAT(message_of<BadData>([&] { of_shape(many + ")"); }), HasSubstr("larger than any"));
}

TEST(NpyHeader, RefusesWhatIsNoHeader) {
  EXPECT_EQ(message_of<BadData>([] { parse("PK\3\4 and so on"); }),
            "file: it does not start as a .npy file does");
  EXPECT_EQ(message_of<BadData>([] { parse("\x93NUM"); }), "file: it ends within its .npy header");
  EXPECT_EQ(message_of<BadData>([] { parse(with_text("{}", 4)); }),
            "file: version 4 of the .npy format; 1 to 3 are read");
  EXPECT_EQ(message_of<BadData>([] { parse(with_text("{}").substr(0, 11)); }),
            "file: it ends within its .npy header");
  EXPECT_EQ(message_of<BadData>([] { parse(with_text(std::string(70'000, ' '), 2)); }),
            "file: broken .npy header: 70000 bytes long; at most 65536 are read");
}

TEST(NpyHeader, RefusesABrokenDictionary) {
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "no { where one should be"},
           {"{}", "descr, fortran_order and shape are needed"},
           {"{'descr': '<f4'", "no } where one should be"},
           {"{'descr': '<f4", "a quote is not closed"},
           {"{descr: '<f4'}", "no ' where one should be"},
           {"{'descr': '<f4', 'descr': '<f4'}", "a key comes twice"},
           {"{'type': '<f4'}", "an unknown key"},
           {"{'fortran_order': 1}", "no False where one should be"},
           {"{'shape': 3}", "no ( where one should be"},
           {"{'shape': (-3,)}", "no whole number where a dimension should be"},
           {"{'shape': ((((((3", "no whole number where a dimension should be"},
           {"{'shape': (3 4)}", "no ) where one should be"},
           {"{'descr':'<f4','fortran_order':False,'shape':()} + 1",
            "there is more text after the dictionary"}}) {
    EXPECT_EQ(refusal(text), "file: broken .npy header: " + why) << text;
  }
}

}  // namespace
}  // namespace oar
