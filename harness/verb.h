#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace oar {

/// A verb of the command line: where it is parsed, and what it does. `run` returns the exit code;
/// what it throws goes to report_error().
struct Verb {
  CLI::App* app = nullptr;
  std::function<int()> run;
};

}  // namespace oar
