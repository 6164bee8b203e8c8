#include "models/weights/tensor_file.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <fstream>
#include <random>

#include "tests/models/weights/expect_bad_weights.h"

namespace oar {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

TensorMap read(const std::string& file, const ReadOptions& options = {}) {
  return read_tensors(as_bytes(file), "file", options);
}

// The same two tensors in each format: "conv.weight" float [2, 2] and "conv.steps" int64 scalar.
std::string example_program(bool old_container) {
  using namespace pickle;
  return program(dict(text("conv.weight"),
                      tensor(storage("FloatStorage", "7", 4, old_container), 0, {2, 2}, {2, 1}),
                      text("conv.steps"),
                      tensor(storage("LongStorage", "8", 1, old_container), 0, {}, {})));
}
const std::string kWeight = raw<float>({1.0f, 2.5f, -3.0f, 4.0f});
const std::string kSteps = raw<int64_t>({123456789012});

std::string example_zip(bool zip64 = false) {
  return torch_zip(example_program(false), {{"7", kWeight}, {"8", kSteps}}, zip64);
}
std::string example_stream() {
  return torch_stream(example_program(true), {{"7", 4, kWeight}, {"8", 1, kSteps}});
}
std::string example_safetensors() {
  return safetensors(R"({"conv.steps":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                     R"("conv.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]}})",
                     kSteps + kWeight);
}

class EveryFormat : public testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(EveryFormat, GivesTheSameTensors) {
  const TensorMap tensors = read(GetParam().second);
  ASSERT_EQ(tensors.size(), 2);
  const auto weight = tensors.at("conv.weight");
  EXPECT_EQ(weight.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(weight, at::tensor({1.0f, 2.5f, -3.0f, 4.0f}).reshape({2, 2})));
  EXPECT_EQ(tensors.at("conv.steps").dim(), 0);
  EXPECT_EQ(tensors.at("conv.steps").item<int64_t>(), 123456789012);
}

TEST_P(EveryFormat, IsRefusedWhereverItIsCutOff) {
  const std::string& file = GetParam().second;
  for (size_t size = 0; size < file.size(); ++size) {
    SCOPED_TRACE(size);
    EXPECT_THROW(read(file.substr(0, size)), BadWeights);
  }
}

// Whatever the bytes say, the answer is tensors or BadWeights: no other exception, no crash. The
// sum reads every element, so that an address checker would see one outside its storage.
TEST_P(EveryFormat, SurvivesDamageAnywhere) {
  std::mt19937 random(20250417);
  for (int round = 0; round < 4000; ++round) {
    std::string file = GetParam().second;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
      file[random() % file.size()] ^= static_cast<char>(1 << random() % 8);
    }
    SCOPED_TRACE(round);
    try {
      for (const auto& [name, tensor] : read(file)) tensor.sum();
    } catch (const BadWeights&) {
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Weights, EveryFormat,
                         testing::Values(std::pair{"safetensors", example_safetensors()},
                                         std::pair{"zip", example_zip()},
                                         std::pair{"zip64", example_zip(true)},
                                         std::pair{"stream", example_stream()}),
                         [](const auto& info) { return info.param.first; });

// The checksums of a zip catch damage before the pickle is run; here they are made anew.
TEST(TorchZip, SurvivesADamagedPickleWithTheRightChecksum) {
  std::mt19937 random(57934424);
  for (int round = 0; round < 8000; ++round) {
    std::string program = example_program(false);
    for (int flips = 1 + static_cast<int>(random() % 2); flips > 0; --flips) {
      program[random() % program.size()] = static_cast<char>(random());
    }
    SCOPED_TRACE(round);
    const ReadOptions options{.skip_unknown_objects = round % 2 == 0};
    try {
      for (const auto& [name, tensor] :
           read(torch_zip(program, {{"7", kWeight}, {"8", kSteps}}), options)) {
        tensor.sum();
      }
    } catch (const BadWeights&) {
    }
  }
}

TEST(TorchZip, RefusesAStorageWhoseChecksumIsWrong) {
  std::string file = example_zip();
  file[file.find(kWeight)] ^= 1;
  EXPECT_THAT(refusal(file), AllOf(HasSubstr("archive/data/7"), HasSubstr("checksum")));
}

TEST(TorchZip, RefusesCompressedEntriesByName) {
  EXPECT_THAT(refusal(zip({{"a/data.pkl", "..."}}, false, /*method=*/8)),
              AllOf(HasSubstr("\"a/data.pkl\""), HasSubstr("method 8"), HasSubstr("stored")));
}

TEST(TorchZip, RefusesAnArchiveOfSomethingElse) {
  EXPECT_THAT(refusal(zip({{"word/document.xml", "<xml/>"}})), HasSubstr("without data.pkl"));
}

TEST(TorchZip, RefusesTwoEntriesOfOneName) {
  EXPECT_THAT(refusal(zip({{"a/data.pkl", "."}, {"a/data.pkl", "."}})),
              HasSubstr("a second entry \"a/data.pkl\""));
}

TEST(TorchZip, RefusesBigEndianData) {
  EXPECT_THAT(refusal(zip({{"a/data.pkl", "."}, {"a/byteorder", "big"}})), HasSubstr("\"big\""));
}

TEST(TorchZip, NamesTheStorageThatIsNotThere) {
  EXPECT_THAT(refusal(torch_zip(example_program(false), {{"7", kWeight}})),
              HasSubstr("storage \"8\" is not in the archive"));
}

TEST(TorchStream, ReadsViewsOfStoragesAsTheOldestTorchWroteThem) {
  using namespace pickle;
  const std::string view = "(" + text("storage") + global("torch", "IntStorage") + text("0") +
                           text("cpu") + integer(5) + tuple(text("v"), integer(2), integer(3)) +
                           "tQ";
  const std::string body = call(global("torch._utils", "_rebuild_tensor"),
                                tuple(view, integer(1), integers({2}), integers({1})));
  const auto file =
      torch_stream(program(dict(text("a"), body)), {{"0", 5, raw<int32_t>({10, 11, 12, 13, 14})}});
  EXPECT_TRUE(at::equal(read(file).at("a"), at::tensor({13, 14}, at::kInt)));
}

TEST(TorchStream, RefusesBigEndianData) {
  std::string file = example_stream();
  file[file.find("little_endian") + 13] = '\x89';  // False instead of True
  EXPECT_THAT(refusal(file), HasSubstr("big-endian"));
}

TEST(ReadTensors, KeepsStridesOffsetsAndSharedStorages) {
  using namespace pickle;
  const std::string shared = storage("ShortStorage", "0", 6) + put(1);
  const auto file = torch_zip(
      program(dict(text("transposed"), tensor(shared, 0, {3, 2}, {1, 3}), text("tail"),
                   tensor(get(1), 4, {2}, {1}), text("spread"), tensor(get(1), 5, {2, 2}, {0, 0}))),
      {{"0", raw<int16_t>({0, 1, 2, 3, 4, 5})}});
  const auto tensors = read(file);
  EXPECT_TRUE(at::equal(tensors.at("transposed"),
                        at::arange(6, at::kShort).reshape({2, 3}).transpose(0, 1)));
  EXPECT_TRUE(at::equal(tensors.at("tail"), at::tensor({4, 5}, at::kShort)));
  EXPECT_TRUE(at::equal(tensors.at("spread"), at::tensor({5, 5, 5, 5}, at::kShort).view({2, 2})));
  tensors.at("tail").fill_(9);  // one storage: the others see it
  EXPECT_EQ(tensors.at("transposed")[2][1].item<int>(), 9);
}

TEST(ReadTensors, JoinsNestedContainersWithDots) {
  using namespace pickle;
  const auto leaf = [](int offset) {
    return tensor(storage("ByteStorage", "0", 3), offset, {1}, {1});
  };
  const auto file = torch_zip(
      program(dict(text("state"), dict(integer(12), dict(text("exp_avg"), leaf(0))),  //
                   text("list"), list(none(), leaf(1)),                               //
                   text("pair"), tuple(leaf(2), text("a word")), text("epoch"), integer(4))),
      {{"0", raw<uint8_t>({1, 2, 3})}});
  const auto tensors = read(file);
  ASSERT_EQ(tensors.size(), 3);
  EXPECT_EQ(tensors.at("state.12.exp_avg").item<int>(), 1);
  EXPECT_EQ(tensors.at("list.1").item<int>(), 2);
  EXPECT_EQ(tensors.at("pair.0").item<int>(), 3);
}

TEST(ReadTensors, ReadsOnlyTheStateDictOfACheckpoint) {
  using namespace pickle;
  const std::string inner = ordered_dict() + "(" + text("w") +
                            tensor(storage("ByteStorage", "0", 1), 0, {1}, {1}) + "u" +
                            dict(text("_metadata"), ordered_dict()) + "b";
  const auto file = torch_zip(
      program(dict(text("state_dict"), inner, text("optimizer"),
                   dict(text("m"), tensor(storage("ByteStorage", "gone", 1), 0, {1}, {1})))),
      {{"0", "\x05"}});
  const auto tensors = read(file);  // the optimizer's storage is not even looked for
  ASSERT_EQ(tensors.size(), 1);
  EXPECT_EQ(tensors.at("w").item<int>(), 5);
}

TEST(ReadTensors, TakesParametersAndSizesForWhatTheyHold) {
  using namespace pickle;
  const std::string inner = tensor(storage("HalfStorage", "0", 2), 0, {2}, {1});
  const std::string parameter =
      call(global("torch._utils", "_rebuild_parameter"), tuple(inner, "\x88", ordered_dict()));
  const std::string size = call(global("torch", "Size"), tuple(integers({2})));
  const std::string device = call(global("torch", "device"), tuple(text("cuda:0")));
  const auto file =
      torch_zip(program(dict(text("p"), parameter, text("s"), size, text("d"), device,  //
                             text("t"), global("torch", "float32"))),
                {{"0", std::string("\x00\x3c\x00\xc0", 4)}});  // 1 and -2 in half precision
  const auto tensors = read(file);
  ASSERT_EQ(tensors.size(), 1);
  EXPECT_TRUE(at::equal(tensors.at("p"), at::tensor({1.0f, -2.0f}).to(at::kHalf)));
}

TEST(ReadTensors, ReadsOtherPickleProtocols) {
  const std::string zero =  // protocol 0: every number and name a line of text
      "(dp0\nVw\np1\nctorch._utils\n_rebuild_tensor\np2\n"
      "((S'storage'\nctorch\nLongStorage\nS'0'\nS'cpu'\nL2L\ntQI0\n(I2\nt(I1\nttRp3\ns.";
  const std::string name_in_stack = "\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93";
  const std::string four = std::string("\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94\x8c\x01w\x94", 17) +
                           name_in_stack + "(" + pickle::storage("LongStorage", "0", 2) + "K" +
                           std::string(1, '\0') + "K\x02\x85K\x01\x85\x89}t\x94Rs.";
  for (const std::string& program : {zero, four}) {
    const auto tensors = read(torch_zip(program, {{"0", raw<int64_t>({-5, 6})}}));
    EXPECT_TRUE(at::equal(tensors.at("w"), at::tensor({-5, 6}, at::kLong)));
  }
}

TEST(ReadTensors, SaysWhatAFileThatIsNoWeightsStartsWith) {
  EXPECT_THAT(refusal("<!DOCTYPE html>"),
              AllOf(StartsWith("file: 15 bytes"), HasSubstr("<!DOCTYPE"), HasSubstr("torch.save")));
  EXPECT_THAT(refusal(""), HasSubstr("0 bytes"));
  EXPECT_THAT(refusal(pickle::program("}")), HasSubstr("a pickle, but not one of torch.save"));
}

TEST(ReadTensors, NamesAFileThatCannotBeRead) {
  try {
    read_tensors(std::filesystem::path("no/such/weights.pth"));
    FAIL() << "read a file that is not there";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
    EXPECT_THAT(error.what(), HasSubstr("no/such/weights.pth"));
  }
}

TEST(ReadTensors, ReadsFromAPathWhateverItsNameEndsIn) {
  const TemporaryFolder folder;
  const auto path = folder / "weights.dat";
  std::ofstream(path, std::ios::binary) << example_stream();
  EXPECT_EQ(read_tensors(path).size(), 2);
}

}  // namespace
}  // namespace oar
