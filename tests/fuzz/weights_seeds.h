#pragma once

#include <string>
#include <vector>

#include "tests/fuzz/seed_file.h"
#include "tests/models/weights/pickle_bytes.h"

namespace oar {

namespace seeds {

using namespace pickle;

inline const std::string kFour = raw<float>({1, 2, 3, 4});
inline constexpr int64_t kHuge = int64_t{1} << 62;

/// A zip container of one dict entry "w", beside storage "0" of four floats.
inline std::string with(const std::string& body) {
  return torch_zip(program(dict(text("w"), body)), {{"0", kFour}});
}
inline std::string floats(int64_t offset, const std::vector<int64_t>& sizes,
                          const std::vector<int64_t>& strides, int64_t count = 4) {
  return tensor(storage("FloatStorage", "0", count), offset, sizes, strides);
}
inline std::string good() { return floats(0, {4}, {1}); }
inline std::string old_floats() {
  return tensor(storage("FloatStorage", "0", 4, true), 0, {2, 2}, {2, 1});
}
inline std::string one_tensor(const std::string& name, const std::string& shape) {
  return "{\"" + name + R"(":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,16]}})";
}
inline std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}
inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.rfind(from), to.size(), to);
}

/// Files as they should be: one or more for each container.
inline std::vector<SeedFile> plain() {
  const std::string lightning =
      dict(text("hyper_parameters"),
           global("argparse", "Namespace") + ")\x81" + dict(text("lr"), none()), text("state_dict"),
           ordered_dict() + "(" + text("w") + good() + "u");
  const std::string parameter =
      call(global("torch._utils", "_rebuild_parameter"), tuple(good(), "\x88", ordered_dict()));
  const std::string protocol_0 =
      "(dp0\nVw\np1\nctorch._utils\n_rebuild_tensor\np2\n"
      "((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nL4L\ntQI0\n(I4\nt(I1\nttRp3\ns.";
  const std::string view = "("s + text("storage") + global("torch", "FloatStorage") + text("0") +
                           text("cpu") + integer(4) + tuple(text("v"), integer(1), integer(2)) +
                           "tQ";
  const std::string old_tensor = call(global("torch._utils", "_rebuild_tensor"),
                                      tuple(view, integer(1), integers({1}), integers({1})));
  return {
      {"plain_safetensors", safetensors(one_tensor("w", "[2,2]"), kFour), ""},
      {"plain_safetensors_metadata",
       safetensors(R"({"__metadata__":{"a":"b"},"e":{"dtype":"BOOL","shape":[0],)"
                   R"("data_offsets":[0,0]}})",
                   ""),
       ""},
      {"plain_zip", with(good()), ""},
      {"plain_zip64", torch_zip(program(dict(text("w"), good())), {{"0", kFour}}, true), ""},
      {"plain_zip_nested", with(dict(text("a"), list(good(), tuple(good(), none())))), ""},
      {"plain_zip_parameter", with(parameter), ""},
      {"plain_zip_protocol_0", torch_zip(protocol_0, {{"0", kFour}}), ""},
      {"plain_stream", torch_stream(program(dict(text("w"), old_floats())), {{"0", 4, kFour}}), ""},
      {"plain_stream_view", torch_stream(program(dict(text("w"), old_tensor)), {{"0", 4, kFour}}),
       ""},
      {"pickle_alone", program(dict(text("w"), good())), "not one of torch.save"},
      {"objects_lightning", torch_zip(program(lightning), {{"0", kFour}}), "argparse.Namespace"},
      {"objects_set", with("\x8f(K\x01\x90"), "EMPTY_SET"},
  };
}

/// Counts and sizes that no file has.
inline std::vector<SeedFile> counts() {
  const std::string eight = std::string(8, '\xff');
  const std::string zip64 = torch_zip(program(dict(text("w"), good())), {{"0", kFour}}, true);
  const size_t count_at = zip64.rfind("PK\x06\x06") + 24;
  const size_t entry = with(good()).find("PK\x01\x02");
  return {
      {"count_text_4_gigabytes", with("X"s + std::string(4, '\xff')), "needs 4294967295 bytes"},
      {"count_text_2_64", with("\x8d"s + eight), "needs 18446744073709551615 bytes"},
      {"count_bytes_2_64", with("\x8e"s + eight), "needs 18446744073709551615 bytes"},
      {"count_long_negative", with("\x8b"s + std::string(4, '\xff')), "needs 4294967295 bytes"},
      {"count_memo_index", with(good() + "r" + std::string(4, '\xff')), ""},
      {"count_storage", with(floats(0, {4}, {1}, INT64_MAX)), "storage \"0\""},
      {"count_elements", with(floats(0, {kHuge, kHuge}, {0, 0})), "do not fit its storage"},
      {"count_repeated_element", with(floats(0, {1'000'000}, {0})), "do not fit its storage"},
      {"count_dimensions",
       with(floats(0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1))),
       "at most 64 dimensions"},
      {"count_zip_entries", std::string(zip64).replace(count_at, 16, eight + eight),
       "directory entry"},
      {"count_zip_entry_size",
       std::string(with(good())).replace(entry + 20, 8, repeated("\xff\xff\xff\x7f", 2)),
       "ends outside the file"},
      {"count_stream_elements",
       torch_stream(
           program(dict(text("w"), tensor(storage("FloatStorage", "0", kHuge, true), 0, {1}, {1}))),
           {{"0", kHuge, kFour}}),
       "a storage of 4611686018427387904 elements"},
      {"count_safetensors_header", little(~0ull, 8) + "{}", "at most 100000000"},
      {"count_safetensors_shape", safetensors(one_tensor("w", "[4294967296,4294967296]"), kFour),
       "any file can hold"},
  };
}

/// Containers that hold themselves, and deep ones.
inline std::vector<SeedFile> nesting() {
  std::string doubled = good() + put(0);  // each level holds the one before twice
  for (int level = 1; level < 40; ++level) {
    doubled = "]("s + doubled + get(level - 1) + "e" + put(level);
  }
  const std::string self = "}"s + put(0);
  return {
      {"loop_dict", torch_zip(program(self + text("me") + get(0) + "s"), {}), "contains itself"},
      {"loop_state_dict", torch_zip(program(self + text("state_dict") + get(0) + "s"), {}),
       "contains itself"},
      {"loop_list", with("]"s + put(0) + get(0) + "a"), "contains itself"},
      {"loop_tuple_in_list", with("]"s + put(0) + get(0) + "\x85" + "a"), "contains itself"},
      {"loop_of_two", with(self + text("b") + "}" + text("a") + get(0) + "ss"), "contains itself"},
      {"loop_exponential", with(doubled), "more entries than"},
      {"deep_lists", with(repeated("](", 200) + good() + repeated("e", 200)), "nested deeper"},
      {"deep_tuples", with(none() + repeated("\x85", 400)), "nested deeper"},
      {"deep_marks", with(repeated("(", 1000)), "takes a value that it never made"},
      {"deep_safetensors", safetensors(repeated(R"({"a":)", 100), ""), "nested deeper"},
      {"deep_safetensors_lists", safetensors(R"({"a":)" + repeated("[", 1000), ""),
       "nested deeper"},
  };
}

/// Numbers below zero.
inline std::vector<SeedFile> negatives() {
  const std::string view = "("s + text("storage") + global("torch", "FloatStorage") + text("0") +
                           text("cpu") + integer(4) + tuple(text("v"), integer(-4), integer(8)) +
                           "tQ";
  return {
      {"negative_size", with(floats(0, {-2}, {1})), "-2 among its sizes"},
      {"negative_stride", with(floats(0, {2}, {-1})), "-1 among its strides"},
      {"negative_offset", with(floats(-1, {2}, {1})), "do not fit its storage"},
      {"negative_storage", with(floats(0, {0}, {1}, -4)), "storage \"0\""},
      {"negative_view", with(tensor(view, 0, {1}, {1})), "its storage view [-4, +8)"},
      {"negative_stream_storage",
       torch_stream(
           program(dict(text("w"), tensor(storage("FloatStorage", "0", -1, true), 0, {0}, {1}))),
           {{"0", -1, ""}}),
       "a storage of -1 elements"},
      {"negative_safetensors_shape", safetensors(one_tensor("w", "[-4]"), kFour),
       "\"-4\" among its shape"},
      {"negative_memo_index", with("g-1\n"), "a memo number"},
  };
}

/// Names and storages that come twice, and data in two places at once.
inline std::vector<SeedFile> duplicates() {
  const std::string dict_of_w = program(dict(text("w"), good()));
  const std::string stream =
      torch_stream(program(dict(text("w"), old_floats())), {{"0", 4, kFour}, {"0", 4, kFour}});
  const std::string two_counts =
      dict(text("a"), good(), text("b"), floats(0, {2}, {1}, 2), text("c"), good());
  return {
      {"twice_zip_storage", torch_zip(dict_of_w, {{"0", kFour}, {"0", kFour}}),
       "a second entry \"archive/data/0\""},
      {"twice_zip_pickle", zip({{"a/data.pkl", dict_of_w}, {"b/data.pkl", dict_of_w}}),
       "two pickles"},
      {"twice_stream_storage", stream, "comes twice"},
      {"twice_storage_counts", with(two_counts), "elsewhere"},
      {"twice_tensor",
       torch_zip(program(dict(text("w"), good(), text("w"), good())), {{"0", kFour}}),
       "two tensors are named \"w\""},
      {"twice_safetensors_name",
       safetensors(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
                   R"("w":{"dtype":"F32","shape":[0],"data_offsets":[16,16]}})",
                   kFour),
       "names \"w\" twice"},
      {"twice_safetensors_data",
       safetensors(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
                   R"("b":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
                   kFour),
       "without overlap or hole"},
  };
}

/// Names that would leave a folder if anyone made paths of them. Where such a name is only a name,
/// the file is read.
inline std::vector<SeedFile> traversals() {
  const std::string passwd = "../../etc/passwd";
  const std::string key = tensor(storage("FloatStorage", "../0", 4), 0, {4}, {1});
  const std::string dict_of_w = program(dict(text("w"), good()));
  return {
      {"path_tensor", torch_zip(program(dict(text(passwd), good())), {{"0", kFour}}), ""},
      {"path_safetensors", safetensors(one_tensor("/etc/passwd", "[4]"), kFour), ""},
      {"path_zip_entry",
       zip({{"a/data.pkl", dict_of_w}, {"a/data/0", kFour}, {passwd, "root"}, {"/tmp/x", "x"}}),
       ""},
      {"path_zip_folder", zip({{"../data.pkl", dict_of_w}, {"../data/0", kFour}}), ""},
      {"path_storage", with(key), "storage \"../0\" is not in the archive"},
      {"path_nul", torch_zip(program(dict(text("a\0b"s), good())), {{"0", kFour}}), ""},
  };
}

/// Pickles that would run code in Python.
inline std::vector<SeedFile> programs() {
  const std::string shell = tuple(text("touch owned"));
  return {
      {"code_system", with(call(global("posix", "system"), shell)), "posix.system"},
      {"code_stack_global", with(text("os") + text("system") + "\x93" + shell + "R"), "os.system"},
      {"code_inst", with("("s + text("touch owned") + "ios\nsystem\n"), "INST"},
      {"code_stream", torch_stream(program(call(global("builtins", "eval"), shell)), {}),
       "builtins.eval"},
  };
}

}  // namespace seeds

/// All of them; the names differ, and those of safetensors files say so.
inline std::vector<SeedFile> weights_seeds() {
  std::vector<SeedFile> files;
  for (const auto& group : {seeds::plain(), seeds::counts(), seeds::nesting(), seeds::negatives(),
                            seeds::duplicates(), seeds::traversals(), seeds::programs()}) {
    files.insert(files.end(), group.begin(), group.end());
  }
  return files;
}

}  // namespace oar
