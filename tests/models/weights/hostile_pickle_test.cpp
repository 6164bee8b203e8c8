// Pickles that were not written to be read: those that would run code in Python, and those whose
// numbers lie.

#include <filesystem>

#include "tests/models/weights/expect_bad_weights.h"

namespace oar {
namespace {

using namespace pickle;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kFour = raw<float>({1, 2, 3, 4});

std::string with_tensor(const std::string& tensor_body) {
  return torch_zip(program(dict(text("w"), tensor_body)), {{"0", kFour}});
}
std::string float_tensor(int64_t offset, const std::vector<int64_t>& sizes,
                         const std::vector<int64_t>& strides) {
  return tensor(storage("FloatStorage", "0", 4), offset, sizes, strides);
}
std::string good_tensor() { return float_tensor(0, {4}, {1}); }

TEST(HostilePickle, OfOsSystemIsRefusedByNameAndNothingHappens) {
  const TemporaryFolder folder;
  const auto witness = folder / "witness";
  const std::string body =
      call(global("posix", "system"), tuple(text("touch " + witness.string())));
  for (const bool skip : {false, true}) {
    const ReadOptions options{.skip_unknown_objects = skip};
    EXPECT_THAT(refusal(torch_zip(program(body), {}), options), HasSubstr("posix.system"));
    EXPECT_THAT(refusal(torch_stream(program(body), {}), options), HasSubstr("posix.system"));
    EXPECT_THAT(refusal(with_tensor(body), options), HasSubstr("posix.system"));
    // The old container is a row of pickles: the first of them may not run anything either.
    EXPECT_THAT(refusal(program(body), options), HasSubstr("posix.system"));
  }
  EXPECT_FALSE(std::filesystem::exists(witness));
}

TEST(HostilePickle, IsRefusedByTheNameOfItsGlobal) {
  for (const auto& [module, name] :
       std::vector<std::pair<std::string, std::string>>{{"os", "system"},
                                                        {"builtins", "eval"},
                                                        {"__builtin__", "getattr"},
                                                        {"subprocess", "Popen"},
                                                        {"numpy.core.multiarray", "_reconstruct"},
                                                        {"torch.storage", "_load_from_bytes"},
                                                        {"torch", "load"},
                                                        {"torch.nn.modules.linear", "Linear"}}) {
    EXPECT_THAT(refusal(with_tensor(call(global(module, name), tuple()))),
                AllOf(HasSubstr("\"" + module + "." + name + "\""), HasSubstr("was not run")));
    const std::string in_stack = text(module) + text(name) + "\x93)R";  // STACK_GLOBAL
    EXPECT_THAT(refusal(with_tensor(in_stack)), HasSubstr("\"" + module + "." + name + "\""));
  }
}

TEST(HostilePickle, IsRefusedByTheNameOfItsOpcode) {
  const std::string dict_class = global("collections", "OrderedDict");
  for (const auto& [body, opcode] :
       std::vector<std::pair<std::string, std::string>>{{"(icollections\nOrderedDict\n", "INST"},
                                                        {"(" + dict_class + "o", "OBJ"},
                                                        {text("torch") + ")\x81", "NEWOBJ"},
                                                        {dict_class + ")}\x92", "NEWOBJ_EX"},
                                                        {"\x8f", "EMPTY_SET"},
                                                        {"(\x91", "FROZENSET"},
                                                        {"\x82\x01", "EXT1"},
                                                        {"\x97", "NEXT_BUFFER"},
                                                        {"P0\n", "PERSID"},
                                                        {"\xfe", "0xfe"},
                                                        {text("x") + "}b", "BUILD"}}) {
    EXPECT_THAT(refusal(with_tensor(body)),
                AllOf(HasSubstr("opcode " + opcode), HasSubstr("at byte")))
        << opcode;
  }
}

TEST(HostilePickle, CannotCallWhatIsNoFunction) {
  EXPECT_THAT(refusal(with_tensor(text("os.system") + ")R")), HasSubstr("REDUCE calls"));
  EXPECT_THAT(refusal(with_tensor(global("torch", "FloatStorage") + ")R")),
              HasSubstr("torch.FloatStorage"));
}

TEST(UnknownObjects, AreLeftOutOfACheckpointOnRequest) {
  const std::string object = global("argparse", "Namespace") + ")\x81" +
                             dict(text("lr"), integer(1), text("hidden"), good_tensor()) + "b";
  const std::string reduced = call(global("pathlib", "PosixPath"), tuple(text("runs")));
  const auto file =
      torch_zip(program(dict(text("hyper_parameters"), object, text("path"), reduced,  //
                             text("seen"), "\x8f(K\x01\x90", text("state_dict"),
                             dict(text("w"), good_tensor()))),
                {{"0", kFour}});
  EXPECT_THAT(refusal(file), HasSubstr("argparse.Namespace"));
  const auto tensors = read_tensors(as_bytes(file), "file", {.skip_unknown_objects = true});
  ASSERT_EQ(tensors.size(), 1);
  EXPECT_EQ(tensors.at("w").numel(), 4);
}

TEST(UnknownObjects, AreRefusedAmongTheTensorsAndAsTheWholeFile) {
  const std::string object = global("my.model", "Weights") + ")\x81";
  const ReadOptions skip{.skip_unknown_objects = true};
  EXPECT_THAT(refusal(torch_zip(program(object), {}), skip), HasSubstr("my.model.Weights"));
  EXPECT_THAT(
      refusal(torch_zip(program(dict(text("state_dict"), dict(text("layer"), object))), {}), skip),
      AllOf(HasSubstr("\"layer\""), HasSubstr("my.model.Weights")));
}

TEST(HostileTensor, IsNamedWhenItsViewLeavesTheStorage) {
  const int64_t huge = int64_t{1} << 62;
  struct Layout {
    int64_t offset;
    std::vector<int64_t> sizes, strides;
  };
  for (const Layout& layout :
       std::vector<Layout>{{1, {4}, {1}},              // one element too far
                           {-1, {2}, {1}},             // before the storage
                           {0, {-2}, {1}},             // negative size
                           {0, {2}, {-1}},             // negative stride
                           {0, {2, 2}, {1}},           // one stride too few
                           {0, {huge}, {1}},           // more than there is
                           {0, {huge, huge}, {0, 0}},  // overflows the number of elements
                           {0, {3}, {huge}},           // overflows the last position
                           {huge, {2}, {huge}},        // overflows the sum
                           {0, {1'000'000}, {0}},  // one element a million times, in a file of 1 kB
                           {0, {0, huge, huge}, {1, 1, 1}},  // empty, but overflows inside torch
                           {5, {0}, {1}},                    // empty, outside
                           {0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)}}) {
    EXPECT_THAT(refusal(with_tensor(float_tensor(layout.offset, layout.sizes, layout.strides))),
                HasSubstr("tensor \"w\""));
  }
}

TEST(HostileTensor, MayHaveWildStridesWhereTheyAreNeverUsed) {
  const int64_t huge = int64_t{1} << 62;
  const auto file = with_tensor(float_tensor(0, {1, 4}, {huge, 1}));
  EXPECT_EQ(read_tensors(as_bytes(file), "file").at("w").sum().item<float>(), 10.0f);
  const auto empty = with_tensor(float_tensor(4, {0, 1000}, {huge, huge}));
  EXPECT_EQ(read_tensors(as_bytes(empty), "file").at("w").size(1), 1000);
}

TEST(HostileStorage, WhoseCountIsNotItsSizeIsRefused) {
  for (const int64_t count : {-1l, 0l, 3l, 5l, 1l << 40, INT64_MAX}) {
    const std::string body = tensor(storage("FloatStorage", "0", count), 0, {0}, {1});
    EXPECT_THAT(refusal(with_tensor(body)), HasSubstr("storage \"0\"")) << count;
    const auto stream = torch_stream(
        program(dict(text("w"), tensor(storage("FloatStorage", "0", count, true), 0, {0}, {1}))),
        {{"0", count, count == 0 ? "" : kFour}});
    if (count > 4 || count < 0) {
      EXPECT_THAT(refusal(stream), HasSubstr("storage")) << count;
    }
  }
}

TEST(HostileStorage, OfTwoTypesIsRefused) {
  const auto file = torch_zip(program(dict(text("a"), good_tensor(), text("b"),
                                           tensor(storage("IntStorage", "0", 4), 0, {4}, {1}))),
                              {{"0", kFour}});
  EXPECT_THAT(refusal(file), AllOf(HasSubstr("\"b\""), HasSubstr("Int"), HasSubstr("Float")));
}

TEST(HostileStorage, OfBoolsThatAreNeitherTrueNorFalseIsRefused) {
  const auto file =
      torch_zip(program(dict(text("b"), tensor(storage("BoolStorage", "0", 2), 0, {2}, {1}))),
                {{"0", "\x01\x02"}});
  EXPECT_THAT(refusal(file), HasSubstr("a bool is 2"));
}

TEST(HostileStorage, WithANovelForAKeyIsRefused) {
  // Three bytes of pickle make a storage, with a copy of its key: one long key would fill memory.
  const std::string key(1000, '0');
  const std::string body = tensor(storage("FloatStorage", key, 4), 0, {4}, {1});
  EXPECT_THAT(refusal(with_tensor(body)), HasSubstr("a storage key of 1000 bytes"));
}

TEST(HostileStorage, InMillionsIsRefusedBeforeItFillsMemory) {
  // The key of 256 bytes is there once; three bytes each make a storage with a copy of it.
  const std::string id = "("s + text("storage") + global("torch", "FloatStorage") +
                         text(std::string(256, '0')) + text("cpu") + integer(4) + "t" + put(0);
  std::string body = id;
  for (int i = 0; i < 300'000; ++i) body += "Q" + get(0);
  EXPECT_THAT(refusal(torch_zip(program(body), {})), HasSubstr("more names than"));
}

TEST(HostileStorage, OverlappingEntriesDoNotMultiplyTheFile) {
  // Sixteen directory entries that all point at one kilobyte.
  std::vector<std::pair<std::string, std::string>> files;
  std::string body;
  const std::string kilobyte(4096, 'x');
  for (int i = 0; i < 16; ++i) {
    const std::string key = std::to_string(10 + i);
    body += text(key) + tensor(storage("ByteStorage", key, 4096), 0, {4096}, {1});
    files.emplace_back("a/data/" + key, i == 0 ? kilobyte : "");
  }
  files.emplace_back("a/data.pkl", program("}("s + body + "u"));
  std::string file = zip(files);
  // Give every later entry the place, size and checksum of the first.
  const size_t first = file.find("PK\x01\x02");
  for (size_t at = first; at != file.npos; at = file.find("PK\x01\x02", at + 4)) {
    if (file.compare(at + 46, 7, "a/data/") != 0) continue;
    file.replace(at + 16, 12, file.substr(first + 16, 12));
    file.replace(at + 42, 4, file.substr(first + 42, 4));
  }
  EXPECT_THAT(refusal(file), HasSubstr("larger than the file"));
}

TEST(HostileContainer, ThatContainsItselfIsRefused) {
  EXPECT_THAT(refusal(torch_zip(program("}"s + put(0) + text("me") + get(0) + "s"), {})),
              HasSubstr("contains itself"));
  std::string deep = good_tensor();
  for (int i = 0; i < 100; ++i) deep = "]("s + deep + "e";
  EXPECT_THAT(refusal(with_tensor(deep)), HasSubstr("nested deeper than 64"));
}

TEST(HostileContainer, OfExponentiallyManyPathsIsRefusedInTime) {
  std::string body = good_tensor() + put(0);  // each level holds the one before twice
  for (int level = 1; level < 60; ++level) {
    body = "]("s + body + get(level - 1) + "e" + put(level);
  }
  EXPECT_THAT(refusal(with_tensor(body)), HasSubstr("more entries than"));
}

TEST(HostileContainer, OfMoreTensorsThanItsSizeExplainsIsRefused) {
  // Twelve doublings make 4096 tensors out of a file of one kilobyte; twenty would fill gigabytes.
  std::string body = good_tensor() + put(0);
  for (int level = 1; level <= 12; ++level) {
    body = "]("s + body + get(level - 1) + "e" + put(level);
  }
  EXPECT_THAT(refusal(with_tensor(body)), HasSubstr("more entries than"));
}

TEST(HostileContainer, WithARepeatedNameIsRefused) {
  EXPECT_THAT(refusal(torch_zip(program(dict(text("w"), good_tensor(), text("w"), good_tensor())),
                                {{"0", kFour}})),
              HasSubstr("two tensors are named \"w\""));
  EXPECT_THAT(refusal(torch_zip(program(dict(text("a.b"), good_tensor(), text("a"),
                                             dict(text("b"), good_tensor()))),
                                {{"0", kFour}})),
              HasSubstr("two tensors are named \"a.b\""));
}

TEST(HostileContainer, NamesAreOnlyText) {
  const auto file =
      torch_zip(program(dict(text("../../etc/passwd"), good_tensor())), {{"0", kFour}});
  EXPECT_TRUE(read_tensors(as_bytes(file), "file").contains("../../etc/passwd"));
  EXPECT_THAT(refusal(with_tensor(dict(text(std::string(5000, 'n')), good_tensor()))),
              HasSubstr("5002 bytes"));
}

TEST(HostilePickle, WithAMessedUpStackIsRefused) {
  for (const std::string& body : {"0"s,
                                  "R"s,
                                  "t"s,
                                  "1"s,
                                  "2"s,
                                  "s"s,
                                  "e"s,
                                  "\x87"s,
                                  "\x93"s,
                                  "b"s,
                                  "Q"s,
                                  "q\x01"s,
                                  "h\x09"s,
                                  "](NK\x01"s + "R"s,
                                  "}(Nu"s,
                                  "NNs"s,
                                  "NNa"s,
                                  "g-1\n"s,
                                  "I9x\n"s,
                                  "S'a\n"s,
                                  "Va\\u0041\n"s,
                                  "\x8b\xff\xff\xff\xff"s,
                                  "X\xff\xff\xff\x7f"s,
                                  "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"s,
                                  "\x80\x09"s}) {
    const std::string message = refusal(torch_zip(program(body), {}));
    EXPECT_THAT(message, HasSubstr("file: ")) << body;
  }
}

TEST(HostilePickle, MessagesShowUnprintableNamesSafely) {
  const std::string message = refusal(with_tensor(global("evil\x1b[31m", "name")));
  EXPECT_THAT(message, AllOf(HasSubstr("evil\\x1b[31m"), Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace oar
