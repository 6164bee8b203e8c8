#include "harness/orders/order_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <limits>
#include <system_error>

#include "datasets/dataset.h"
#include "models/weights/tensor_file.h"
#include "tests/harness/orders/orders_fixture.h"

namespace oar {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

OrderSet two_orders() {
  return {Grid{2, 2},
          torch::tensor({7, 3}),
          torch::tensor({{0, 1, 3, 2}, {3, 2, 1, 0}}),
          torch::tensor({{-0.1f, -0.2f, -0.3f, -1e-7f}, {-4.0f, -5.0f, -6.5f, -7.0f}}),
          torch::tensor({1, 0}),
          "oar",
          true};
}

void expect_equal(const OrderSet& a, const OrderSet& b) {
  EXPECT_EQ(a.grid, b.grid);
  EXPECT_TRUE(a.image.equal(b.image));
  EXPECT_TRUE(a.position_at.equal(b.position_at));
  EXPECT_TRUE(a.log_likelihood.equal(b.log_likelihood));  // to the last bit of the float
  EXPECT_TRUE(a.label.equal(b.label));
  EXPECT_EQ(a.order, b.order);
  EXPECT_EQ(a.peeks, b.peeks);
}

class OrderFile : public OrdersTest {
 protected:
  std::string refusal(const std::string& text, std::optional<Grid> grid = Grid{2, 2}) {
    write("o.jsonl", text);
    return message_of<BadData>([&] { read_orders(folder_ / "o.jsonl", grid); });
  }
  OrderSet read(const std::string& text, std::optional<Grid> grid = {}) {
    write("o.jsonl", text);
    return read_orders(folder_ / "o.jsonl", grid);
  }
  std::string tensor_refusal(const TensorMap& tensors,
                             const std::map<std::string, std::string>& metadata) {
    write_safetensors(folder_ / "o.safetensors", tensors, metadata);
    return message_of<BadData>([&] { read_orders(folder_ / "o.safetensors"); });
  }
};

TEST_F(OrderFile, IsReadAsItWasWrittenInEitherFormat) {
  for (const char* name : {"o.jsonl", "o.safetensors"}) {
    write_orders(folder_ / name, two_orders());
    expect_equal(read_orders(folder_ / name), two_orders());
  }
}

TEST_F(OrderFile, NeedsNeitherImagesNorLikelihoodsNorLabels) {
  OrderSet bare{Grid{1, 2}, {}, torch::tensor({{1, 0}}), {}, {}};
  for (const char* name : {"o.jsonl", "o.safetensors"}) {
    write_orders(folder_ / name, bare);
    const OrderSet found = read_orders(folder_ / name);
    EXPECT_TRUE(found.position_at.equal(bare.position_at));
    EXPECT_FALSE(found.image.defined() || found.log_likelihood.defined() || found.label.defined());
    EXPECT_EQ(found.order, "");
    EXPECT_FALSE(found.peeks.has_value());
  }
}

TEST_F(OrderFile, IsTextWithOneImageALine) {
  const OrderSet orders{Grid{1, 2},
                        torch::tensor({5}),
                        torch::tensor({{1, 0}}),
                        torch::tensor({{-0.1f, -2.0f}}),
                        {},
                        "oar",
                        false};
  write_orders(folder_ / "o.jsonl", orders);
  std::ifstream in(folder_ / "o.jsonl");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(text, R"({"schema_version":1,"rows":1,"cols":2,"order":"oar","peeks":false}
{"image":5,"position_at":[1,0],"log_likelihood":[-0.1,-2]}
)");
}

TEST_F(OrderFile, ByHandIsAnyListOfPositionsWhereTheGridIsGiven) {
  const torch::Tensor one = torch::tensor({{0, 1, 3, 2}});
  const torch::Tensor two = torch::tensor({{0, 1, 3, 2}, {3, 2, 1, 0}});
  EXPECT_TRUE(read("[0, 1, 3, 2]", Grid{2, 2}).position_at.equal(one));
  EXPECT_TRUE(read("[0, 1,\n 3, 2]\n", Grid{2, 2}).position_at.equal(one));
  EXPECT_TRUE(read("[0,1,3,2]\n\n[3,2,1,0]", Grid{2, 2}).position_at.equal(two));
  EXPECT_TRUE(read("[[0,1,3,2], [3,2,1,0]]", Grid{2, 2}).position_at.equal(two));
  EXPECT_TRUE(read("[\n{\"position_at\": [0,1,3,2]},\n{\"position_at\": [3,2,1,0]}\n]", Grid{2, 2})
                  .position_at.equal(two));
  EXPECT_FALSE(read("[0, 1, 3, 2]", Grid{2, 2}).image.defined());
}

TEST_F(OrderFile, MayHaveFieldsThatNobodyReads) {
  EXPECT_EQ(read(R"({"schema_version": 1, "rows": 1, "cols": 2, "made_by": "me"}
{"position_at": [1, 0], "note": {"a": [1, 2]}})")
                .grid,
            (Grid{1, 2}));
}

TEST_F(OrderFile, WithoutAGridSaysHowToGiveOne) {
  EXPECT_THAT(refusal("[0, 1, 3, 2]", {}),
              AllOf(HasSubstr("o.jsonl: orders of 4 patches, and nothing says of which grid"),
                    HasSubstr("--grid RxC")));
}

TEST_F(OrderFile, OfAnotherGridThanTheOneGivenIsAUsageError) {
  write_orders(folder_ / "o.jsonl", two_orders());
  EXPECT_EQ(read_orders(folder_ / "o.jsonl", Grid{2, 2}).grid, (Grid{2, 2}));
  EXPECT_THAT(
      [&] {
        read_orders(folder_ / "o.jsonl", Grid{1, 4});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("orders of a 2x2 grid, not of 1x4")));
}

TEST_F(OrderFile, NamesLineAndStepOfAnOrderThatIsNoPermutation) {
  EXPECT_THAT(refusal("[0,1,2,3]\n\n[0,1,4,3]"),
              HasSubstr("o.jsonl:3: position_at[2] is 4; accepted: 0 .. 3"));
  EXPECT_THAT(refusal("[0,1,-1,3]"), HasSubstr("o.jsonl:1: position_at[2] is -1"));
  EXPECT_THAT(
      refusal("[[0,1,2,3],\n[0,1,1,3]]"),
      HasSubstr("o.jsonl:2: patch 1 is placed at step 1 and again at step 2; accepted: each "
                "of 0 .. 3 once"));
  EXPECT_THAT(refusal("[0,1,2,3]\n[0,1,2]"),
              HasSubstr("o.jsonl:2: position_at has 3 entries; accepted: 4, one for each patch"));
}

TEST_F(OrderFile, NamesWhatIsNoOrder) {
  EXPECT_THAT(refusal(""), HasSubstr("o.jsonl: no orders are in it"));
  EXPECT_THAT(refusal("{\"schema_version\": 1, \"rows\": 2, \"cols\": 2}"),
              HasSubstr("no orders are in it"));
  EXPECT_THAT(refusal("[0,1,2.5,3]"),
              HasSubstr("position_at[2] is 2.5; accepted: a list of integers"));
  EXPECT_THAT(refusal("[0,1,1e30,3]"), HasSubstr("position_at[2] is 1e+30"));
  EXPECT_THAT(refusal("{\"position_at\": \"raster\"}"),
              HasSubstr("position_at is \"raster\"; accepted: a list of integers"));
  EXPECT_THAT(refusal("{\"positions\": [0,1,2,3]}"),
              HasSubstr("an order without position_at is {\"positions\":[0,1,2,3]}; accepted: "));
  EXPECT_THAT(refusal("{\"image\": \"a\", \"position_at\": [0,1,2,3]}"),
              HasSubstr("image is \"a\"; accepted: an integer"));
  EXPECT_THAT(refusal("{\"image\": -2, \"position_at\": [0,1,2,3]}"),
              HasSubstr("image is -2; accepted: integers >= 0"));
}

TEST_F(OrderFile, NamesTheLineOfAHeaderThatStatesNoGrid) {
  EXPECT_THAT(refusal("\n{\"schema_version\": 2}\n[0]"),
              HasSubstr("o.jsonl:2: schema_version is 2; accepted: 1"));
  EXPECT_THAT(refusal("{\"schema_version\": 1, \"rows\": 2}\n[0]"),
              HasSubstr("o.jsonl:1: rows 2 and cols null; accepted: integers >= 1"));
  EXPECT_THAT(refusal("{\"schema_version\": 1, \"peeks\": 1}\n[0]"),
              HasSubstr("o.jsonl:1: peeks is 1; accepted: true, false"));
  EXPECT_THAT(refusal("{\"schema_version\": 1, \"order\": 1}\n[0]"),
              HasSubstr("o.jsonl:1: order is 1; accepted: the name of a policy"));
  EXPECT_THAT(refusal("{\"schema_version\": 1, \"rows\": 200, \"cols\": 200}\n[0]"),
              HasSubstr("at most 32767 patches"));
}

TEST_F(OrderFile, HasEverythingForAllImagesOrForNone) {
  EXPECT_THAT(refusal("{\"image\": 4, \"position_at\": [0,1,2,3]}\n[0,1,2,3]"),
              HasSubstr("o.jsonl:2: image is missing here and given on line 1"));
  EXPECT_THAT(refusal("[0,1,2,3]\n{\"log_likelihood\": [-1,-1,-1,-1], \"position_at\": [0,1,2,3]}"),
              HasSubstr("o.jsonl:2: log_likelihood is given here and missing on line 1"));
  EXPECT_THAT(
      refusal("{\"image\": 4, \"position_at\": [0,1,2,3]}\n"
              "{\"image\": 4, \"position_at\": [0,1,2,3]}"),
      AllOf(HasSubstr("o.jsonl:2: image 4 has an order already, "), HasSubstr("o.jsonl:1")));
}

TEST_F(OrderFile, HasOneFiniteLikelihoodAStep) {
  const auto with = [](const std::string& values) {
    return "{\"position_at\": [0,1,2,3], \"log_likelihood\": " + values + "}";
  };
  EXPECT_THAT(refusal(with("[-1,-2]")), HasSubstr("log_likelihood has 2 entries; accepted: 4"));
  EXPECT_THAT(refusal(with("[-1,-2,null,-1]")), HasSubstr("log_likelihood[2] is null"));
  EXPECT_THAT(refusal(with("[-1,-2,-1e300,-1]")),
              HasSubstr("o.jsonl:1: a log_likelihood is not finite"));  // as a float32
}

TEST_F(OrderFile, NamesTheLineOfWhatIsNoJson) {
  EXPECT_THAT(refusal("[0,1,2,3]\nraster"),
              HasSubstr("o.jsonl:2: found \"raster\"; accepted: a list [...] or an object {...}"));
  EXPECT_THAT(refusal("[0,1,2,3]\n[0,1,\n2,x]"), HasSubstr("o.jsonl:3: not valid JSON: column"));
  EXPECT_THAT(refusal("[0,1,2,3]\n[0,1"),
              HasSubstr("o.jsonl:2: the value that begins here does not end"));
  EXPECT_THAT(refusal("[[0,1,2,3]\n[0,1,2,3]]"),
              HasSubstr("o.jsonl:2: found \"[0,1,2,3]]\"; accepted: a comma, or the ] of the array "
                        "of line 1"));
  EXPECT_THAT(refusal("[[0,1,2,3],\n 5]"), HasSubstr("o.jsonl:2: found \"5]\"; accepted: a list"));
  EXPECT_THAT(refusal("{\"position_at\": [0,1,2,3], \"position_at\": [3,2,1,0]}"),
              HasSubstr("the key \"position_at\" comes twice"));
  EXPECT_THAT(refusal(std::string(100, '[')), HasSubstr("inside of too many others"));
  EXPECT_THAT(refusal("{\"a\": \"}\\\"]\"}"), HasSubstr("an order without position_at"));
  EXPECT_THAT(refusal("\xff\xfe"), HasSubstr("o.jsonl:1: found "));
}

TEST_F(OrderFile, InSafetensorsIsHeldToTheSame) {
  const torch::Tensor good = torch::tensor({{0, 1, 3, 2}, {3, 2, 1, 0}}, torch::kInt16);
  const std::map<std::string, std::string> grid = {{"rows", "2"}, {"cols", "2"}};
  EXPECT_THAT(tensor_refusal({{"codes", good}}, grid), HasSubstr("there is no tensor position_at"));
  EXPECT_THAT(tensor_refusal({{"position_at", good.to(torch::kFloat32)}}, grid),
              HasSubstr("tensor position_at is Float [2, 4]; accepted: integers [any, any]"));
  EXPECT_THAT(tensor_refusal({{"position_at", good}}, {}), HasSubstr("nothing says of which grid"));
  EXPECT_THAT(tensor_refusal({{"position_at", good}}, {{"rows", "2"}, {"cols", "two"}}),
              HasSubstr("metadata: rows 2 and cols \"two\""));
  EXPECT_THAT(tensor_refusal({{"position_at", good}}, {{"rows", "2"}, {"cols", "3"}}),
              HasSubstr("position_at has 4 entries an image; accepted: 6"));
  EXPECT_THAT(tensor_refusal({{"position_at", good - 1}}, grid),
              HasSubstr("o.safetensors: row 0: position_at[0] is -1"));
  EXPECT_THAT(tensor_refusal({{"position_at", good}, {"image", torch::tensor({1, 1})}}, grid),
              HasSubstr("row 1: image 1 has an order already"));
  EXPECT_THAT(tensor_refusal({{"position_at", good}, {"image", torch::tensor({1})}}, grid),
              HasSubstr("tensor image is Long [1]; accepted: integers [2]"));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      tensor_refusal({{"position_at", good}, {"log_likelihood", torch::full({2, 4}, nan)}}, grid),
      HasSubstr("row 0: a log_likelihood is not finite"));
  EXPECT_THAT(tensor_refusal({{"position_at", torch::zeros({0, 4}, torch::kInt16)}}, grid),
              HasSubstr("[0, 4]"));
}

TEST_F(OrderFile, ThatIsCutShortIsBadData) {
  write_orders(folder_ / "o.safetensors", two_orders());
  std::filesystem::resize_file(folder_ / "o.safetensors", 100);
  EXPECT_THROW(read_orders(folder_ / "o.safetensors"), BadData);
}

TEST_F(OrderFile, ThatIsNotThereIsNamed) {
  EXPECT_THAT([&] { read_orders(folder_ / "absent.jsonl"); },
              ThrowsMessage<std::system_error>(HasSubstr("absent.jsonl")));
  EXPECT_THROW(read_orders(folder_), std::system_error);  // a folder
}

TEST_F(OrderFile, IsWrittenUnderANameThatTellsItsFormat) {
  EXPECT_THAT([&] { write_orders(folder_ / "o.txt", two_orders()); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("end in .jsonl or .safetensors")));
  OrderSet unfit = two_orders();
  unfit.image = torch::tensor({1});
  EXPECT_THAT([&] { write_orders(folder_ / "o.jsonl", unfit); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("do not fit each other")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "o.jsonl"));
}

TEST(GridFromText, IsRowsTimesColumns) {
  EXPECT_EQ(grid_from_text("16x24"), (Grid{16, 24}));
  for (const char* wrong : {"", "8", "8x", "x8", "8x8x8", "0x4", "-1x4", "8 x 8", "8X8", "200x200",
                            "99999999999999999999x1"}) {
    EXPECT_THAT([&] { grid_from_text(wrong); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("as in 8x8")))
        << wrong;
  }
}

}  // namespace
}  // namespace oar
