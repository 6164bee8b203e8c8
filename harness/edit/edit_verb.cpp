#include "harness/edit/edit_verb.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "datasets/dataset.h"
#include "datasets/sha256.h"
#include "datasets/utf8.h"
#include "harness/edit/edit_folder.h"
#include "harness/exit_code.h"
#include "harness/measure/byte_size.h"
#include "harness/measure/device.h"
#include "harness/orders/order_file.h"
#include "harness/run/finished_cell.h"
#include "harness/stages/artifacts.h"
#include "harness/stages/conditions.h"
#include "harness/store/interrupt.h"
#include "harness/store/progress.h"
#include "harness/sweep/mistakes.h"
#include "harness/sweep/nearest_name.h"
#include "models/text/caption_tokens.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The role that `--model` names: itself, or the last one fine-tuned.
std::string model_role(const EditCommand& command, const FinishedCell& cell) {
  std::vector<std::string> roles = cell.roles_of("any_order");
  for (const std::string& role : cell.roles_of("specialist")) roles.push_back(role);
  if (command.model == "final" && !roles.empty()) return roles.back();
  if (std::find(roles.begin(), roles.end(), command.model) != roles.end()) return command.model;
  throw std::invalid_argument(
      fmt::format("--model: cell {} has no model \"{}\"; it has: {}; \"final\" is the last of them",
                  cell.id(), command.model, fmt::join(roles, ", ")));
}

void require_tokenizer(const FinishedCell& cell) {
  if (!cell.roles_of("tokenizer").empty()) return;
  throw BadData(
      fmt::format("cell {} has no tokenizer: it was trained on codes, not on images; name a cell "
                  "of a sweep over images",
                  cell.id()));
}

Editor open_editor(const FinishedCell& cell, const std::string& role, torch::Device device) {
  const fs::path folder = cell.artifact(role);
  Editor editor{read_tokenizer(cell.artifact("tokenizer"), device),
                read_transformer(folder, device)};
  check_fit(editor.model->config(), canvas_shape(editor).grid,
            editor.tokenizer->config().codebook_size, folder.string());
  return editor;
}

/// Whether a model trained with a condition met images without one.
bool knows_no_condition(const FinishedCell& cell) {
  return get<double>(cell.recipe(), "model.condition_dropout") > 0;
}

[[noreturn]] void refuse_condition(const char* option, const std::string& value,
                                   const FinishedCell& cell, const char* condition) {
  const auto trained = get<std::string>(cell.recipe(), "model.condition");
  throw std::invalid_argument(
      fmt::format("{} \"{}\": the model of cell {} was trained {}; leave {} out, or train with "
                  "model.condition \"{}\"",
                  option, value, cell.id(),
                  trained == "none" ? "without a condition"
                                    : fmt::format("with model.condition \"{}\"", trained),
                  option, condition));
}

/// The number of the class that `--label` names: int64 [1].
torch::Tensor class_of(const EditCommand& command, const FinishedCell& cell) {
  const std::vector<std::string> classes = read_index(cell.artifact("dataset")).classes;
  const auto found = std::find(classes.begin(), classes.end(), command.label);
  if (found != classes.end()) return torch::full({1}, found - classes.begin(), torch::kInt64);
  Mistakes mistakes;
  mistakes.add({"--label",
                fmt::format("the data set has no class \"{}\"", command.label),
                {known_line(classes), did_you_mean(command.label, classes)}});
  throw std::invalid_argument(mistakes.text());
}

/// The tokens of `--caption`, cut as those of the training were: int64 [1, L].
torch::Tensor caption_of(const EditCommand& command, const FinishedCell& cell,
                         const Editor& editor) {
  const BpeVocabulary vocabulary = read_captions(cell.artifact("captions")).vocabulary;
  const CaptionTokens made =
      encode_captions(vocabulary, {command.caption}, editor.model->config().caption.length);
  return torch::tensor(std::vector<int64_t>(made.ids.begin(), made.ids.end())).unsqueeze(0);
}

/// What `--label` or `--caption` names; not defined where there is neither.
torch::Tensor condition_of(const EditCommand& command, const FinishedCell& cell,
                           const Editor& editor) {
  if (command.label.empty() && command.caption.empty()) {
    if (command.options.guidance_scale == 1.0) return {};
    throw std::invalid_argument(
        fmt::format("--guidance-scale {}: it strengthens a class or caption, and none is given; "
                    "add --label or --caption",
                    command.options.guidance_scale));
  }
  const TransformerConfig& model = editor.model->config();
  if (!command.label.empty() && model.num_classes == 0) {
    refuse_condition("--label", command.label, cell, "class");
  }
  if (!command.caption.empty() && model.caption.length == 0) {
    refuse_condition("--caption", command.caption, cell, "caption");
  }
  if (command.options.guidance_scale != 1.0 && !knows_no_condition(cell)) {
    throw std::invalid_argument(fmt::format(
        "--guidance-scale {}: the model of cell {} was trained with model.condition_dropout 0 and "
        "never learned to go without a condition; use --guidance-scale 1, or train with "
        "model.condition_dropout 0.1",
        command.options.guidance_scale, cell.id()));
  }
  return command.caption.empty() ? class_of(command, cell) : caption_of(command, cell, editor);
}

/// The command's options with the names in it resolved.
EditOptions edit_options(const EditCommand& command, const Grid& grid,
                         const torch::Tensor& condition) {
  EditOptions options = command.options;
  options.confidence = confidence_from_name(command.confidence);
  options.order.distance = distance_from_name(command.distance);
  options.condition = condition;
  options.memory_bytes = bytes_from_text(command.memory);
  const auto info = find_order(options.order.name);
  const bool from_file = info && info->reads_file;
  if (from_file == command.order_file.empty()) {
    throw std::invalid_argument(
        from_file
            ? fmt::format("--order {} needs --order-file; write one with `oar-bench orders`",
                          options.order.name)
            : fmt::format("--order-file is read by --order from_file and drawn_from_file only; the "
                          "order is \"{}\"",
                          options.order.name));
  }
  if (from_file) {
    const OrderSet orders = read_orders(command.order_file, grid);
    options.order.given = orders.position_at;
    options.order.given_image = orders.image;
  }
  drawn_codes(options.sampling, {});  // refuses options out of range
  OrderConfig order = options.order;
  order.grid = grid;
  make_order(order);  // likewise
  return options;
}

json word_or_null(const std::string& word) {
  return word.empty() ? json(nullptr) : json(as_utf8(word));
}

/// What decided the drawn patches: options that the order does not read are left out.
json options_record(const EditCommand& command, const EditOptions& options) {
  const OrderConfig& config = options.order;
  json record = {{"order", config.name},
                 {"temperature", options.sampling.temperature},
                 {"top_k", options.sampling.top_k},
                 {"top_p", options.sampling.top_p},
                 {"seed", options.sampling.seed},
                 {"label", word_or_null(command.label)},
                 {"guidance_scale", options.guidance_scale},
                 {"num_samples", options.num_samples},
                 {"known_pixels", options.keep_pixels ? "kept" : "decoded"}};
  if (!command.caption.empty()) record["caption"] = as_utf8(command.caption);
  if (config.name == "from_file") {
    record["order_file_sha256"] = sha256_file(command.order_file);
    return record;
  }
  if (config.name == "sampled") record["order_temperature"] = config.order_temperature;
  const OrderInfo info = find_order(config.name).value();
  if (config.distance_penalty != 0.0 && (info.is_learned || info.name == "random")) {
    record["distance_penalty"] = config.distance_penalty;
    record["distance"] = command.distance;
  }
  if (!info.is_learned) return record;
  const Confidence confidence = info.own_confidence.value_or(options.confidence);
  record["confidence"] = name_of(confidence);
  record["draws_before_choosing"] = depends_on_code(confidence);
  return record;
}

json input_record(const ImageInput& input) {
  return {{"file", as_utf8(input.path.string())},
          {"sha256", input.sha256},
          {"width", input.size.width},
          {"height", input.size.height}};
}

/// What the reader of the samples should know: lines for the terminal and the record.
std::vector<std::string> notes_on(const FinishedCell& cell, const std::string& role,
                                  const Canvas& canvas, bool has_condition) {
  std::vector<std::string> notes;
  if (canvas.drawn.all().item<bool>()) {
    notes.push_back("every patch is drawn: nothing of the image is known to the model");
  }
  if (!has_condition && get<std::string>(cell.recipe(), "model.condition") != "none" &&
      !knows_no_condition(cell)) {
    notes.push_back(
        "the model was trained with model.condition_dropout 0 and never met an image without a "
        "condition; give one with --label or --caption");
  }
  const auto trained = get<std::string>(cell.recipe(), "train.order");
  if (role == "any_order" && trained != "random") {
    notes.push_back(fmt::format(
        "the model was trained on the order \"{}\" alone, and known patches come first here, an "
        "order it may never have met; a cell with train.order \"random\" is made for editing",
        trained));
  }
  return notes;
}

/// Who edits.
struct Opened {
  FinishedCell cell;
  std::string role;  ///< of the model
  Editor editor;
};

Opened open(const EditCommand& command, torch::Device device) {
  FinishedCell cell = open_finished_cell(command.run, command.cell, command.store);
  require_tokenizer(cell);
  std::string role = model_role(command, cell);
  Editor editor = open_editor(cell, role, device);
  return {std::move(cell), std::move(role), std::move(editor)};
}

json opened_record(const EditCommand& command, const Opened& opened) {
  const FinishedCell& cell = opened.cell;
  return {
      {"cell", {{"run", as_utf8(command.run.string())}, {"id", cell.id()}, {"seed", cell.seed()}}},
      {"model", {{"role", opened.role}, {"key", cell.artifact(opened.role).filename().string()}}},
      {"tokenizer", {{"key", cell.artifact("tokenizer").filename().string()}}}};
}

Edits edit_with_progress(const Opened& opened, const Canvas& canvas, const EditOptions& options,
                         const std::string& verb, bool quiet) {
  Progress progress(ProgressOptions::standard_error(quiet));
  progress.stage(verb);
  progress.begin("samples", options.num_samples);
  Edits edits = edit_image(opened.editor, canvas, options, [&](int64_t done) {
    progress.update(done);
    if (interrupt_requested()) throw Interrupted();
  });
  progress.end();
  return edits;
}

/// Makes the canvas and adds to the record what it was made from.
using CanvasMaker = std::function<Canvas(const CanvasShape& shape, json& record)>;

/// All that the two verbs share.
int run_on_canvas(const EditCommand& command, const std::string& verb,
                  const CanvasMaker& make_canvas, std::ostream& out) {
  const torch::Device device = device_from_name(command.device);
  const Opened opened = open(command, device);
  json record = opened_record(command, opened);
  const Canvas canvas = make_canvas(canvas_shape(opened.editor), record);
  const EditOptions options =
      edit_options(command, canvas.shape.grid, condition_of(command, opened.cell, opened.editor));
  const std::vector<std::string> notes =
      notes_on(opened.cell, opened.role, canvas, options.condition.defined());
  record.update({{"verb", verb},
                 {"options", options_record(command, options)},
                 {"notes", notes},
                 {"device", device.str()}});
  const EditFolder folder(
      command.out.empty() ? fs::path(verb + "-" + command.image.stem().string()) : command.out,
      command.force);

  out << fmt::format("{}: {} of {} patches are drawn in the order {}, by {} of cell {}\n", verb,
                     canvas.num_drawn(), canvas.shape.grid.size(), options.order.name, opened.role,
                     opened.cell.id());
  for (const std::string& note : notes) out << "note: " << note << "\n";
  out.flush();
  const Edits edits = edit_with_progress(opened, canvas, options, verb, command.quiet);
  folder.write(canvas, edits, std::move(record));
  const torch::Tensor means = mean_log_likelihood(edits);
  for (int64_t i = 0; i < options.num_samples; ++i) {
    out << fmt::format("{}  {:.3f} nats a drawn patch\n", (folder.path() / sample_name(i)).string(),
                       -means[i].item<double>());
  }
  return kAllDone;
}

}  // namespace

int run_inpaint(const EditCommand& command, std::ostream& out) {
  const ImageInput image = read_image_input(command.image), mask = read_image_input(command.mask);
  return run_on_canvas(
      command, "inpaint",
      [&](const CanvasShape& shape, json& record) {
        record["image"] = input_record(image);
        record["mask"] = input_record(mask);
        return inpainting_canvas(image, mask, shape);
      },
      out);
}

int run_outpaint(const EditCommand& command, std::ostream& out) {
  const ImageInput image = read_image_input(command.image);
  return run_on_canvas(
      command, "outpaint",
      [&](const CanvasShape& shape, json& record) {
        const Placement place = placement(command.at, command.scale, shape.grid);
        record["image"] = input_record(image);
        record["place"] = {{"row", place.row}, {"col", place.col}, {"scale", place.scale}};
        return outpainting_canvas(image, place, shape);
      },
      out);
}

int run_edit(const EditCommand& command) { return command.action(command, std::cout); }

}  // namespace oar
