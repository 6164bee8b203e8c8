#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "harness/compare/compare_verbs.h"
#include "harness/completion/completion_verb.h"
#include "harness/data/data_verb.h"
#include "harness/doctor/doctor_verb.h"
#include "harness/edit/edit_verb.h"
#include "harness/init/init_verb.h"
#include "harness/list/list_verb.h"
#include "harness/measure/metrics_verb.h"
#include "harness/orders_verb/orders_verb.h"
#include "harness/preference/preference_verb.h"
#include "harness/run/run_verbs.h"
#include "harness/status/status_verb.h"
#include "harness/store/interrupt.h"
#include "harness/submit/submit_verb.h"
#include "harness/tokenizer/tokenizer_verb.h"
#include "harness/track/track_verb.h"
#include "harness/upkeep/upkeep_verbs.h"
#include "harness/weights/weights_verb.h"
#include "models/memory/kept_memory.h"

namespace {

/// The options that the user wrote, by name.
std::vector<std::string> given_options(const CLI::App& verb) {
  std::vector<std::string> given;
  for (const CLI::Option* option : verb.get_options()) {
    if (option->count() > 0) given.push_back(option->get_name());
  }
  return given;
}

oar::Verb add_metrics_verb(CLI::App& app) {
  const auto held = std::make_shared<oar::MetricsOptions>();
  oar::MetricsOptions& options = *held;
  CLI::App* const verb = app.add_subcommand(
      "metrics",
      "FID, IS, KID, precision, recall, ... of two sets of images, in one pass over each");
  constexpr char kInput[] =
      "folder, list of files, tar, zip, .npz or .npy of images, or .npz of statistics";
  verb->add_option("real", options.real, kInput)->required();
  verb->add_option("generated", options.generated, kInput);
  verb->add_option("--features", options.features, "feature network; see `list features`")
      ->capture_default_str();
  verb->add_option("--weights", options.weights,
                   "file with its weights; without it the embedded or imported ones");
  verb->add_option("--convention", options.extractor.convention,
                   "whose FID it is; see `list conventions`")
      ->capture_default_str();
  verb->add_option("--precision", options.extractor.precision,
                   "float32, or bfloat16 where the processor has it: faster, other numbers")
      ->capture_default_str();
  verb->add_option("--metrics", options.scores.metrics,
                   "only these, with commas between them; see `list metrics`")
      ->delimiter(',')
      ->allow_extra_args(false);
  const auto number = [&](const char* name, int64_t& value, const char* words) {
    verb->add_option(name, value, words)->capture_default_str();
  };
  number("--kid-subsets", options.scores.kid_subsets, "random subsets of KID");
  number("--kid-subset-size", options.scores.kid_subset_size, "images in each of them");
  number("--pr-k", options.scores.pr_k, "neighbours of precision and recall");
  number("--dc-k", options.scores.dc_k, "neighbours of density and coverage");
  number("--isc-splits", options.scores.isc_splits,
         "parts of the Inception Score; the convention adm has its own");
  number("--fid-subsets", options.scores.fid_subsets,
         "disjoint subsets behind FID's interval; 0: no interval");
  verb->add_option("--device", options.device, "auto, cpu, cuda or cuda:<index>")
      ->capture_default_str();
  verb->add_flag("--recursive", options.recursive, "read sub-folders too");
  verb->add_flag("--skip-broken", options.skip_broken, "leave broken images out, and name them");
  verb->add_option("--save-features", options.save_features,
                   "write the features and logits of both sides to this .npz");
  verb->add_option("--save-statistics", options.save_statistics,
                   "write mu and sigma of the real side to this .npz, as pytorch-fid and ADM do");
  verb->add_option("--cache", options.cache,
                   "folder of features by content; ~/.cache/oar-bench/features without it");
  verb->add_flag("--no-cache", options.no_cache, "keep no features after this call");
  verb->add_flag("--json", options.json, "print one JSON object instead of a table");
  verb->add_flag("--quiet", options.quiet, "no progress lines");
  return {verb, [held, verb] {
            held->set_explicitly = given_options(*verb);
            return oar::run_metrics(*held);
          }};
}

oar::Verb add_orders(CLI::App& app) {
  const auto options = std::make_shared<oar::OrdersOptions>();
  return {oar::add_orders_verb(app, *options),
          [options] { return oar::run_orders_verb(*options); }};
}

oar::Verb add_weights(CLI::App& app) {
  const auto options = std::make_shared<oar::WeightsOptions>();
  return {oar::add_weights_verb(app, *options), [options] { return oar::run_weights(*options); }};
}

}  // namespace

int main(int argc, char** argv) {
  oar::keep_freed_memory();
  CLI::App app{"oar-bench trains and evaluates generation orders of autoregressive image models."};
  app.set_version_flag("--version", OAR_VERSION);
  app.require_subcommand(1);
  oar::EditCommand edit;
  std::vector<oar::Verb> verbs;
  for (const auto add : {oar::add_run_verb,
                         oar::add_plan_verb,
                         oar::add_report_verb,
                         oar::add_submit_verb,
                         oar::add_gc_verb,
                         oar::add_verify_verb,
                         oar::add_export_verb,
                         oar::add_publish_verb,
                         add_metrics_verb,
                         add_orders,
                         add_weights,
                         oar::add_list_verb,
                         oar::add_init_verb,
                         oar::add_status_verb,
                         oar::add_doctor_verb,
                         oar::add_completion_verb,
                         oar::add_compare_verb,
                         oar::add_gate_verb,
                         oar::add_track_verb,
                         oar::add_preference_verb,
                         oar::add_tokenizer_verb,
                         oar::add_data_verb}) {
    verbs.push_back(add(app));
  }
  oar::add_edit_verbs(app, edit);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? oar::kAllDone : oar::kUsage;
  }
  try {
    oar::install_signal_handlers();
    for (const oar::Verb& verb : verbs) {
      if (*verb.app) return verb.run();
    }
    return oar::run_edit(edit);
  } catch (...) {
    return oar::report_error();
  }
}
