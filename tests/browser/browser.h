#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace oar {

// A page in a real Chromium, as a test uses it (checks of whole pages:
// tests/browser/page_checks.h):
//
//   class ReportPage : public BrowserTest {};
//
//   TEST_F(ReportPage, SortsATableByItsColumn) {
//     Page page = browser().open(folder_ / "report.html");          // loaded, pictures too
//     page.set_viewport(390, 844, true);                            // a phone; 1280 x 800 at first
//     page.set_colour_scheme("dark");
//     page.click("th:nth-child(2)");                                // a mouse where a person's is
//     page.wait_until("document.querySelector('td').innerText === 'oar'");
//     EXPECT_EQ(page.evaluate("document.title"), "quickstart");
//     EXPECT_THAT(page.complaints(), IsEmpty());                    // console, exceptions, log
//     EXPECT_THAT(page.requests(), ElementsAre(page.url()));        // the file itself, no network
//     page.screenshot("/tmp/report.png");                           // the whole page, to look at
//   }

class Browser;

/// What a screen reader is told of one element.
struct AccessibleNode {
  std::string role;  ///< "button", "image", "heading", ...
  std::string name;  ///< what it is called; empty: it says nothing
};

/// A tab of a Browser: a handle, which the Browser must outlive.
///
/// Errors  std::runtime_error with what was asked, where the page says no or time is over; of
///         `evaluate` with the script's own exception.
class Page {
 public:
  const std::string& url() const { return url_; }

  /// The value of a JavaScript expression, awaited if it is a promise; undefined is null.
  nlohmann::json evaluate(const std::string& expression);

  /// Waits until the expression is true.
  void wait_until(const std::string& expression, double seconds = 20.0);

  void reload();

  /// The page's size in CSS pixels; with `phone` as phones have it: touch, no hover, and the
  /// page's own `meta viewport` counts.
  void set_viewport(int width, int height, bool phone = false);

  /// "light" or "dark".
  void set_colour_scheme(const std::string& scheme);

  /// One key, down and up: a character, or "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown",
  /// "Backspace", "Enter", "Escape", "Tab".
  void press(const std::string& key);

  /// A click, or a tap of a finger, on the middle of the one element that the CSS selector finds.
  /// It is refused where something else covers that place.
  void click(const std::string& selector);
  void tap(const std::string& selector);

  /// PNG of the whole page.
  void screenshot(const std::filesystem::path& file);

  /// Every warning, error and failed assertion on the console, exception that nobody caught, and
  /// message of the browser about the page, so far.
  std::vector<std::string> complaints();

  /// Every URL that the page asked for so far, but no data: and blob: ones, which hold their bytes.
  std::vector<std::string> requests();

  /// What a screen reader is told, in the order of the page.
  std::vector<AccessibleNode> accessibility_tree();

 private:
  friend class Browser;
  Page(Browser& browser, std::string session, std::string url)
      : browser_(&browser), session_(std::move(session)), url_(std::move(url)) {}

  nlohmann::json call(const std::string& method, const nlohmann::json& parameters = {});
  std::pair<double, double> middle_of(const std::string& selector);

  Browser* browser_;
  std::string session_, url_;
};

/// A headless Chromium with a profile of its own, spoken to over --remote-debugging-pipe. It cannot
/// reach the network. It and its children end with this object, or with the test's process.
///
/// Errors  std::runtime_error with Chromium's own words where it does not answer.
/// Source  Chrome DevTools Protocol; messages are JSON, each ended by a NUL byte.
class Browser {
 public:
  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  /// $OAR_CHROMIUM, or the Chromium or Chrome in the PATH; empty where there is none.
  static std::string program();

  /// A new tab with that file, loaded; `query` stands behind it: "?seed=7".
  Page open(const std::filesystem::path& file, const std::string& query = "");

  /// Where downloads go; empty at first.
  std::filesystem::path downloads() const { return folder_ / "downloads"; }

 private:
  friend class Page;
  struct Seen {
    std::vector<std::string> complaints, requests;
  };

  void start(const std::string& program);
  void shut_down();
  std::string log_text() const;
  nlohmann::json call(const std::string& session, const std::string& method,
                      const nlohmann::json& parameters);
  nlohmann::json next_message(double deadline, const std::string& what);
  void take_event(const nlohmann::json& message);

  std::filesystem::path folder_;
  pid_t process_ = -1;
  int to_ = -1, from_ = -1;  // the ends of the pipes that are ours
  std::string unread_;       // bytes of messages that are not whole yet
  int last_id_ = 0;
  std::map<std::string, Seen> seen_;  // by session
};

/// Seconds of a clock that only goes forward.
double seconds_now();

/// What Chromium says of an exception: its message and stack.
std::string exception_text(const nlohmann::json& details);

/// Tests with a Browser and a folder of their own; skipped by name where there is no Chromium.
class BrowserTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Started where it is first asked for.
  Browser& browser();

  std::filesystem::path folder_;

 private:
  std::unique_ptr<Browser> browser_;
};

}  // namespace oar
