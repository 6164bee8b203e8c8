#include "harness/preference/preference_file.h"

#include <fmt/format.h>

#include "harness/exit_code.h"
#include "harness/stages/artifacts.h"
#include "models/weights/atomic_file.h"
#include "reports/preference_page.h"
#include "reports/report.h"

namespace oar {

int write_preference_page(const std::filesystem::path& folder, const std::filesystem::path& out,
                          const std::string& row_a, const std::string& row_b) {
  const nlohmann::json results = read_json(folder / "results.json");
  const std::vector<std::string> problems = validate_results(results);
  for (const std::string& problem : problems) {
    fmt::print(stderr, "{}: {}\n", (folder / "results.json").string(), problem);
  }
  if (!problems.empty()) return kBadData;
  const std::string page = render_preference_page(results, folder, row_a, row_b);
  std::filesystem::create_directories(out);
  write_file_atomically(out / "preference.html", std::string_view(page));
  fmt::print(
      "{}: open it in a browser, or send it to people; the files that they export are read "
      "by `oar-bench preference FILE...`\n",
      (out / "preference.html").string());
  return kAllDone;
}

}  // namespace oar
