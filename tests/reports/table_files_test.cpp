#include "reports/table_files.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace oar::report {
namespace {

using ::testing::HasSubstr;

TableCell number(const std::string& text, const std::vector<double>& values, bool best = false) {
  TableCell cell(text);
  cell.spread = spread_of(values);
  cell.best = best;
  return cell;
}

Table example() {
  Table table("results", {"recipe", "FID ↓"}, 1);
  table.add({escape_markdown("oar_finetuned"), number("2.0 ± 2.5", {1, 2, 3}, true)});
  table.add({escape_markdown("=HYPERLINK(\"x\"), <b>"), number("–", {})});
  return table;
}

TEST(ToCsv, HasWhatThePageShowsAndTheNumbersBehindIt) {
  const double half = spread_of({1, 2, 3}).half_width;
  EXPECT_NEAR(half, 4.302652729749464 / std::sqrt(3.0), 1e-12);  // t of 2 degrees, s = 1
  EXPECT_EQ(to_csv(example()),
            "recipe,FID ↓,FID ↓: mean,FID ↓: sd,FID ↓: 95 % half-width,FID ↓: n\n"
            "oar_finetuned,2.0 ± 2.5,2,1," +
                fmt::format("{}", half) +
                ",3\n"
                "\"'=HYPERLINK(\"\"x\"\"), <b>\",–,,,,0\n");
}

TEST(ToCsv, LeavesNumbersThatBeginWithASignAlone) {
  Table table("t", {"a", "b"}, 1);
  table.add({"-0.25", "-1+2"});
  EXPECT_EQ(to_csv(table), "a,b\n-0.25,'-1+2\n");
}

TEST(ToTex, IsABooktabsTableWithTheDecidedBestInBold) {
  Table table = example();
  table.caption = "- **FID ↓**: N = 500 generated images; convention torch_fidelity.\n";
  EXPECT_EQ(to_tex(table),
            "% needs \\usepackage{booktabs}\n"
            "\\begin{table}\n\\centering\n"
            "\\begin{tabular}{lr}\n\\toprule\n"
            "recipe & FID $\\downarrow$ \\\\\n\\midrule\n"
            "oar\\_finetuned & \\textbf{2.0 $\\pm$ 2.5} \\\\\n"
            "=HYPERLINK(\"x\"), \\textless{}b\\textgreater{} & -- \\\\\n"
            "\\bottomrule\n\\end{tabular}\n"
            "\\caption{FID $\\downarrow$: N = 500 generated images; convention torch\\_fidelity.}\n"
            "\\label{tab:results}\n\\end{table}\n");
}

TEST(EscapeTex, LeavesNoCommandOfUsers) {
  EXPECT_EQ(escape_tex("\\input{/etc/passwd} 5% $x$ a_b^c~#&"),
            "\\textbackslash{}input\\{/etc/passwd\\} 5\\% \\$x\\$ "
            "a\\_b\\textasciicircum{}c\\textasciitilde{}\\#\\&");
  EXPECT_THAT(escape_tex("[2]"), HasSubstr("{[}2]"));
  EXPECT_EQ(escape_tex("*2"), "{*}2");
}

}  // namespace
}  // namespace oar::report
