#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "datasets/image_source.h"
#include "tests/datasets/test_source.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ListSource, ImagesComeAsListedRelativeToTheList) {
  const TestFolder folder;
  folder.write_picture("lists/b.png", 1);
  folder.write_picture("a.jpg", 2);
  const std::string absolute = (folder.path() / "lists/../c.png").string();
  folder.write_picture("c.png", 3);
  folder.write("lists/list.txt", "b.png\n../a.jpg\n" + absolute);
  const auto source = open_image_source(folder.path() / "lists/list.txt");
  EXPECT_THAT(visits_of(*source), ElementsAre("0 b.png", "1 ../a.jpg", "2 " + absolute));
  EXPECT_EQ(images_of(*source)[1].bytes, encode(make_picture(20, 16, 2), ".jpg"));
}

TEST(ListSource, SkipsBlankLinesCommentsAndWhatWindowsAdds) {
  const TestFolder folder;
  folder.write_picture("a b.png");
  folder.write_picture("c.png");
  folder.write("list.txt", "\xEF\xBB\xBF# chosen by hand\r\n\r\n  a b.png \r\n\t\n#x\nc.png\r\n");
  EXPECT_THAT(visits_of(*open_image_source(folder.path() / "list.txt")),
              ElementsAre("0 a b.png", "1 c.png"));
}

TEST(ListSource, AMissingFileIsAnUnreadableImage) {
  const TestFolder folder;
  folder.write_picture("a.png");
  folder.write("list.txt", "none.png\na.png\n");
  EXPECT_THAT(visits_of(*open_image_source(folder.path() / "list.txt")),
              ElementsAre("0 none.png: there is no such file", "1 a.png"));
}

TEST(ListSource, AFileListedTwiceIsRefusedWithBothLines) {
  const TestFolder folder;
  folder.write_picture("a.png");
  folder.write("list.txt", "a.png\n\n./sub/../a.png\n");
  EXPECT_EQ(refusal_of(folder, "list.txt"),
            "\"list.txt\", line 3: \"./sub/../a.png\" is listed on line 1 already, and would weigh "
            "twice in every number; list each image once");
}

TEST(ListSource, RefusesFoldersAndLinesThatAreNoPaths) {
  const TestFolder folder;
  folder.write_picture("sub/a.png");
  folder.write("folders.txt", "sub/a.png\nsub\n");
  EXPECT_EQ(
      refusal_of(folder, "folders.txt"),
      "\"folders.txt\", line 2: \"sub\" is a folder; list its files, or give the folder itself");
  folder.write("long.txt", "sub/a.png\n" + std::string(5000, 'x'));
  EXPECT_EQ(refusal_of(folder, "long.txt"),
            "\"long.txt\", line 2: no path of a file; a list holds one on each line");
}

TEST(ListSource, TextThatIsNoListIsRefused) {
  const TestFolder folder;
  folder.write("poem.txt", "Shall I compare thee\nto a summer's day?\n");
  EXPECT_EQ(refusal_of(folder, "poem.txt"),
            "\"poem.txt\" is text, but none of its 2 lines names a file, such as \"Shall I compare "
            "thee\"; paths are relative to the list's folder");
  folder.write("comments.txt", "# nothing\n");
  EXPECT_THAT(refusal_of(folder, "comments.txt"), HasSubstr("\"comments.txt\" lists no files"));
}

}  // namespace
}  // namespace oar
