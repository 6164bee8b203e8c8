#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include "tests/browser/browser.h"

namespace oar {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string decode_base64(const std::string& text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) throw std::runtime_error("Chromium sent a picture that is not base64");
  const auto padding =
      std::count(text.end() - std::min<ptrdiff_t>(2, std::ssize(text)), text.end(), '=');
  bytes.resize(static_cast<size_t>(size - padding));
  return bytes;
}

struct Key {
  std::string code, text;
  int number;  ///< Windows' virtual key, which Chromium's commands are bound to
};

Key key_of(const std::string& key) {
  static const std::map<std::string, Key> kNamed = {{"ArrowLeft", {"ArrowLeft", "", 37}},
                                                    {"ArrowUp", {"ArrowUp", "", 38}},
                                                    {"ArrowRight", {"ArrowRight", "", 39}},
                                                    {"ArrowDown", {"ArrowDown", "", 40}},
                                                    {"Backspace", {"Backspace", "", 8}},
                                                    {"Tab", {"Tab", "", 9}},
                                                    {"Enter", {"Enter", "\r", 13}},
                                                    {"Escape", {"Escape", "", 27}},
                                                    {" ", {"Space", " ", 32}}};
  if (const auto named = kNamed.find(key); named != kNamed.end()) return named->second;
  if (key.size() != 1 || std::isalnum(static_cast<unsigned char>(key[0])) == 0) {
    throw std::runtime_error("no key is called \"" + key + "\" here");
  }
  const char upper = static_cast<char>(std::toupper(static_cast<unsigned char>(key[0])));
  const bool digit = std::isdigit(static_cast<unsigned char>(upper)) != 0;
  return {(digit ? "Digit" : "Key") + std::string(1, upper), key, upper};
}

}  // namespace

json Page::call(const std::string& method, const json& parameters) {
  return browser_->call(session_, method, parameters);
}

json Page::evaluate(const std::string& expression) {
  const json answer = call("Runtime.evaluate", {{"expression", expression},
                                                {"returnByValue", true},
                                                {"awaitPromise", true},
                                                {"userGesture", true}});
  if (answer.contains("exceptionDetails")) {
    throw std::runtime_error(exception_text(answer["exceptionDetails"]) + "\nin " + expression);
  }
  return answer.at("result").value("value", json());
}

void Page::wait_until(const std::string& expression, double seconds) {
  std::string last = "it was not true";
  for (const double deadline = seconds_now() + seconds; seconds_now() < deadline;
       ::usleep(10'000)) {
    try {
      if (evaluate("Boolean(" + expression + ")") == true) return;
      last = "it was not true";
    } catch (const std::runtime_error& error) {  // a page that is being left has no context
      last = error.what();
    }
  }
  throw std::runtime_error(fmt::format("waited {} s for: {}\n{}", seconds, expression, last));
}

void Page::reload() {
  evaluate("window.pageBeforeReload = true");
  call("Page.reload");
  wait_until("window.pageBeforeReload === undefined && document.readyState === 'complete'", 60);
}

void Page::set_viewport(int width, int height, bool phone) {
  call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", phone}});
  call("Emulation.setTouchEmulationEnabled", {{"enabled", phone}});
  // Laid out anew: two frames later everything stands where it will stay.
  evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
}

void Page::set_colour_scheme(const std::string& scheme) {
  call("Emulation.setEmulatedMedia",
       {{"features", json::array({{{"name", "prefers-color-scheme"}, {"value", scheme}}})}});
}

void Page::press(const std::string& name) {
  const Key key = key_of(name);
  json event = {{"type", key.text.empty() ? "rawKeyDown" : "keyDown"},
                {"key", name},
                {"code", key.code},
                {"windowsVirtualKeyCode", key.number}};
  if (!key.text.empty()) event["text"] = key.text;
  call("Input.dispatchKeyEvent", event);
  event.erase("text");
  event["type"] = "keyUp";
  call("Input.dispatchKeyEvent", event);
}

std::pair<double, double> Page::middle_of(const std::string& selector) {
  const json place = evaluate(R"((selector => {
    const found = document.querySelectorAll(selector);
    if (found.length !== 1) return found.length + ' elements are there';
    found[0].scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
    const box = found[0].getBoundingClientRect();
    const x = box.left + box.width / 2, y = box.top + box.height / 2;
    const hit = document.elementFromPoint(x, y);
    if (!hit) return 'its middle is outside of the page';
    const label = hit.closest('label');
    if (found[0].contains(hit) || (label && label.control === found[0])) return {x, y};
    return 'it is covered by ' + hit.outerHTML.slice(0, 80);
  })()" + json(selector).dump() +
                              ")");
  if (place.is_string()) throw std::runtime_error(selector + ": " + place.get<std::string>());
  return {place.at("x"), place.at("y")};
}

void Page::click(const std::string& selector) {
  const auto [x, y] = middle_of(selector);
  for (const char* type : {"mouseMoved", "mousePressed", "mouseReleased"}) {
    json event = {{"type", type}, {"x", x}, {"y", y}};
    if (std::string_view(type) != "mouseMoved")
      event.update({{"button", "left"}, {"clickCount", 1}});
    call("Input.dispatchMouseEvent", event);
  }
}

void Page::tap(const std::string& selector) {
  const auto [x, y] = middle_of(selector);
  call("Input.dispatchTouchEvent",
       {{"type", "touchStart"}, {"touchPoints", json::array({{{"x", x}, {"y", y}}})}});
  call("Input.dispatchTouchEvent", {{"type", "touchEnd"}, {"touchPoints", json::array()}});
}

void Page::screenshot(const fs::path& file) {
  json clip = call("Page.getLayoutMetrics").at("cssContentSize");
  clip["width"] = evaluate("Math.max(innerWidth, document.documentElement.scrollWidth)");
  clip["scale"] = 1;
  // Beyond the viewport Chromium lays the page out anew, and forgets that a phone has no mouse.
  const bool beyond = clip["height"] > evaluate("innerHeight");
  const json picture = call("Page.captureScreenshot",
                            {{"format", "png"}, {"captureBeyondViewport", beyond}, {"clip", clip}});
  const std::string bytes = decode_base64(picture.at("data"));
  std::ofstream out(file, std::ios::binary);
  if (!out.write(bytes.data(), std::ssize(bytes)).flush()) {
    throw std::runtime_error("cannot write " + file.string());
  }
}

std::vector<std::string> Page::complaints() {
  evaluate("new Promise(done => setTimeout(done))");  // what came before it has arrived by then
  return browser_->seen_[session_].complaints;
}

std::vector<std::string> Page::requests() {
  evaluate("new Promise(done => setTimeout(done))");
  return browser_->seen_[session_].requests;
}

std::vector<AccessibleNode> Page::accessibility_tree() {
  call("Accessibility.enable");
  std::vector<AccessibleNode> nodes;
  const json tree = call("Accessibility.getFullAXTree");
  for (const json& node : tree.at("nodes")) {
    if (node.value("ignored", false)) continue;
    const auto text = [&](const char* field) {
      const json value = node.value(field, json::object()).value("value", json());
      return value.is_string() ? value.get<std::string>() : std::string();
    };
    nodes.push_back({text("role"), text("name")});
  }
  return nodes;
}

}  // namespace oar
