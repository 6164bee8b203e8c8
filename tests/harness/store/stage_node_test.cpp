#include "harness/store/stage_node.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace oar {
namespace {

using nlohmann::json;

std::string key(const json& config) { return make_node("tokens", 1, config).key; }

TEST(StageKey, IsTheSha256OfTheCanonicalJson) {
  // printf '{"config":{"size":64},"inputs":{},"stage":"tokens","version":1}' | sha256sum
  EXPECT_EQ(key({{"size", 64}}),
            "c084c2c22fc931781fdbb5577a533a56065bb68cdd541aef76c42fbda5672901");
}

TEST(StageKey, DoesNotDependOnTheOrderOfKeysInTheConfiguration) {
  EXPECT_EQ(key(json::parse(R"({"a": 1, "b": {"c": 2, "d": 3}})")),
            key(json::parse(R"({"b": {"d": 3, "c": 2}, "a": 1})")));
}

TEST(StageKey, ChangesWithEachThingThatTheArtifactDependsOn) {
  const StageNode dataset = make_node("dataset", 1, {{"name", "sunset"}});
  const StageNode other = make_node("dataset", 1, {{"name", "celeba_hq"}});
  const std::string base = make_node("tokens", 1, {{"size", 64}}, {{"dataset", dataset}}).key;
  EXPECT_NE(base, make_node("tokens", 1, {{"size", 65}}, {{"dataset", dataset}}).key);
  EXPECT_NE(base, make_node("tokens", 2, {{"size", 64}}, {{"dataset", dataset}}).key);
  EXPECT_NE(base, make_node("orders", 1, {{"size", 64}}, {{"dataset", dataset}}).key);
  EXPECT_NE(base, make_node("tokens", 1, {{"size", 64}}, {{"dataset", other}}).key);
  EXPECT_NE(base, make_node("tokens", 1, {{"size", 64}}, {{"images", dataset}}).key);
  EXPECT_NE(base, make_node("tokens", 1, {{"size", 64}}).key);
}

TEST(StageKey, DoesNotDependOnTheOrderInWhichInputsAreListed) {
  const StageNode a = make_node("dataset", 1, {}), b = make_node("tokenizer", 1, {});
  EXPECT_EQ(make_node("tokens", 1, {}, {{"images", a}, {"tokenizer", b}}).key,
            make_node("tokens", 1, {}, {{"tokenizer", b}, {"images", a}}).key);
}

TEST(StageKey, OfAnInputReachesEverythingDownstream) {
  const auto downstream = [](int seed) {
    const StageNode model = make_node("any_order", 1, {{"seed", seed}});
    return make_node("scores", 1, {},
                     {{"samples", make_node("samples", 1, {}, {{"model", model}})}});
  };
  EXPECT_NE(downstream(0).key, downstream(1).key);
}

TEST(StageNodeLabel, IsTheStageAndTwelveDigits) {
  const StageNode node = make_node("any_order", 1, {});
  EXPECT_EQ(node.label(), "any_order/" + node.key.substr(0, 12));
}

TEST(StageNodeMistakes, AreRefused) {
  const StageNode input = make_node("dataset", 1, {});
  EXPECT_THROW(make_node("../tokens", 1, {}), std::logic_error);
  EXPECT_THROW(make_node("", 1, {}), std::logic_error);
  EXPECT_THROW(make_node("tokens", 1, {{"lr", {1.0, std::nan("")}}}), std::logic_error);
  EXPECT_THROW(make_node("tokens", 1, {}, {{"a", input}, {"a", input}}), std::logic_error);
  EXPECT_THROW(make_node("tokens", 1, {}, {{"a", StageNode{}}}), std::logic_error);
}

}  // namespace
}  // namespace oar
