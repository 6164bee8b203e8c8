#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/models/weights/expect_bad_weights.h"

namespace oar {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A header of one tensor "w".
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

TEST(Safetensors, EveryElementTypeComesBackAsItWas) {
  const TemporaryFolder folder;
  TensorMap tensors;
  for (const auto type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt,
                          at::kShort, at::kChar, at::kByte, at::kBool}) {
    tensors[c10::toString(type)] = at::tensor({0, 1, 1, 0, 1, 0}).to(type).reshape({2, 3});
  }
  tensors["strided"] = at::tensor({1, 2, 3, 4, 5, 6}).reshape({2, 3}).t();
  tensors["scalar"] = at::tensor(-1.5);
  tensors["empty"] = at::empty({0, 5});
  write_safetensors(folder / "all.safetensors", tensors);
  const TensorMap back = read_tensors(folder / "all.safetensors");
  ASSERT_EQ(back.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(back.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(back.at(name), tensor)) << name;
  }
}

TEST(Safetensors, FilesAreTheBytesThatTheFormatSays) {
  const TemporaryFolder folder;
  const TensorMap tensors = {{"b", at::tensor({7, 8}, at::kByte)},
                             {"f", at::tensor({1.0f})},
                             {"a", at::tensor({9}, at::kByte)}};
  write_safetensors(folder / "x", tensors, {{"step", "12"}});
  const std::string header =  // wider elements first, then by name; padded to eight bytes
      R"({"__metadata__":{"step":"12"},)"
      R"("f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("a":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},)"
      R"("b":{"dtype":"U8","shape":[2],"data_offsets":[5,7]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(content(folder / "x"), safetensors(padded, raw<float>({1.0f}) + "\x09\x07\x08"));
}

TEST(Safetensors, MetadataComesBack) {
  const TemporaryFolder folder;
  const std::map<std::string, std::string> metadata = {{"config", "{\"ch\": 32}"}, {"ε", "λ"}};
  write_safetensors(folder / "x", {}, metadata);
  EXPECT_EQ(read_safetensors_metadata(folder / "x"), metadata);
  EXPECT_TRUE(read_tensors(folder / "x").empty());
}

TEST(Safetensors, RefusesToWriteWhatTheFormatCannotHold) {
  const TemporaryFolder folder;
  const auto message = [&](const TensorMap& tensors) -> std::string {
    try {
      write_safetensors(folder / "x", tensors);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "written";
  };
  EXPECT_THAT(message({{"c", at::empty({1}, at::kComplexFloat)}}),
              AllOf(HasSubstr("\"c\""), HasSubstr("ComplexFloat"), HasSubstr("BF16")));
  EXPECT_THAT(message({{"u", torch::Tensor()}}), HasSubstr("\"u\" has no value"));
  EXPECT_THAT(message({{"__metadata__", at::empty({1})}}), HasSubstr("__metadata__"));
  EXPECT_THAT(message({{"\xff", at::empty({1})}}), HasSubstr("UTF-8"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, HeadersThatLieAreRefused) {
  const std::string four(4, '\0');
  struct Case {
    std::string header, data, says;
  };
  for (const Case& bad : std::vector<Case>{
           {one("F32", "[1]", "[0,4]"), four + "x", "end at 4, but the file has 5"},
           {one("F32", "[1]", "[1,5]"), four + "x", "without overlap or hole"},
           {one("F32", "[2]", "[0,8]"), four, "truncated"},
           {one("F32", "[2]", "[0,4]"), four, "needs 8 bytes"},
           {one("F32", "[1]", "[4,0]"), four, "begin <= end"},
           {one("F32", "[1]", "[0]"), four, "begin <= end"},
           {one("F32", "[-1]", "[0,4]"), four, "\"-1\" among its shape"},
           {one("F32", "[1.0]", "[0,4]"), four, "among its shape"},
           {one("F32", "[18446744073709551615]", "[0,4]"), four, "2^63 - 1"},
           {one("F32", "[4294967296,4294967296]", "[0,4]"), four, "any file"},
           {one("F32", "[0,4294967296,4294967296]", "[0,0]"), "", "any file"},
           {one("F8_E4M3", "[4]", "[0,4]"), four, "dtype \"F8_E4M3\"; accepted are I64"},
           {R"({"w":{"dtype":"F32","shape":[1]}})", four, "no data_offsets"},
           {R"({"w":7})", four, "no dtype"},
           {R"({"__metadata__":{"step":1}})", "", "__metadata__ \"step\" is not text"},
           {R"({"__metadata__":[]})", "", "__metadata__ is not an object"},
           {R"({"w":{"dtype":"U8","shape":[[[1]]],"data_offsets":[0,4]}})", four, "nested deeper"},
           {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
            R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
            four, "tensor \"b\""},
           {R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
            R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
            four, "names \"a\" twice"},
           {R"({"w":{"dtype":"U8","dtype":"I8","shape":[4],"data_offsets":[0,4]}})", four,
            "names \"dtype\" twice"},
           {"{\"w\":", "", "not JSON"},
           {"{}}", "", "not JSON"}}) {
    EXPECT_THAT(refusal(safetensors(bad.header, bad.data)),
                AllOf(HasSubstr("file: "), HasSubstr(bad.says)))
        << bad.header;
  }
}

TEST(Safetensors, MessagesQuoteADamagedHeaderSafelyAndShortly) {
  const std::string message =
      refusal(safetensors("{\"a\":\"\x1b[31m" + std::string(10'000, 'x'), ""));
  EXPECT_THAT(message, AllOf(HasSubstr("not JSON"), Not(HasSubstr("\x1b"))));
  EXPECT_LT(message.size(), 300u);
}

TEST(Safetensors, AHeaderLongerThanTheFormatAllowsIsNotRead) {
  EXPECT_THAT(refusal(little(100'000'001, 8) + "{"), HasSubstr("at most 100000000"));
  EXPECT_THAT(refusal(little(~0ull, 8) + "{"), HasSubstr("at most 100000000"));
}

}  // namespace
}  // namespace oar
