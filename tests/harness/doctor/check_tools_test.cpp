#include "harness/doctor/check_tools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <stdexcept>

#include "reports/plots.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;
using ::testing::HasSubstr;

class CheckToolsTest : public testing::Test {
 protected:
  CheckToolsTest() {
    std::string name = (fs::temp_directory_path() / "oar-doctor-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    root_ = name;
    brought_ = {"inception",
                "inception_v3",
                "inception.pth",
                10,
                std::string(64, 'a'),
                "MIT",
                "a network",
                {"https://example.org/inception.pth"},
                false};
  }
  ~CheckToolsTest() override { fs::remove_all(root_); }

  Finding brought() { return check_weights({brought_}, root_, "").at(0); }

  fs::path root_;
  KnownWeights brought_;
};

TEST_F(CheckToolsTest, BroughtWeightsAreHereMissingOrDamaged) {
  EXPECT_EQ(brought().level, Level::kOk);
  EXPECT_EQ(brought().found,
            "not here; only sweeps with the features inception_v3 need it (oar-bench weights fetch "
            "inception)");
  std::ofstream(root_ / "inception.pth") << "short";
  EXPECT_EQ(brought().level, Level::kWarning);
  EXPECT_THAT(brought().found, HasSubstr("5 bytes, not 10"));
  std::ofstream(root_ / "inception.pth") << "ten bytes!";
  EXPECT_EQ(brought().level, Level::kOk);
  EXPECT_EQ(brought().found, (root_ / "inception.pth").string());
}

TEST_F(CheckToolsTest, EmbeddedWeightsAreKnownByTheirHash) {
  KnownWeights embedded = brought_;
  embedded.is_embedded = true;
  EXPECT_EQ(check_weights({embedded}, root_, embedded.sha256).at(0).level, Level::kOk);
  const Finding other = check_weights({embedded}, root_, std::string(64, 'b')).at(0);
  EXPECT_EQ(other.level, Level::kProblem);
  EXPECT_THAT(other.found, HasSubstr("bbbb"));
}

TEST_F(CheckToolsTest, PicturesNeedAPythonWithMatplotlibAndTheScript) {
  const fs::path script = root_ / "plot.py";
  EXPECT_THAT(check_plots("true", script).advice, HasSubstr("OAR_PLOTS"));
  std::ofstream(script) << "";
  EXPECT_EQ(check_plots("true", script).level, Level::kOk);
  EXPECT_THAT(check_plots("false", script).advice, HasSubstr("OAR_PYTHON"));
  EXPECT_EQ(check_plots("/no/such/python", script).level, Level::kWarning);
}

TEST_F(CheckToolsTest, ThePythonIsThatOfTheReports) {
  setenv("OAR_PYTHON", "", 1);
  setenv("XDG_CACHE_HOME", root_.c_str(), 1);
  EXPECT_EQ(plots_python(), "python3");
  fs::create_directories(root_ / "oar-bench" / "venv" / "bin");
  std::ofstream(root_ / "oar-bench" / "venv" / "bin" / "python") << "";
  EXPECT_EQ(plots_python(), (root_ / "oar-bench/venv/bin/python").string());
  setenv("OAR_PYTHON", "mine", 1);
  EXPECT_EQ(plots_python(), "mine");
}

}  // namespace
}  // namespace oar
