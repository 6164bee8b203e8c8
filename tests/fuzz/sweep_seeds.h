#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "tests/fuzz/seed_file.h"

namespace oar {

/// Sweeps of every form, and what a hostile one tries; --set arguments follow a NUL.
inline std::vector<SeedFile> sweep_seeds() {
  const auto repeated = [](const std::string& text, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
  };
  const auto sweep = [](const std::string& members) { return "{\"version\":1," + members + "}"; };
  std::string numbers = "1";
  for (int i = 2; i <= 101; ++i) numbers += fmt::format(",{}", i);
  const std::string nul(1, '\0');
  const std::string two = R"("recipes":{"a":{"train.order":"raster"},"b":{"relabel":{}}})";
  return {
      {"plain_version", R"({"version":1})", ""},
      {"plain_recipes", sweep(two + R"(,"seeds":[0,1],"defaults":{"model":{"layers":2}})"), ""},
      {"plain_matrix",
       sweep(two + R"(,"matrix":{"recipe":["a","b"],"model.next_encoding":["relative+rotary",)"
                   R"("absolute"]},"exclude":[{"recipe":"a"}],"include":[{"recipe":"a",)"
                   R"("generate.top_k":3}])"),
       ""},
      {"plain_sections", sweep(R"("matrix":{"relabel":[null,{"max_images":5}]})"), ""},
      {"plain_judged",
       sweep(two + R"(,"baseline":{"recipe":"a"},"gates":[{"metric":"fid","max_regression":"3%"},)"
                   R"({"metric":"kid","min":0,"max":1e-2}],"report":{"rows":"seed"})"),
       ""},
      {"plain_strategy",
       sweep(R"("$schema":"s","name":"n","x-a":[],"strategy":{"fail_fast":true,)"
             R"("max_parallel":2,"on_diverge":"stop"})"),
       ""},
      {"plain_set", R"({"version":1})" + nul + "train.images_seen=7" + nul + "relabel={}", ""},
      {"set_without_equals", R"({"version":1})" + nul + "train", "there is no key=value"},
      {"set_not_utf8", R"({"version":1})" + nul + "dataset.root=\xff", "not UTF-8"},
      {"set_escape", R"({"version":1})" + nul + "train.order=\x1b[2J", "no order is called"},
      {"names_control", sweep(R"("recipes":{"a\u001b[2J":{}})"), "the name of a recipe"},
      {"names_path",
       sweep(R"("name":"../../etc/passwd","recipes":{"../../x":{},"b":)"
             R"({"train.order":"raster"}})"),
       ""},
      {"names_root_control", sweep(R"("matrix":{"dataset.root":["a\u001b[2J\n","a,seed=0","a"]})"),
       ""},
      {"twice_key", R"({"version":1,"version":1})", "is repeated"},
      {"twice_option", sweep(R"("defaults":{"train.order":"oar","train":{"order":"oar"}})"),
       "given twice"},
      {"twice_cell", sweep(R"("recipes":{"a":{},"b":{}})"), "compute the same"},
      {"deep_lists", repeated("[", 100), "nested more than"},
      {"deep_objects", repeated("{\"a\":", 100), "nested more than"},
      {"deep_in_value", sweep("\"x-a\":" + repeated("[", 62) + repeated("]", 62)), ""},
      {"count_matrix",
       sweep(fmt::format(R"("matrix":{{"model.layers":[{0}],"train.batch_size":[{0}]}})", numbers)),
       "more than 10000 cells"},
      {"count_seed_2_64", sweep(R"("seeds":[18446744073709551616])"), "a seed cannot be"},
      {"count_number", sweep(R"("defaults":{"train.images_seen":1e308})"), "cannot be 1e+308"},
      {"count_number_infinite", sweep(R"("seeds":[1e999])"), "not valid JSON"},
      {"utf8_broken", sweep("\"name\":\"\xff\xfe\""), "not valid JSON"},
      {"utf8_surrogate", sweep(R"("name":"\ud800")"), "not valid JSON"},
      {"not_an_object", "[]", "a sweep cannot be []"},
      {"misspelt",
       sweep(R"("sedes":[0],"defaults":{"train.ordr":"rastr","order":1},"report":{"rows":"sed"})"),
       "did you mean"},
  };
}

}  // namespace oar
