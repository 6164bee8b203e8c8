// The command line of `oar-bench inpaint` and `oar-bench outpaint`.
#include <CLI/CLI.hpp>

#include "harness/edit/edit_verb.h"

namespace oar {
namespace {

constexpr char kImage[] = "JPEG or PNG; cut to its centred square as the data sets are";

template <typename T>
CLI::Option* add_option(CLI::App* verb, const char* name, T& value, const char* words) {
  return verb->add_option(name, value, words)->capture_default_str();
}

void add_model(CLI::App* verb, EditCommand& command) {
  verb->add_option("--run", command.run, "folder of a run's results.json")->required();
  verb->add_option("--cell", command.cell, "id of a cell, or labels that it alone has: oar,seed=0");
  add_option(verb, "--store", command.store, "the store that the sweep ran with");
  add_option(verb, "--model", command.model,
             "any_order: edits without training for it; final: the one fine-tuned last");
  verb->add_option("--label", command.label, "class of the drawn patches; without it no condition");
  verb->add_option("--caption", command.caption,
                   "what the drawn patches show, for a model that was trained with captions");
  add_option(verb, "--guidance-scale", command.options.guidance_scale,
             "strength of the class or caption; 1: no guidance")
      ->check(CLI::NonNegativeNumber);
}

void add_order(CLI::App* verb, EditCommand& command) {
  OrderConfig& order = command.options.order;
  add_option(verb, "--order", order.name, "order of the drawn patches; see `list orders`");
  add_option(verb, "--confidence", command.confidence,
             "what ranks the open patches, for oar and sampled; see orders/README.md");
  add_option(verb, "--distance-penalty", order.distance_penalty,
             "λ, in nats per patch of distance");
  add_option(verb, "--distance", command.distance, "euclidean, manhattan or chebyshev");
  add_option(verb, "--order-temperature", order.order_temperature,
             "sampled: temperature of the softmax of the score");
  verb->add_option("--order-file", command.order_file,
                   "from_file: orders written by `oar-bench orders`, or by hand");
}

void add_drawing(CLI::App* verb, EditCommand& command) {
  SamplingOptions& sampling = command.options.sampling;
  add_option(verb, "--temperature", sampling.temperature, "divides the logits");
  add_option(verb, "--top-k", sampling.top_k, "draw among the k most likely codes; 0: all");
  add_option(verb, "--top-p", sampling.top_p,
             "draw among the most likely codes that hold this share");
  add_option(verb, "--num-samples", command.options.num_samples, "how many ways to fill it in")
      ->check(CLI::Range(int64_t{1}, int64_t{100000}));
  add_option(verb, "--seed", sampling.seed, "draws codes, and orders that are random");
  add_option(verb, "--memory", command.memory, "what the search may allocate: 2GiB, 512MiB");
  add_option(verb, "--device", command.device, "auto, cpu, cuda or cuda:<index>");
}

void add_output(CLI::App* verb, EditCommand& command, const std::string& name) {
  verb->add_flag("--keep-pixels,!--decode-all", command.options.keep_pixels,
                 "known patches show the image's own pixels (default), or what the decoder makes "
                 "of their codes");
  verb->add_option("--out", command.out,
                   "folder to write; " + name + "-<name of the image> without it");
  verb->add_flag("--force", command.force, "replace the edit that is in the folder");
  verb->add_flag("--quiet", command.quiet, "no progress lines");
}

}  // namespace

void add_edit_verbs(CLI::App& app, EditCommand& command) {
  const auto verb_of = [&](const char* name, const char* words, decltype(command.action) function) {
    CLI::App* const verb = app.add_subcommand(name, words);
    verb->callback([&command, function] { command.action = function; });
    verb->add_option("image", command.image, kImage)->required();
    return verb;
  };
  CLI::App* const inpaint = verb_of(
      "inpaint", "draw the patches under a mask anew with a trained any-order model", run_inpaint);
  inpaint
      ->add_option("mask", command.mask,
                   "image of the same size: white is drawn anew, black is kept")
      ->required();
  CLI::App* const outpaint =
      verb_of("outpaint", "lay an image on a larger canvas and draw the rest", run_outpaint);
  outpaint
      ->add_option("--at", command.at,
                   "ROW,COL of the image's top-left patch; the middle without it")
      ->delimiter(',')
      ->expected(2);
  outpaint
      ->add_option("--scale", command.scale,
                   "patches the image becomes wide and high; half the grid without it")
      ->check(CLI::PositiveNumber);
  for (CLI::App* verb : {inpaint, outpaint}) {
    add_model(verb, command);
    add_order(verb, command);
    add_drawing(verb, command);
    add_output(verb, command, verb->get_name());
  }
}

}  // namespace oar
