// The pictures themselves, where there is a Python with matplotlib; what stands in for them
// elsewhere.
#include "reports/plots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <sstream>
#include <string>

#include "tests/reports/example_figures.h"
#include "tests/reports/example_images.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using example::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// An environment variable for one test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    const char* const before = std::getenv(name);
    was_set_ = before != nullptr;
    if (was_set_) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (was_set_) {
      ::setenv(name_, before_.c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::string before_;
  bool was_set_ = false;
};

class Plots : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("oar-plots-" + std::to_string(::getpid()));
    for (const char* exhibits : {"raster0", "raster1", "oar0", "oar1", "tokenizer"}) {
      const fs::path place = folder_ / "exhibits" / exhibits;
      fs::create_directories(place);
      uint8_t red = 0;
      for (const char* name : {"000.png", "001.png", "original_000.png", "original_001.png",
                               "reconstructed_000.png", "reconstructed_001.png"}) {
        std::ofstream(place / name, std::ios::binary)
            << example::one_colour_png({red += 40, 90, 150}, 16);
      }
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  static bool has_matplotlib() {
    const std::string command = "'" + plots_python() + "' -c 'import matplotlib' 2> /dev/null";
    return std::system(command.c_str()) == 0;
  }

  std::string draw_figures(const std::vector<FigureSpec>& figures) const {
    return oar::draw_figures(figures, folder_, folder_,
                             [](const fs::path& path, std::string_view text) {
                               std::ofstream(path, std::ios::binary) << text;
                             });
  }

  std::string bytes(const std::string& name) const {
    std::ifstream in(folder_ / "figures" / name, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  std::set<std::string> pictures() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_ / "figures")) {
      names.insert(entry.path().filename());
    }
    names.erase("figures.json");
    return names;
  }

  fs::path folder_;
};

TEST_F(Plots, EveryFigureIsDrawnInEveryFormat) {
  if (!has_matplotlib()) GTEST_SKIP() << plots_python() << " has no matplotlib";
  const std::vector<FigureSpec> figures = figures_of(example::all_figures());
  EXPECT_EQ(draw_figures(figures), "");
  std::set<std::string> expected;
  for (const FigureSpec& figure : figures) {
    if (figure.animated) {
      EXPECT_EQ(bytes(figure.id + ".gif").substr(0, 6), "GIF89a") << figure.id;
      expected.insert(figure.id + ".gif");
      continue;
    }
    const std::string png = bytes(figure.id + ".png"), svg = bytes(figure.id + ".svg"),
                      pdf = bytes(figure.id + ".pdf");
    EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n") << figure.id;
    EXPECT_EQ(png.substr(png.size() - 8, 4), "IEND") << figure.id;
    EXPECT_THAT(svg, HasSubstr("<svg")) << figure.id;
    EXPECT_THAT(svg, HasSubstr("</svg>")) << figure.id;
    EXPECT_EQ(pdf.substr(0, 5), "%PDF-") << figure.id;
    EXPECT_THAT(pdf.substr(pdf.size() - 8), HasSubstr("%%EOF")) << figure.id;
    for (const char* ending : {".png", ".svg", ".pdf"}) expected.insert(figure.id + ending);
  }
  EXPECT_EQ(pictures(), expected);
}

TEST_F(Plots, TheSameFiguresAreTheSameBytesAndAreNotDrawnTwice) {
  if (!has_matplotlib()) GTEST_SKIP() << plots_python() << " has no matplotlib";
  std::vector<FigureSpec> figures = figures_of(example::all_figures());
  figures.resize(1);
  ASSERT_EQ(draw_figures(figures), "");
  const std::string png = bytes("metrics.png"), svg = bytes("metrics.svg"),
                    pdf = bytes("metrics.pdf");
  const auto written = fs::last_write_time(folder_ / "figures" / "metrics.png");
  ASSERT_EQ(draw_figures(figures), "");
  EXPECT_EQ(fs::last_write_time(folder_ / "figures" / "metrics.png"), written);
  fs::remove(folder_ / "figures" / "metrics.svg");
  ASSERT_EQ(draw_figures(figures), "");
  EXPECT_EQ(bytes("metrics.png"), png);
  EXPECT_EQ(bytes("metrics.svg"), svg);
  EXPECT_EQ(bytes("metrics.pdf"), pdf);
}

TEST_F(Plots, OnlyWhatIsNewIsDrawn) {
  if (!has_matplotlib()) GTEST_SKIP() << plots_python() << " has no matplotlib";
  std::vector<FigureSpec> figures = figures_of(example::all_figures());
  std::erase_if(figures, [](const FigureSpec& figure) {
    return figure.id != "metrics" && figure.id != "samples" && figure.id != "blobs";
  });
  fs::remove(folder_ / "exhibits" / "oar0" / "000.png");  // so "samples" can never be drawn
  EXPECT_THAT(draw_figures(figures), HasSubstr("samples is left out: exhibits/oar0/000.png: "));
  const auto time_of = [&](const char* name) {
    return fs::last_write_time(folder_ / "figures" / name);
  };
  const auto metrics = time_of("metrics.png"), blobs = time_of("blobs.png");
  for (FigureSpec& figure : figures) {
    if (figure.id == "blobs") figure.drawing["panels"][0]["y_label"] = "something else";
  }
  EXPECT_THAT(draw_figures(figures), HasSubstr("samples is left out: "));  // said again
  EXPECT_EQ(time_of("metrics.png"), metrics);
  EXPECT_GT(time_of("blobs.png"), blobs);
}

TEST_F(Plots, ProcessesThatDrawIntoOneFolderDoNotDisturbEachOther) {
  if (!has_matplotlib()) GTEST_SKIP() << plots_python() << " has no matplotlib";
  std::vector<FigureSpec> figures = figures_of(example::all_figures());
  figures.resize(2);
  // With every start of Python a line: those that waited find all of it drawn.
  const fs::path starts = folder_ / "starts", counting = folder_ / "python";
  std::ofstream(counting) << "#!/bin/sh\necho start >> '" << starts.string() << "'\nexec '"
                          << plots_python() << "' \"$@\"\n";
  fs::permissions(counting, fs::perms::owner_all);
  const Variable python("OAR_PYTHON", counting.string());
  std::vector<std::future<std::string>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(std::async(std::launch::async, [&] { return draw_figures(figures); }));
  }
  for (std::future<std::string>& one : all) EXPECT_EQ(one.get(), "");
  for (const FigureSpec& figure : figures) {
    for (const char* ending : {".png", ".svg", ".pdf"}) {
      EXPECT_GT(bytes(figure.id + ending).size(), 100u) << figure.id << ending;
    }
  }
  EXPECT_EQ(pictures().size(), 6u);      // and nothing temporary
  EXPECT_EQ(fs::file_size(starts), 6u);  // "start" once
}

TEST_F(Plots, AFigureThatCannotBeDrawnIsNamedAndTheOthersAreDrawn) {
  if (!has_matplotlib()) GTEST_SKIP() << plots_python() << " has no matplotlib";
  fs::remove(folder_ / "exhibits" / "oar0" / "000.png");
  std::vector<FigureSpec> figures = figures_of(example::all_figures());
  for (FigureSpec& figure : figures) {
    if (figure.id == "blobs") figure.drawing["panels"] = 7;
    if (figure.id == "step_maps") figure.drawing["kind"] = "sculpture";
  }
  const std::string said = draw_figures(figures);
  EXPECT_THAT(said, HasSubstr("samples is left out: exhibits/oar0/000.png: "));
  EXPECT_THAT(said, HasSubstr("blobs is left out: "));
  EXPECT_THAT(said, HasSubstr("step_maps is left out: no figure is of the kind 'sculpture'"));
  EXPECT_EQ(pictures().count("samples.png"), 0u);
  EXPECT_EQ(pictures().count("metrics.png"), 1u);
}

TEST_F(Plots, NamesOfUsersAreTextAndNothingElse) {
  if (!has_matplotlib()) GTEST_SKIP() << plots_python() << " has no matplotlib";
  std::vector<json> cells;
  for (const char* name : {"$\\frac{1}{", "<script>alert(1)</script>", "\x1b[2J \xe2\x80\xae abc",
                           "新しい順序", "line\nbreak"}) {
    cells.push_back(example::cell(name, 0, json::array({example::fid(3.0)})));
  }
  EXPECT_EQ(draw_figures(figures_of(example::results(cells))), "");
  EXPECT_EQ(pictures().count("metrics.png"), 1u);
  EXPECT_THAT(bytes("metrics.svg"), Not(HasSubstr("<script")));
}

TEST_F(Plots, WithoutPythonTheUserIsTold) {
  const Variable python("OAR_PYTHON", "/nowhere/python");
  EXPECT_EQ(draw_figures(figures_of(example::all_figures())),
            "no pictures: \"/nowhere/python\" cannot be started; set OAR_PYTHON to a Python with "
            "matplotlib");
  EXPECT_THAT(pictures(), IsEmpty());
  const json written = json::parse(bytes("figures.json"));  // what the pictures would show is there
  EXPECT_EQ(written.at("figures").size(), figures_of(example::all_figures()).size());
}

TEST_F(Plots, WithoutItsScriptTheUserIsTold) {
  const Variable script("OAR_PLOTS", "/nowhere/plot_results.py");
  EXPECT_THAT(draw_figures(figures_of(example::all_figures())),
              HasSubstr("no pictures: there is no /nowhere/plot_results.py; set OAR_PLOTS"));
}

TEST_F(Plots, PicturesOfAnEarlierReportAreRemovedAndNoOthers) {
  fs::create_directories(folder_ / "figures");
  for (const char* name : {"old.png", "old.svg", "mine.png", "notes.txt"}) {
    std::ofstream(folder_ / "figures" / name) << "a picture";
  }
  std::ofstream(folder_ / "figures" / "figures.json")
      << json{{"figures", {{{"id", "old"}}, {{"id", "../old"}}, {{"id", 3}}}}};
  EXPECT_EQ(draw_figures({}), "");
  EXPECT_EQ(pictures(), (std::set<std::string>{"mine.png", "notes.txt"}));
}

}  // namespace
}  // namespace oar
