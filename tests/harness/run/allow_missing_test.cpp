// Images that lack their label: a run refuses them, and takes them where it is told to.
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "harness/exit_code.h"
#include "harness/stages/artifacts.h"
#include "tests/harness/program.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kSweep[] = R"({
  "version": 1,
  "name": "labelled",
  "defaults": {
    "dataset": {"name": "fashion_products", "root": "data", "image_size": 32,
                "class_column": "gender"},
    "tokenizer": {"preset": "nano", "images_seen": 32, "batch_size": 8},
    "model": {"layers": 1, "width": 32, "heads": 2, "condition": "class"},
    "relabel": null,
    "generate": {"num_samples": 12},
    "evaluate": {"kid_subset_size": 6, "isc_splits": 2}
  }
})";

class AllowMissing : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    std::ofstream(folder_ / "labelled.json") << kSweep;
    fs::create_directories(folder_ / "data" / "images");
    std::ofstream styles(folder_ / "data" / "styles.csv");
    styles << "id,gender\n";
    for (int i = 10; i < 30; ++i) {
      const std::string id = std::to_string(i);
      write_png(folder_ / "data" / "images" / (id + ".png"),
                at::full({3, 32, 32}, 5 * i, torch::kUInt8));
      if (i < 28) styles << id << (i % 2 == 0 ? ",Men\n" : ",Women\n");
    }
  }
};

TEST_F(AllowMissing, OverATwentiethWithoutALabelIsBadDataUnlessAllowed) {
  const std::vector<std::string> arguments = {"run", "labelled.json", "--device", "cpu"};
  const Outcome refused = run(arguments);
  EXPECT_EQ(refused.code, kBadData) << refused.text;
  EXPECT_THAT(refused.text,
              AllOf(HasSubstr("model.condition is \"class\", but 2 of 20 images (10.0 %) have no "
                              "label. Complete them, or add --allow-missing"),
                    HasSubstr("images/28.png, images/29.png")));
  // The data set is scanned, so that a look at the store meets the same question.
  std::vector<std::string> look = arguments;
  look.emplace_back("--report-only");
  EXPECT_EQ(run(look).code, kBadData);
  look.emplace_back("--allow-missing");
  const Outcome allowed = run(look);
  EXPECT_EQ(allowed.code, kInterrupted) << allowed.text;  // nothing is wrong, all is yet to be made
  EXPECT_THAT(allowed.text, HasSubstr("they are trained on without a condition"));
}

}  // namespace
}  // namespace oar
