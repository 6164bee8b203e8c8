#include "harness/edit/edit_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <stdexcept>

#include "tests/harness/edit/edit_fixture.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// One sample of 2x2 patches of 4x4 pixels, of which the last three are drawn.
class EditFolders : public EditTest {
 protected:
  EditFolders() {
    canvas_.drawn[0] = false;
    edits_.num_known = 1;
  }
  std::set<std::string> names(const fs::path& folder) const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder)) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }
  void leave(const std::string& name) { std::ofstream(folder_ / name) << "half"; }

  Canvas canvas_{{{2, 2}, 4}, noise(8, 8, 1), torch::ones({4}, torch::kBool)};
  Edits edits_{1, noise(8, 8, 2).unsqueeze(0), torch::arange(4).unsqueeze(0),
               torch::zeros({1, 4}, torch::kInt64), torch::zeros({1, 4})};
};

TEST_F(EditFolders, HoldTheSamplesTheMaskAndTheRecord) {
  EditFolder(folder_ / "new" / "edit", false).write(canvas_, edits_, {});
  EXPECT_THAT(names(folder_ / "new" / "edit"),
              ElementsAre("edit.json", "mask.png", "sample-000.png"));
}

TEST_F(EditFolders, ReplaceWhatAKilledEditLeft) {
  for (const char* name :
       {"sample-000.png", "sample-001.png.tmp.4711", "mask.png.tmp.4711", "edit.json.tmp.4711.0"}) {
    leave(name);
  }
  EXPECT_THROW(EditFolder(folder_, false), std::invalid_argument);
  EditFolder(folder_, true).write(canvas_, edits_, {});
  EXPECT_THAT(names(folder_), ElementsAre("edit.json", "mask.png", "sample-000.png"));
}

TEST_F(EditFolders, NeverReplaceAnythingElse) {
  for (const char* name :
       {"notes.txt", "notes.txt.tmp.4711", "sample-000.png.tmp.mine", "sample-000.jpg"}) {
    leave(name);
    EXPECT_THAT([&] { EditFolder(folder_, true); },
                ThrowsMessage<std::invalid_argument>(
                    HasSubstr(std::string(name) + "\" is no part of an edit")));
    fs::remove(folder_ / name);
  }
}

TEST_F(EditFolders, AreGoneIfNothingWasWritten) {
  fs::create_directories(folder_ / "mine");
  { const EditFolder folder(folder_ / "mine" / "new" / "edit", false); }
  EXPECT_FALSE(fs::exists(folder_ / "mine" / "new"));
  { const EditFolder folder(folder_ / "mine", false); }
  EXPECT_TRUE(fs::exists(folder_ / "mine"));  // it was there before
}

}  // namespace
}  // namespace oar
