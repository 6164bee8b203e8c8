#include "harness/preference/answers.h"

#include <fmt/format.h>

#include <set>
#include <stdexcept>
#include <utility>

#include "datasets/dataset.h"
#include "harness/sweep/json_file.h"
#include "reports/text.h"

namespace oar {
namespace {

using nlohmann::json;

constexpr int64_t kSchemaVersion = 1;
constexpr int64_t kLargestCount = 1'000'000'000'000;  // thirty years in milliseconds
constexpr size_t kMostDigits = 20;                    // of a seed

/// Reads the fields of one file, and says which of them is wrong.
class Fields {
 public:
  explicit Fields(std::string file) : file_(std::move(file)) {}

  [[noreturn]] void refuse(const std::string& where, const json* found,
                           const std::string& accepted) const {
    throw BadData(fmt::format("{}: {}: {}; accepted: {}", file_, where,
                              found == nullptr ? "missing" : "found " + shown(*found), accepted));
  }

  const json& get(const json& object, const std::string& where, const char* key,
                  bool (*accepts)(const json&), const std::string& accepted) const {
    const std::string path = where.empty() ? key : where + "." + key;
    const auto value = object.find(key);
    if (value == object.end()) refuse(path, nullptr, accepted);
    if (!accepts(*value)) refuse(path, &*value, accepted);
    return *value;
  }

  std::string text(const json& object, const char* key) const {
    return get(
        object, "", key, [](const json& value) { return value.is_string() && value != ""; },
        "a text");
  }

  int64_t count(const json& object, const std::string& where, const char* key) const {
    const auto is_count = [](const json& value) {
      return value.is_number_integer() && value >= 0 && value <= kLargestCount;
    };
    return get(object, where, key, is_count, fmt::format("an integer from 0 to {}", kLargestCount));
  }

 private:
  std::string file_;
};

Answer read_answer(const Fields& fields, const std::string& where, const json& pair) {
  if (!pair.is_object()) fields.refuse(where, &pair, "an object");
  const json& left = fields.get(
      pair, where, "left", [](const json& value) { return value == "a" || value == "b"; },
      R"("a" or "b")");
  const json& choice = fields.get(
      pair, where, "choice",
      [](const json& value) { return value == "a" || value == "b" || value == "tie"; },
      R"("a", "b" or "tie")");
  Answer answer;
  // A text: JavaScript would round a large seed.
  const auto is_seed = [](const json& value) {
    if (!value.is_string()) return value.is_number_integer();
    const auto& digits = value.get_ref<const std::string&>();
    return !digits.empty() && digits.size() <= kMostDigits &&
           digits.find_first_not_of("0123456789") == std::string::npos;
  };
  const json& seed = fields.get(pair, where, "seed", is_seed, "an integer, or its digits as text");
  answer.seed = seed.is_string() ? seed.get<std::string>() : seed.dump();
  answer.sample = fields.count(pair, where, "sample");
  answer.milliseconds = fields.count(pair, where, "milliseconds");
  answer.a_was_left = left == "a";
  answer.choice = choice == "a"   ? Preference::kA
                  : choice == "b" ? Preference::kB
                                  : Preference::kTie;
  return answer;
}

json read_export(const std::filesystem::path& file) {
  try {
    return read_json_file(file).value;
  } catch (const std::invalid_argument& error) {
    throw BadData(error.what());
  }
}

}  // namespace

ViewerAnswers read_answers(const std::filesystem::path& file) {
  const Fields fields(file.string());
  const json record = read_export(file);
  if (!record.is_object()) fields.refuse("the file", &record, "an export of a preference page");
  fields.get(
      record, "", "schema_version",
      [](const json& value) { return value.is_number_integer() && value == kSchemaVersion; },
      fmt::format("{}, as this version's preference pages export it", kSchemaVersion));
  ViewerAnswers viewer;
  viewer.file = file.string();
  viewer.page_id = fields.text(record, "page_id");
  viewer.viewer = fields.text(record, "viewer");
  viewer.a = fields.text(record, "a");
  viewer.b = fields.text(record, "b");
  viewer.of = fields.count(record, "", "of");
  const json& pairs = fields.get(
      record, "", "pairs", [](const json& value) { return value.is_array() && !value.empty(); },
      "an array with an answer at least");
  std::set<std::pair<std::string, int64_t>> seen;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const std::string where = fmt::format("pairs[{}]", i);
    viewer.answers.push_back(read_answer(fields, where, pairs[i]));
    if (!seen.emplace(viewer.answers.back().seed, viewer.answers.back().sample).second) {
      fields.refuse(where, &pairs[i], "each pair once");
    }
  }
  if (std::ssize(viewer.answers) > viewer.of) {
    fields.refuse("of", &record["of"],
                  fmt::format("{} or more, as many answers are there", viewer.answers.size()));
  }
  return viewer;
}

std::vector<ViewerAnswers> read_all_answers(const std::vector<std::string>& files) {
  std::vector<ViewerAnswers> all;
  for (const std::string& file : files) {
    ViewerAnswers viewer = read_answers(file);
    for (const ViewerAnswers& earlier : all) {
      if (earlier.page_id != viewer.page_id || earlier.a != viewer.a || earlier.b != viewer.b) {
        throw std::invalid_argument(fmt::format(
            "{} and {} are answers to different pages: \"{}\" against \"{}\" ({:.12}), and \"{}\" "
            "against \"{}\" ({:.12}); count each page alone",
            earlier.file, file, report::one_line(earlier.a), report::one_line(earlier.b),
            report::one_line(earlier.page_id), report::one_line(viewer.a),
            report::one_line(viewer.b), report::one_line(viewer.page_id)));
      }
      if (earlier.viewer == viewer.viewer) {
        throw std::invalid_argument(
            fmt::format("{} and {} are of one viewer ({}); give the later export alone",
                        earlier.file, file, report::one_line(viewer.viewer)));
      }
    }
    all.push_back(std::move(viewer));
  }
  return all;
}

}  // namespace oar
