#include "harness/completion/bash_completion.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <string_view>

namespace oar {
namespace {

using Words = std::vector<std::string>;

/// Words go into the script between single quotes.
bool is_plain(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:=+@%";
  return !word.empty() && word.find_first_not_of(kPlain) == std::string::npos;
}

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) {
    if (is_plain(word)) text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

/// The members of a CLI::IsMember, which describes itself as "{a,b,c}" within the option's type.
Words members_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{'), end = type.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

Words names_of(const CLI::Option& option) {
  Words names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

/// The lines of the two `case` of the script, for one app and all below it. `path`: " weights
/// list".
struct Cases {
  std::string words, values, subcommands;

  void add(const CLI::App& app, const std::string& path, const CompletionValues& known) {
    Words options, first;
    for (const CLI::App* sub : app.get_subcommands(nullptr)) {
      if (sub->get_group().empty() || !is_plain(sub->get_name())) continue;
      first.push_back(sub->get_name());
      subcommands += fmt::format("      '{} {}') path+=\" $word\" ;;\n", path, sub->get_name());
      add(*sub, path + " " + sub->get_name(), known);
    }
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_positional()) {
        const Words members = members_of(*option);
        first.insert(first.end(), members.begin(), members.end());
      }
      if (option->get_group().empty()) continue;
      const Words names = names_of(*option);
      options.insert(options.end(), names.begin(), names.end());
      if (option->get_items_expected_max() > 0) add_values(*option, names, path, known);
    }
    words +=
        fmt::format("    '{}') options='{}' words='{}' ;;\n", path, joined(options), joined(first));
  }

  void add_values(const CLI::Option& option, const Words& names, const std::string& path,
                  const CompletionValues& known) {
    Words accepted = members_of(option);
    std::string pattern;
    for (const std::string& name : names) {
      if (!is_plain(name)) continue;
      pattern += fmt::format("{}'{} {}'", pattern.empty() ? "" : "|", path, name);
      const auto found = known.find(name);
      if (accepted.empty() && found != known.end()) accepted = found->second;
    }
    if (pattern.empty()) return;
    values += fmt::format("    {}) values='{}' takes=1 ;;\n", pattern, joined(accepted));
  }
};

// Without COMPREPLY, `-o default` has readline complete file names. readline cuts words at '=' too,
// so that `--device=c` arrives as three words; `--set a.b=c` as three after `--set`.
constexpr char kScript[] = R"(# bash completion of {0}. In this shell: source <({0} completion bash)
# For good: {0} completion bash > ~/.local/share/bash-completion/completions/{0}
_{1}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  local path= options= words= values= takes= word i
  if [ "$cur" = '=' ]; then
    cur=
  elif [ "$prev" = '=' ]; then
    prev=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${{COMP_WORDS[i]}}
    case "$path $word" in
{2}    esac
  done
  case "$path" in
{3}  esac
  case "$path $prev" in
{4}  esac
  COMPREPLY=()
  if [ -n "$takes" ]; then
    words=$values
  elif [[ $cur == -* ]]; then
    words=$options
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ ${{#COMPREPLY[@]}} == 1 && ${{COMPREPLY[0]}} == *= ]]; then
    compopt -o nospace 2>/dev/null
  fi
}}
complete -o default -F _{1} {0}
)";

}  // namespace

std::string bash_completion(const CLI::App& app, const CompletionValues& values) {
  // CLI11 takes the name from argv[0], with its folder.
  std::string program = std::filesystem::path(app.get_name()).filename().string();
  if (!is_plain(program)) program = "oar-bench";
  std::string function = program;
  std::replace(function.begin(), function.end(), '-', '_');
  Cases cases;
  cases.add(app, "", values);
  return fmt::format(kScript, program, function, cases.subcommands, cases.words, cases.values);
}

}  // namespace oar
