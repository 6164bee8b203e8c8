#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace oar {

/// Which image of a pair a viewer preferred.
enum class Preference { kA, kB, kTie };

/// One answer.
struct Answer {
  std::string seed;  ///< which pair: sample k of the cells of this seed
  int64_t sample = 0;
  Preference choice = Preference::kTie;
  bool a_was_left = false;
  int64_t milliseconds = 0;  ///< from the moment the images were there
};

/// One exported file of a preference page: what one viewer said.
struct ViewerAnswers {
  std::string file;     ///< as the user wrote the path
  std::string page_id;  ///< SHA-256 over the images that were shown
  std::string viewer;   ///< a random name
  std::string a, b;     ///< rows of the report
  int64_t of = 0;       ///< pairs of the page
  std::vector<Answer> answers;
};

/// Reads one exported file, of schema version 1 (reports/preference_page.h).
///
/// Errors  std::system_error with the path if it cannot be read; BadData with file and field for a
///         file that is no such export, or whose answers cannot all be right: a pair twice, more
///         answers than pairs.
ViewerAnswers read_answers(const std::filesystem::path& file);

/// Reads files that may be counted together.
///
/// Errors  those of read_answers; std::invalid_argument naming both files where two are of
///         different pages, or of one viewer on one page.
std::vector<ViewerAnswers> read_all_answers(const std::vector<std::string>& files);

}  // namespace oar
