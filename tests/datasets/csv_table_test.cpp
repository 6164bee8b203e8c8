#include "datasets/csv_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/dataset.h"
#include "tests/datasets/test_folder.h"

namespace oar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SplitCsvLine, TheLastColumnTakesTheRestOfTheLine) {  // as Kaggle's styles.csv needs it
  EXPECT_THAT(split_csv_line("7,Men,Shirt, blue, XL", 3),
              ElementsAre("7", "Men", "Shirt, blue, XL"));
}

TEST(SplitCsvLine, QuotesHoldCommasAndDoubledQuotes) {
  EXPECT_THAT(split_csv_line(R"("a,b","say ""hi""",c)", 3), ElementsAre("a,b", "say \"hi\"", "c"));
  EXPECT_THAT(split_csv_line(R"(7,"Shirt, 15"" wide")", 2), ElementsAre("7", "Shirt, 15\" wide"));
}

TEST(SplitCsvLine, AQuoteThatDoesNotEncloseAFieldIsALetter) {
  EXPECT_THAT(split_csv_line(R"(7,15" bag,x)", 3), ElementsAre("7", "15\" bag", "x"));
  EXPECT_THAT(split_csv_line(R"("open,b,c)", 3), ElementsAre("\"open", "b", "c"));
  EXPECT_THAT(split_csv_line(R"(7,"New" bag, "blue")", 2),
              ElementsAre("7", "\"New\" bag, \"blue\""));
  EXPECT_THAT(split_csv_line(R"(7,"New",blue)", 2), ElementsAre("7", "\"New\",blue"));
}

TEST(SplitCsvLine, FieldsThatAreMissingAreEmpty) {
  EXPECT_THAT(split_csv_line("7,,", 4), ElementsAre("7", "", "", ""));
  EXPECT_THAT(split_csv_line("7", 3), ElementsAre("7", "", ""));
  EXPECT_THAT(split_csv_line(" 7 , b ", 2), ElementsAre("7", "b"));
}

TEST(ReadCsv, TakesByteOrderMarksWindowsLineEndsAndBlankLines) {
  const TestFolder folder;
  folder.write("t.csv", "\xEF\xBB\xBFid,name\r\n\r\n1,one\r\n2,caf\xE9");
  const CsvTable table = read_csv(folder.path() / "t.csv");
  EXPECT_THAT(table.columns, ElementsAre("id", "name"));
  EXPECT_THAT(table.rows, ElementsAre(ElementsAre("1", "one"), ElementsAre("2", "caf\uFFFD")));
  EXPECT_EQ(table.column("name"), 1u);
  EXPECT_EQ(table.column("colour"), 2u);  // none of that name
}

TEST(ReadCsv, AnEmptyFileIsRefused) {
  const TestFolder folder;
  folder.write("t.csv", "\n");
  EXPECT_THAT(message_of<BadData>([&] { read_csv(folder.path() / "t.csv"); }),
              HasSubstr("t.csv\" is empty; it must start with a line of column names"));
}

}  // namespace
}  // namespace oar
