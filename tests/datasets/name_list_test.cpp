#include "datasets/name_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "datasets/dataset.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using namespace std::string_view_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> names_in(std::string_view pickle) {
  return names_in_pickle(std::as_bytes(std::span(pickle)), "filenames.pickle");
}

std::string refusal(std::string_view pickle) {
  return message_of<BadData>([&] { names_in(pickle); });
}

// What Python 3.12 makes of pickle.dumps(["0", "29999.jpg"], protocol), and Python 2 of the same
// list of byte strings.
TEST(NamesInPickle, ReadsAListOfTextsOfEveryProtocol) {
  for (const std::string_view pickle : {
           "(lp0\nV0\np1\naV29999.jpg\np2\na."sv,
           "]q\0(X\1\0\0\0000q\1X\t\0\0\00029999.jpgq\2e."sv,
           "\x80\2]q\0(X\1\0\0\0000q\1X\t\0\0\00029999.jpgq\2e."sv,
           "\x80\4\x95\x16\0\0\0\0\0\0\0]\x94(\x8c\1"
           "0\x94\x8c\t29999.jpg\x94"
           "e."sv,
           "(lp0\nS'0'\np1\naS'29999.jpg'\np2\na."sv,
           "\x80\2]q\0(U\1"
           "0q\1U\t29999.jpgq\2e."sv,
       }) {
    EXPECT_THAT(names_in(pickle), ElementsAre("0", "29999.jpg"));
  }
  EXPECT_THAT(names_in("\x80\2]q\0."sv), IsEmpty());
}

TEST(NamesInPickle, RefusesEverythingElseAPickleCanDo) {
  // os.system("true"), as pickle.loads would run it: the look-up is the first step refused.
  EXPECT_THAT(refusal("cos\nsystem\n(S'true'\ntR."),
              AllOf(HasSubstr("\"filenames.pickle\" is no pickle of a plain list of names"),
                    HasSubstr("the step 0x63"), HasSubstr("at byte 1"),
                    HasSubstr("write the names into a text file, one a line")));
  EXPECT_THAT(refusal("\x80\2]q\0K\1a."sv), HasSubstr("the step 0x4b"));          // [1]
  EXPECT_THAT(refusal("\x80\2]q\0]q\1a."sv), HasSubstr("a list within a list"));  // [[]]
  EXPECT_THAT(refusal("\x80\2}q\0."sv), HasSubstr("the step 0x7d"));              // {}
  EXPECT_THAT(refusal("\x80\2X\1\0\0\0aq\0."sv), HasSubstr("no list of texts"));  // "a"
  EXPECT_THAT(refusal("\x80\2]q\0.more"sv), HasSubstr("no list of texts, or more"));
}

TEST(NamesInPickle, RefusesOneThatIsCutOffWhereverItIs) {
  const std::string_view whole = "\x80\2]q\0(X\1\0\0\0000q\1X\t\0\0\00029999.jpgq\2e."sv;
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(refusal(whole.substr(0, size)), HasSubstr("found its end")) << size;
  }
  EXPECT_THAT(refusal("\x80\2]q\0X\xff\xff\xff\xff"sv), HasSubstr("found its end"));
}

TEST(ReadNameList, ReadsOneNameALineOrAPickleByTheFilesName) {
  const TestFolder folder;
  folder.write("train.txt", "1.jpg\r\n\n  2.jpg \n3.jpg");
  folder.write("train.pickle", "(lp0\nV7\np1\na.");
  EXPECT_THAT(read_name_list(folder.path() / "train.txt"), ElementsAre("1.jpg", "2.jpg", "3.jpg"));
  EXPECT_THAT(read_name_list(folder.path() / "train.pickle"), ElementsAre("7"));
}

}  // namespace
}  // namespace oar
