#include "harness/data/check_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "datasets/utf8.h"
#include "harness/store/progress.h"
#include "harness/store/terminal_text.h"

namespace oar {
namespace {

using json = nlohmann::ordered_json;

constexpr size_t kNamesShown = 10;

const char* word_of(Split split) { return split == Split::kTrain ? "train" : "held_out"; }

std::string counted(size_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count_text(static_cast<int64_t>(count)), count == 1 ? one : many);
}

/// The sections of the text, one after the other.
class Sections {
 public:
  explicit Sections(bool all_names) : all_names_(all_names) {}

  /// A line with the count, then a line for each of the first. Nothing where there is none.
  void add(const char* title, const std::string& count, const char* meaning, size_t lines,
           const std::function<std::string(size_t)>& line) {
    if (lines == 0) return;
    text_ += fmt::format("\n{}: {}; {}\n", title, count, meaning);
    const size_t shown = all_names_ ? lines : std::min(lines, kNamesShown);
    for (size_t i = 0; i < shown; ++i) text_ += fmt::format("  {}\n", line(i));
    if (shown < lines) {
      hidden_ = true;
      text_ += fmt::format("  ... and {} more\n", count_text(static_cast<int64_t>(lines - shown)));
    }
  }

  void add(const char* title, const char* meaning, const std::vector<RejectedFile>& files) {
    add(title, counted(files.size(), "file", "files"), meaning, files.size(),
        [&](size_t i) { return one_line(files[i].file) + ": " + one_line(files[i].reason); });
  }

  void add(const char* title, const char* meaning, const DatasetIndex& index,
           const std::vector<int64_t>& images, bool sizes) {
    add(title, counted(images.size(), "image", "images"), meaning, images.size(), [&](size_t i) {
      const ImageRecord& image = index.images[images[i]];
      const std::string name = one_line(image.file);
      return sizes ? fmt::format("{}  {}x{}", name, image.width, image.height) : name;
    });
  }

  const std::string& text() const { return text_; }
  bool hidden() const { return hidden_; }

 private:
  std::string text_;
  bool all_names_ = false, hidden_ = false;
};

std::string group_line(const DatasetIndex& index, const DuplicateGroup& group) {
  std::string line;
  for (const int64_t i : group.images) {
    const ImageRecord& image = index.images[i];
    line += line.empty() ? "" : " = ";
    line += one_line(image.file);
    if (group.leaked)
      line += fmt::format(" ({})", image.split == Split::kTrain ? "train" : "held out");
  }
  if (group.labels_differ) line += "; of several classes";
  if (group.captions_differ) line += "; captions differ";
  return line;
}

void add_groups(Sections& sections, const CheckResult& result, bool leaked) {
  std::vector<const DuplicateGroup*> groups;
  size_t images = 0;
  for (const DuplicateGroup& group : result.faults.duplicates) {
    if (group.leaked != leaked) continue;
    groups.push_back(&group);
    images += group.images.size();
  }
  const std::string count = fmt::format("{}, each there more than once: {}",
                                        counted(groups.size(), "content", "contents"),
                                        counted(images, "image", "images"));
  sections.add(leaked ? "LEAKED" : "duplicates", count,
               leaked ? "trained on and held out at once, which flatters held-out scores"
                      : "they weigh more than others",
               groups.size(), [&](size_t i) { return group_line(result.index, *groups[i]); });
}

std::string verdict(const CheckResult& result) {
  const Faults& faults = result.faults;
  const auto leaked = static_cast<size_t>(faults.leaked_groups());
  if (!faults.bad() && faults.duplicates.empty()) {
    return "nothing to remove";
  }
  const std::string advice =
      fmt::format("; --out FILE lists {} to remove (broken, and all but one of each content)",
                  counted(files_to_remove(result.index, faults).size(), "file", "files"));
  if (!faults.bad()) return "usable" + advice;
  return fmt::format("NOT CLEAN: {}, {}{}",
                     counted(faults.broken.size(), "broken file", "broken files"),
                     counted(leaked, "leaked content", "leaked contents"), advice);
}

json names_json(const DatasetIndex& index, const std::vector<int64_t>& images) {
  json names = json::array();
  for (const int64_t i : images) names.push_back(index.images[i].file);
  return names;
}

json sizes_json(const DatasetIndex& index, const std::vector<int64_t>& images) {
  json sizes = json::array();
  for (const int64_t i : images) {
    const ImageRecord& image = index.images[i];
    sizes.push_back({{"file", image.file}, {"width", image.width}, {"height", image.height}});
  }
  return sizes;
}

json files_json(const std::vector<RejectedFile>& files) {
  json rows = json::array();
  for (const RejectedFile& file : files) {
    rows.push_back({{"file", file.file}, {"reason", file.reason}});
  }
  return rows;
}

json group_json(const DatasetIndex& index, const DuplicateGroup& group) {
  json images = json::array();
  for (const int64_t i : group.images) {
    const ImageRecord& image = index.images[i];
    images.push_back({{"file", image.file},
                      {"split", word_of(image.split)},
                      {"class", image.label < 0 ? json(nullptr) : json(index.classes[image.label])},
                      {"caption", image.caption}});
  }
  return {{"content_sha256", hex_text(group.content)},
          {"leaked", group.leaked},
          {"labels_differ", group.labels_differ},
          {"captions_differ", group.captions_differ},
          {"images", std::move(images)}};
}

}  // namespace

std::string title_of(const DatasetChoice& choice) {
  const std::string root = choice.section.at("root");
  std::string title = choice.section.at("name");
  if (!root.empty()) title += " in " + quoted(std::filesystem::path(root));
  if (!choice.because.empty()) {
    title += fmt::format("  (a guess: {}; --dataset NAME decides)", choice.because);
  }
  return title;
}

std::string split_text(const DatasetChoice& choice, const DatasetIndex& index) {
  const DatasetCounts counts = count_images(index);
  const auto& section = choice.section;
  const std::string split = section.value("split", "hash");
  return fmt::format(
      "{}: {} to train on, {} held out (split {}{})", count_text(counts.images),
      count_text(counts.train), count_text(counts.held_out), split,
      split == "hash" ? fmt::format(", held_out {}, seed {}", section.at("held_out").get<double>(),
                                    section.at("seed").get<int64_t>())
                      : "");
}

std::string check_text(const CheckResult& result, bool all_names) {
  const Faults& faults = result.faults;
  const DatasetIndex& index = result.index;
  Sections sections(all_names);
  sections.add("BROKEN", "left out of every run", faults.broken);
  add_groups(sections, result, true);
  add_groups(sections, result, false);
  sections.add("not read", "of a format that is neither JPEG nor PNG, left out", faults.unread);
  sections.add("noted", "the data set's own tables name what is not there", faults.noted);
  const std::string tiny = fmt::format("the short side is below {} pixels", result.tiny);
  sections.add("tiny", tiny.c_str(), index, faults.tiny, true);
  sections.add("cut in half", "the long side is over twice the short one: a square loses half",
               index, faults.cut_in_half, true);
  sections.add("other sizes", "nine in ten share one size, these do not", index,
               faults.of_other_size, true);
  sections.add("without caption", "others have one", index, faults.without_caption, false);
  sections.add("without class", "no row, or an empty value", index, faults.without_label, false);
  return fmt::format("data set  {}\nimages    {}\n{}\n{}{}  ({})\n", title_of(result.choice),
                     split_text(result.choice, index), sections.text(),
                     sections.hidden() ? "--all shows every name\n" : "", verdict(result),
                     duration_text(result.seconds));
}

nlohmann::ordered_json check_json(const CheckResult& result, int exit_code) {
  const Faults& faults = result.faults;
  const DatasetCounts counts = count_images(result.index);
  json duplicates = json::array();
  for (const DuplicateGroup& group : faults.duplicates) {
    duplicates.push_back(group_json(result.index, group));
  }
  return {{"schema_version", 1},
          {"dataset", result.choice.section},
          {"guessed", result.choice.because},
          {"images", counts.images},
          {"train", counts.train},
          {"held_out", counts.held_out},
          {"clean", !faults.bad()},
          {"exit_code", exit_code},
          {"seconds", result.seconds},
          {"broken", files_json(faults.broken)},
          {"not_read", files_json(faults.unread)},
          {"leaked", faults.leaked_groups()},
          {"noted", files_json(faults.noted)},
          {"duplicates", std::move(duplicates)},
          {"tiny", sizes_json(result.index, faults.tiny)},
          {"cut_in_half", sizes_json(result.index, faults.cut_in_half)},
          {"other_sizes", sizes_json(result.index, faults.of_other_size)},
          {"without_caption", names_json(result.index, faults.without_caption)},
          {"without_class", names_json(result.index, faults.without_label)},
          {"remove", files_to_remove(result.index, faults)}};
}

}  // namespace oar
