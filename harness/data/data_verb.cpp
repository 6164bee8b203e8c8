#include "harness/data/data_verb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "datasets/dataset.h"
#include "datasets/dataset_info.h"
#include "datasets/utf8.h"
#include "harness/data/check_report.h"
#include "harness/data/dataset_stats.h"
#include "harness/data/faults.h"
#include "harness/data/image_contents.h"
#include "harness/exit_code.h"
#include "harness/stages/recipe_parts.h"
#include "harness/store/interrupt.h"
#include "models/weights/atomic_file.h"

namespace oar {
namespace {

/// Shows one pass over the images, and ends it where the user asks to stop.
ScanProgress shown(Progress& progress, const char* title) {
  progress.stage(title);
  return [&progress, begun = false](int64_t done, int64_t total) mutable {
    if (!std::exchange(begun, true)) progress.begin("images", total);
    progress.update(done);
    if (interrupt_requested()) throw Interrupted();
  };
}

std::unique_ptr<Dataset> scan(const DatasetConfig& config, Progress& progress, const char* title) {
  std::unique_ptr<Dataset> dataset = make_dataset(config, shown(progress, title));
  progress.end();
  return dataset;
}

/// One file a line, for `xargs -d '\n'`.
void write_list(const std::filesystem::path& path, const std::filesystem::path& root,
                const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& file : files) {
    if (file.find('\n') != std::string::npos) {
      throw std::invalid_argument(fmt::format(
          "--out: {} has a line break in its name, and the list has a file on each line; rename it",
          quoted(root / file)));
    }
    text += (root / file).string() + "\n";
  }
  write_file_atomically(path, text);
}

/// The names as a type, "{celeba_hq,sunset}": help shows them, and completion offers them.
std::string dataset_names() {
  std::string names;
  for (const DatasetInfo& info : dataset_infos()) {
    if (!names.empty()) names += ',';
    names += info.name;
  }
  return fmt::format("{{{}}}", names);
}

void add_options(CLI::App& verb, DataCommand& command) {
  verb.add_option("path", command.wish.path, "root of the data set; not needed where generated");
  verb.add_option("--dataset", command.wish.dataset,
                  "its name, see `data list`; without it the layout is guessed from the files")
      ->type_name(dataset_names());
  verb.add_option("--set", command.wish.set,
                  "an option of the data set, as class_column=gender; see `list options`")
      ->allow_extra_args(false);
  verb.add_option("--sweep", command.wish.sweep, "take the options of this sweep's data set");
  verb.add_flag("--json", command.json, "print one JSON object");
  verb.add_flag("--quiet", command.quiet, "no progress lines");
}

}  // namespace

int run_data_check(const DataCommand& command, ProgressOptions options, std::ostream& out) {
  const auto start = std::chrono::steady_clock::now();
  const DatasetChoice choice = choose_dataset(command.wish);
  if (is_token_dataset(choice.section.at("name"))) {
    throw std::invalid_argument(fmt::format(
        "data check: {} has codes and no images that could be broken; `data stats` shows them",
        choice.section.at("name").get<std::string>()));
  }
  const DatasetConfig config = dataset_config_from(choice.section);
  Progress progress(std::move(options));
  const std::unique_ptr<Dataset> dataset = scan(config, progress, "[1/2] scan");
  const DatasetIndex& index = dataset->index();
  const ImageContents contents =
      read_contents(config, index, command.threads, shown(progress, "[2/2] decode"));
  progress.end();
  CheckResult result{choice, index, find_faults(index, contents, command.tiny), command.tiny, 0};
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const int code = result.faults.bad() ? kBadData : kAllDone;
  if (command.json) {
    out << check_json(result, code).dump(2) << "\n" << std::flush;
  } else {
    out << check_text(result, command.all) << std::flush;
  }
  if (!command.out.empty()) {
    write_list(command.out, config.root, files_to_remove(index, result.faults));
  }
  return code;
}

int run_data_stats(const DataCommand& command, ProgressOptions options, std::ostream& out) {
  const DatasetChoice choice = choose_dataset(command.wish);
  const auto print = [&](const nlohmann::ordered_json& json, const std::string& text) {
    out << (command.json ? json.dump(2) + "\n" : text) << std::flush;
    return kAllDone;
  };
  if (is_token_dataset(choice.section.at("name"))) {
    const PlantedPath data(planted_path_from(choice.section));
    return print(planted_stats_json(choice, data), planted_stats_text(choice, data));
  }
  const DatasetConfig config = dataset_config_from(choice.section);
  Progress progress(std::move(options));
  const std::unique_ptr<Dataset> dataset = scan(config, progress, "[1/2] scan");
  DatasetStats stats = stats_of_index(config, dataset->index());
  add_pixels(*dataset, config.image_size, shown(progress, "[2/2] load"), stats);
  progress.end();
  return print(stats_json(choice, stats), stats_text(choice, dataset->index(), stats));
}

Verb add_data_verb(CLI::App& app) {
  const auto held = std::make_shared<DataCommand>();
  DataCommand& command = *held;
  CLI::App* const verb =
      app.add_subcommand("data", "the data sets there are, and what is in yours and wrong with it");
  verb->require_subcommand(1);
  CLI::App* const list = verb->add_subcommand(
      "list", "every data set: what it is, its files, where to get it, its licence");
  list->add_option("name", command.name, "this one only")->type_name(dataset_names());
  list->add_flag("--json", command.json, "print a JSON array");
  CLI::App* const check = verb->add_subcommand(
      "check",
      "decode every image; find broken, leaked, duplicate, tiny and odd ones. Exit code 0, or 65 "
      "where images are broken or are trained on and held out at once");
  add_options(*check, command);
  check->add_option("--out", command.out,
                    "write a list of files to remove, one a line: broken ones, and all but one of "
                    "each group of duplicates (xargs -d '\\n' rm -- < FILE)");
  check->add_option("--threads", command.threads, "that decode at full size; 0: one per processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  check->add_option("--tiny", command.tiny, "list images whose short side is below this, in pixels")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  check->add_flag("--all", command.all, "print every name, not the first ten of each kind");
  CLI::App* const stats = verb->add_subcommand(
      "stats", "classes, splits, sizes, pixels, captions, and how fast the images load");
  add_options(*stats, command);
  return {verb, [held, list, check] {
            if (*list) return run_data_list(*held, std::cout);
            const ProgressOptions progress = ProgressOptions::standard_error(held->quiet);
            try {
              return *check ? run_data_check(*held, progress, std::cout)
                            : run_data_stats(*held, progress, std::cout);
            } catch (const Interrupted&) {  // nothing is kept that could be continued
              std::cerr << "interrupted; the same command begins anew\n";
              return static_cast<int>(kInterrupted);
            }
          }};
}

}  // namespace oar
