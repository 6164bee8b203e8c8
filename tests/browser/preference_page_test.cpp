// The preference page as a viewer meets it, in a real browser.
#include "reports/preference_page.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include "tests/browser/browser.h"
#include "tests/browser/page_checks.h"
#include "tests/reports/example_images.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int kRed = 200;  // of every image of A; B's have another
constexpr char kScript[] = "<script>alert(1)</script>";

class PreferencePageInABrowser : public BrowserTest {
 protected:
  void SetUp() override {
    BrowserTest::SetUp();
    if (IsSkipped()) return;
    json a = example::cell(kScript, 0, json::array()),
         b = example::cell("raster", 0, json::array());
    example::add_samples(a, folder_, 12, kRed);
    example::add_samples(b, folder_, 12, 100);
    std::ofstream(folder_ / "preference.html")
        << render_preference_page(example::results({a, b}), folder_, kScript, "raster");
  }

  Page open(const std::string& query = "?seed=7") {
    Page page = browser().open(folder_ / "preference.html", query);
    ready(page);
    return page;
  }

  static void ready(Page& page) { page.wait_until("document.querySelector('[aria-busy=false]')"); }

  static void answer(Page& page, const std::string& key) {
    page.press(key);
    ready(page);
  }

  /// {left, right}: {"a" or "b", number of the sample}, read off the pixels on the screen.
  static json seen(Page& page) {
    json sides = page.evaluate(R"(['left-image', 'right-image'].map(id => {
      const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
      const context = canvas.getContext('2d');
      context.drawImage(document.getElementById(id), 0, 0);
      const [red, green] = context.getImageData(0, 0, 1, 1).data;
      return [red, green / 10];
    }))");
    for (json& side : sides) side[0] = side[0] == kRed ? "a" : "b";
    return sides;
  }

  static std::string place(Page& page) {
    return page.evaluate("document.getElementById('place').innerText");
  }

  /// What the page exports: the text that is there to be copied.
  static json exported(Page& page) {
    page.click("#export");
    return json::parse(
        page.evaluate("document.getElementById('exported').value").get<std::string>());
  }
};

TEST_F(PreferencePageInABrowser, TakesKeysAndExportsWhatWasAnswered) {
  Page page = open();
  json expected = json::array();
  const auto turn = [&](const char* key, int chosen) {  // 0 left, 1 right, -1 neither
    const json sides = seen(page);
    EXPECT_NE(sides[0][0], sides[1][0]);  // one of each row, of one number
    EXPECT_EQ(sides[0][1], sides[1][1]);
    expected.push_back({sides[0][1], sides[0][0], chosen < 0 ? json("tie") : sides[chosen][0]});
    answer(page, key);
  };
  EXPECT_EQ(place(page), "Pair 1 of 12");
  turn("ArrowLeft", 0);
  turn("ArrowRight", 1);
  turn(" ", -1);
  turn("1", 0);
  turn("2", 1);
  turn("0", -1);
  EXPECT_EQ(place(page), "Pair 7 of 12");
  const json before = seen(page);
  answer(page, "1");
  answer(page, "Backspace");  // and the same pair stands there again
  EXPECT_EQ(seen(page), before);
  const json record = exported(page);
  json found = json::array();
  for (const json& pair : record["pairs"]) {
    found.push_back({pair["sample"], pair["left"], pair["choice"]});
    EXPECT_EQ(pair["seed"], "0");
    EXPECT_GE(pair["milliseconds"], 0);
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(record["schema_version"], 1);
  EXPECT_EQ(record["a"], kScript);
  EXPECT_EQ(record["b"], "raster");
  EXPECT_EQ(record["of"], 12);
  EXPECT_EQ(record["viewer"].get<std::string>().size(), 16u);
  EXPECT_THAT(page.complaints(), IsEmpty());
  EXPECT_THAT(page.requests(), ElementsAre(page.url()));
}

TEST_F(PreferencePageInABrowser, SavesAFile) {
  Page page = open("");
  answer(page, "1");
  const json record = exported(page);
  const std::string id = record["page_id"], viewer = record["viewer"];
  const fs::path file = browser().downloads() /
                        ("preference-" + id.substr(0, 8) + "-" + viewer.substr(0, 8) + ".json");
  for (int i = 0; i < 1000 && !fs::exists(file); ++i)
    page.evaluate("new Promise(requestAnimationFrame)");
  std::ifstream in(file);
  EXPECT_EQ(json::parse(in, nullptr, false), record);
}

TEST_F(PreferencePageInABrowser, TakesTapsOnAPhoneWithoutScrollingSideways) {
  Page page = open();
  page.set_viewport(390, 844, true);
  for (const char* button : {"#left", "#right", "#tie"}) {
    page.tap(button);
    ready(page);
  }
  EXPECT_EQ(place(page), "Pair 4 of 12");
  page.tap("#undo");
  ready(page);
  EXPECT_EQ(place(page), "Pair 3 of 12");
  EXPECT_THAT(elements_over_the_edge(page), IsEmpty());
  // Both images at once, of one size, without scrolling.
  EXPECT_EQ(page.evaluate(R"((() => { scrollTo(0, 0);
      const [l, r] = [...document.images].map(i => i.getBoundingClientRect());
      return l.width === r.width && l.width > 120 && l.top === r.top && r.bottom < innerHeight; })())"),
            true);
  page.set_viewport(320, 568, true);
  EXPECT_THAT(elements_over_the_edge(page), IsEmpty());
}

TEST_F(PreferencePageInABrowser, DealsOrderAndSidesByTheSeed) {
  const auto dealt = [&](const std::string& query) {
    Page page = open(query);
    json turns = json::array();
    for (int i = 0; i < 12; ++i) {
      turns.push_back(seen(page));
      answer(page, "1");
    }
    return turns;
  };
  const json first = dealt("?seed=7"), other = dealt("?seed=8");
  EXPECT_NE(first, other);
  std::vector<double> samples;
  int a_left = 0;
  for (const json& turn : first) {
    samples.push_back(turn[0][1]);
    a_left += turn[0][0] == "a" ? 1 : 0;
  }
  EXPECT_FALSE(std::is_sorted(samples.begin(), samples.end()));
  std::sort(samples.begin(), samples.end());
  EXPECT_THAT(samples, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_GT(a_left, 1);
  EXPECT_LT(a_left, 11);

  Page again = open("?seed=7");  // answered above, in this browser
  again.click("#reset");
  again.click("#reset");
  ready(again);
  EXPECT_EQ(seen(again), first[0]);
}

TEST_F(PreferencePageInABrowser, KeepsTheAnswersOverAReloadUntilTheyAreErased) {
  Page page = open("");
  for (const char* key : {"1", "2", "0"}) answer(page, key);
  const json before = exported(page), next = seen(page);
  page.reload();
  ready(page);
  EXPECT_EQ(place(page), "Pair 4 of 12");
  EXPECT_EQ(seen(page), next);
  EXPECT_EQ(exported(page), before);
  page.click("#reset");
  EXPECT_EQ(page.evaluate("document.getElementById('reset').innerText"),
            "Erase 3 answers and start over");
  EXPECT_EQ(place(page), "Pair 4 of 12");
  page.click("#reset");
  ready(page);
  EXPECT_EQ(place(page), "Pair 1 of 12");
  answer(page, "1");
  EXPECT_NE(exported(page)["viewer"], before["viewer"]);
}

TEST_F(PreferencePageInABrowser, TellsNothingUntilTheExportAndTheNamesAsTextThen) {
  Page page = open();
  const char kShown[] =
      "document.documentElement.outerHTML.replace(/<script[^]*?<\\/script>/g, '')";
  while (place(page) != "12 of 12 answered") {
    EXPECT_THAT(page.evaluate(kShown).get<std::string>(), Not(HasSubstr("raster")));
    answer(page, "1");
  }
  EXPECT_EQ(page.evaluate("finished.checkVisibility() && !pair.checkVisibility()"), true);
  EXPECT_THAT(page.evaluate("document.body.innerText").get<std::string>(),
              Not(HasSubstr("raster")));
  int64_t wins = 0;
  const json record = exported(page);
  for (const json& pair : record["pairs"]) wins += pair["choice"] == "a" ? 1 : 0;
  EXPECT_EQ(page.evaluate("summary.innerText"),
            "You preferred " + std::string(kScript) + " " + std::to_string(wins) +
                " times, raster " + std::to_string(12 - wins) + " times, and neither 0 times.");
  EXPECT_EQ(page.evaluate("document.querySelectorAll('script').length"), 2);
  EXPECT_THAT(page.complaints(), IsEmpty());
}

TEST_F(PreferencePageInABrowser, IsReadableAndNamedInLightAndDark) {
  Page page = open();
  answer(page, "1");  // every button can be pressed now
  for (const char* scheme : {"light", "dark"}) {
    page.set_colour_scheme(scheme);
    EXPECT_THAT(texts_of_low_contrast(page), IsEmpty()) << scheme;
  }
  EXPECT_THAT(unnamed_elements(page), IsEmpty());
  EXPECT_THAT(missing_pictures(page), IsEmpty());
  const auto tree = page.accessibility_tree();
  for (const char* name : {"No preference", "Undo", "Export answers", "Start over"}) {
    EXPECT_THAT(tree, Contains(AllOf(Field(&AccessibleNode::role, "button"),
                                     Field(&AccessibleNode::name, name))));
  }
  EXPECT_THAT(tree, Contains(AllOf(Field(&AccessibleNode::role, "button"),
                                   Field(&AccessibleNode::name, HasSubstr("Left is better")))));
  exported(page);
  page.evaluate("document.querySelector('details').open = true");
  EXPECT_THAT(unnamed_elements(page), IsEmpty());
}

// A key that is held down, or is meant for the browser, or for the button that has the focus.
TEST_F(PreferencePageInABrowser, CountsOnePressOnce) {
  Page page = open();
  page.evaluate(R"(for (const more of [{repeat: true}, {ctrlKey: true}, {altKey: true}])
      document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '1', bubbles: true, ...more})))");
  EXPECT_EQ(place(page), "Pair 1 of 12");
  page.evaluate("right.focus()");
  const json sides = seen(page);
  answer(page, " ");
  EXPECT_EQ(place(page), "Pair 2 of 12");
  EXPECT_EQ(exported(page)["pairs"][0]["choice"], sides[1][0]);
  page.click("#left");  // a mouse takes no focus: the space bar is "no preference" again
  ready(page);
  answer(page, " ");
  EXPECT_EQ(exported(page)["pairs"][2]["choice"], "tie");
}

TEST_F(PreferencePageInABrowser, ADoubleClickIsOneAnswerAndErasesNothing) {
  Page page = open();
  page.evaluate(R"(document.getElementById('left').dispatchEvent(
      new MouseEvent('click', {bubbles: true, detail: 1})))");
  ready(page);
  page.evaluate(R"(document.getElementById('left').dispatchEvent(
      new MouseEvent('click', {bubbles: true, detail: 2})))");
  ready(page);
  EXPECT_EQ(place(page), "Pair 2 of 12");
  for (int click = 1; click <= 2; ++click) {
    page.evaluate(
        "document.getElementById('reset').dispatchEvent(new MouseEvent('click', "
        "{bubbles: true, detail: " +
        std::to_string(click) + "}))");
  }
  EXPECT_EQ(place(page), "Pair 2 of 12");
}

TEST_F(PreferencePageInABrowser, AnswersThatCannotBeKeptAreNotLost) {
  Page page = open();
  answer(page, "1");
  page.evaluate("Storage.prototype.setItem = () => { throw new Error('full'); }");
  for (const char* key : {"2", "1", "0"}) answer(page, key);
  EXPECT_EQ(place(page), "Pair 5 of 12");
  EXPECT_EQ(page.evaluate("document.getElementById('unsaved').hidden"), false);
  EXPECT_EQ(exported(page)["pairs"].size(), 4u);
}

TEST_F(PreferencePageInABrowser, TwoTabsShareTheirAnswers) {
  Page one = open(""), other = open("");
  for (const char* key : {"1", "2", "1"}) answer(one, key);
  other.wait_until("document.getElementById('place').innerText === 'Pair 4 of 12'");
  ready(other);
  EXPECT_EQ(seen(other), seen(one));
  answer(other, "0");
  one.wait_until("document.getElementById('place').innerText === 'Pair 5 of 12'");
  ready(one);
  const json record = exported(one);
  EXPECT_EQ(record["pairs"].size(), 4u);
  EXPECT_EQ(record["pairs"][3]["choice"], "tie");
  EXPECT_EQ(record["viewer"], exported(other)["viewer"]);
}

}  // namespace
}  // namespace oar
