#pragma once

#include <map>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace oar {

/// What may follow an option, where its own checks do not say: {"--device": {"auto", "cpu"}}.
using CompletionValues = std::map<std::string, std::vector<std::string>>;

/// A bash script that completes the command lines of `app`: verbs, nested actions, options, and
/// values that are one of a list (CLI::IsMember, or `values`). Everything else completes to files.
/// A value that ends in '=' is not followed by a space. Hidden options are left out, and so is any
/// word with a character that bash could read as more than a word.
std::string bash_completion(const CLI::App& app, const CompletionValues& values);

}  // namespace oar
