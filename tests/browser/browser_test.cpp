#include "tests/browser/browser.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>
#include <iterator>

#include "tests/browser/page_checks.h"

namespace oar {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

/// The browser and the checks of pages themselves: each finds what it is there to find.
class BrowserItself : public BrowserTest {
 protected:
  Page page(const std::string& body, const std::string& head = "") {
    const auto file = folder_ / "a page & more.html";
    std::ofstream(file) << "<!doctype html><html lang=en><meta charset=utf-8><title>T</title>"
                        << "<meta name=viewport content='width=device-width'>" << head << "<body>"
                        << body;
    return browser().open(file);
  }
};

TEST_F(BrowserItself, KeysClicksAndTapsReachThePage) {
  Page it = page(R"(<button id=b style='height:40px'>B</button><script>
      const seen = [];
      addEventListener('keydown', e => seen.push(e.key));
      b.addEventListener('click', e => seen.push(e.pointerType));</script>)");
  for (const char* key : {"ArrowLeft", "Backspace", "7", "x", " "}) it.press(key);
  it.click("#b");
  it.set_viewport(390, 844, true);
  it.tap("#b");
  it.wait_until("seen.length === 7");
  EXPECT_EQ(it.evaluate("seen.join('|')"), "ArrowLeft|Backspace|7|x| |mouse|touch");
  EXPECT_EQ(it.evaluate("[innerWidth, matchMedia('(hover: hover)').matches]"),
            nlohmann::json({390, false}));
  EXPECT_THROW(it.click("#none"), std::runtime_error);
  EXPECT_THAT(it.complaints(), IsEmpty());
}

TEST_F(BrowserItself, HearsWhatThePageComplainsOfAndAsksFor) {
  Page it =
      page(R"(<img alt=x src=missing.png><img alt=y src='http://example.invalid/a.png'><script>
      console.log('not a complaint');
      console.error('an error', 3);
      setTimeout(() => { throw new Error('nobody caught it'); });</script>)");
  EXPECT_THAT(it.complaints(), Contains("console.error: an error 3"));
  EXPECT_THAT(it.complaints(), Contains(HasSubstr("nobody caught it")));
  EXPECT_THAT(it.complaints(), Contains(HasSubstr("missing.png")));
  EXPECT_THAT(it.complaints(), Not(Contains(HasSubstr("not a complaint"))));
  EXPECT_THAT(it.requests(), UnorderedElementsAre(it.url(), HasSubstr("/missing.png"),
                                                  "http://example.invalid/a.png"));
  EXPECT_THAT(missing_pictures(it), SizeIs(2));
  EXPECT_THROW(it.evaluate("no_such_name"), std::runtime_error);
  EXPECT_THROW(it.wait_until("false", 0.05), std::runtime_error);
}

TEST_F(BrowserItself, FindsWhatReachesOverTheEdge) {
  Page it = page(R"(<div style='overflow-x:auto'><div style='width:900px'>scrolls itself</div></div>
                    <p id=wide style='width:800px'>too wide</p>)");
  it.set_viewport(390, 844, true);
  EXPECT_THAT(elements_over_the_edge(it), ElementsAre("p#wide \"too wide\""));
  it.evaluate("wide.remove()");
  EXPECT_THAT(elements_over_the_edge(it), IsEmpty());
}

// Ratios on white: #777 4.48, #767676 4.54; on #121212: #767676 4.12.
TEST_F(BrowserItself, FindsTextOfLowContrastInLightAndDark) {
  Page it = page(
      "<p style='color:#777'>pale</p><p style='color:#767676'>fair</p>"
      "<p style='color:#777;font-size:24px'>large</p><p style='color:#000;opacity:.3'>faded</p>",
      "<style>:root{color-scheme:light dark}@media(prefers-color-scheme:dark)"
      "{body{background:#121212}}</style>");
  it.set_colour_scheme("light");
  EXPECT_THAT(texts_of_low_contrast(it), ElementsAre("p \"pale\" 4.48", HasSubstr("faded")));
  it.set_colour_scheme("dark");
  EXPECT_THAT(texts_of_low_contrast(it), Contains("p \"fair\" 4.12"));
}

TEST_F(BrowserItself, FindsWhatAScreenReaderCannotName) {
  Page it = page(
      "<button></button><button aria-label=Named></button><h1>Title</h1>"
      "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>");
  EXPECT_THAT(unnamed_elements(it), ElementsAre("button", "image"));
  EXPECT_THAT(it.accessibility_tree(), Contains(AllOf(Field(&AccessibleNode::role, "heading"),
                                                      Field(&AccessibleNode::name, "Title"))));
}

TEST_F(BrowserItself, TakesAPictureOfTheWholePage) {
  Page it = page("<div style='height:2000px'>tall</div>", "<style>body{margin:0}</style>");
  it.set_viewport(300, 200);
  it.screenshot(folder_ / "picture.png");
  std::ifstream in(folder_ / "picture.png", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  ASSERT_GT(bytes.size(), 24u);  // a PNG's width and height are its bytes 16 to 23, big-endian
  EXPECT_EQ(bytes.substr(16, 8), std::string("\0\0\x01\x2c\0\0\x07\xd0", 8));
}

TEST_F(BrowserItself, LeavesNothingBehind) {
  const std::filesystem::path profile = browser().downloads().parent_path();
  EXPECT_TRUE(std::filesystem::exists(profile));
  TearDown();
  EXPECT_FALSE(std::filesystem::exists(profile));
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    std::ifstream in(process.path() / "cmdline");
    const std::string words{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(words.find(profile.string()), std::string::npos) << process.path();
  }
}

}  // namespace
}  // namespace oar
