#include "harness/completion/completion_verb.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/completion/bash_completion.h"
#include "harness/exit_code.h"
#include "harness/sweep/recipe_options.h"

namespace oar {

Verb add_completion_verb(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* const verb = app.add_subcommand(
      "completion", "print a script for the shell that completes verbs, options and values");
  verb->add_option("shell", *shell, "which shell")->required()->check(CLI::IsMember({"bash"}));
  return {verb, [&app, shell] {  // CLI11 writes to `shell`, which it has checked
            CompletionValues values = {{"--device", {"auto", "cpu", "cuda"}},
                                       {"--precision", {"float32", "bfloat16"}}};
            for (const RecipeOption& option : recipe_options()) {
              values["--set"].push_back(option.key + "=");
            }
            std::cout << bash_completion(app, values) << std::flush;
            return kAllDone;
          }};
}

}  // namespace oar
