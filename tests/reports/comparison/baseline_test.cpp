#include "reports/comparison/baseline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/comparison/formats.h"
#include "reports/report.h"
#include "tests/reports/comparison/compared_results.h"

namespace oar {
namespace {

using example::fid_results;
using example::json;
using example::with_keys;

TEST(Baseline, IsARecordThatComparesAsTheWholeDoes) {
  json whole =
      with_keys(fid_results({{"oar", {30.0, 31.0, 29.5}}, {"raster", {1.0, nullptr, 3.0}}}));
  for (json& cell : whole["cells"]) {
    cell["order_statistics"] = {{"peeks", false}, {"draws_before_choosing", false}};
    cell["stages"].push_back(
        example::stage("dataset", "k", 1.0, {{"sha256", "aa"}, {"images", 1000}}));
  }
  const json kept = baseline_of(whole);
  EXPECT_TRUE(validate_results(kept).empty());
  EXPECT_LT(kept.dump().size(), whole.dump().size());
  json now = whole;
  for (json& cell : now["cells"]) {
    if (cell["status"] == "done") cell["metrics"][0]["value"] = 32.0;
  }
  EXPECT_EQ(comparison_json(compare_results(kept, now, {})),
            comparison_json(compare_results(whole, now, {})));
}

}  // namespace
}  // namespace oar
