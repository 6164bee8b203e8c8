#include "tests/browser/page_checks.h"

#include <set>

namespace oar {
namespace {

/// `path(element)`: what the element is, short enough for a message.
constexpr char kPath[] = R"(
  const path = element => {
    const name = element.tagName.toLowerCase() + (element.id ? '#' + element.id : '') +
                 [...element.classList].map(c => '.' + c).join('');
    return name + ' "' + (element.innerText || '').trim().replace(/\s+/g, ' ').slice(0, 40) + '"';
  };
)";

constexpr char kOverTheEdge[] = R"(
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = element => {
    for (let e = element.parentElement; e && e !== document.body; e = e.parentElement) {
      if (getComputedStyle(e).overflowX !== 'visible') return true;
    }
    return false;
  };
  const found = [...document.body.querySelectorAll('*')].filter(
      e => e.getBoundingClientRect().right + scrollX > width + 1 && !scrolls(e)).map(path);
  return found.length ? found : ['the page is ' + document.documentElement.scrollWidth + ' wide'];
)";

constexpr char kLowContrast[] = R"(
  const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const known = new Map();
  const rgba = colour => {  // any colour that CSS can write, as four numbers of 0 .. 1
    if (!known.has(colour)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      known.set(colour, [...context.getImageData(0, 0, 1, 1).data].map(v => v / 255));
    }
    return known.get(colour);
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const dark = matchMedia('(prefers-color-scheme: dark)').matches &&
               getComputedStyle(document.documentElement).colorScheme.includes('dark');
  const behind = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      layers.push(rgba(getComputedStyle(e).backgroundColor));
    }
    return layers.reverse().reduce((below, layer) => over(layer, below),
                                   dark ? [0.07, 0.07, 0.07] : [1, 1, 1]);
  };
  const opacity = element => {
    let all = 1;
    for (let e = element; e; e = e.parentElement) all *= getComputedStyle(e).opacity;
    return all;
  };
  const luminance = colour => {
    const [r, g, b] = colour.map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const element of document.body.querySelectorAll('*')) {
    if (element.closest('svg, script, style, option, :disabled')) continue;
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility({visibilityProperty: true})) continue;
    const style = getComputedStyle(element);
    const ground = behind(element), colour = [...rgba(style.color)];
    colour[3] *= opacity(element);
    const [low, high] = [luminance(over(colour, ground)), luminance(ground)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(path(element) + ' ' + ratio.toFixed(2));
  }
  return found;
)";

constexpr char kMissing[] = R"(
  return [...document.images].filter(i => i.checkVisibility() && !(i.complete && i.naturalWidth > 0))
      .map(i => path(i) + ' ' + i.src.slice(0, 60));
)";

std::vector<std::string> ask(Page& page, const char* script) {
  return page.evaluate(std::string("(() => {") + kPath + script + "})()");
}

}  // namespace

std::vector<std::string> elements_over_the_edge(Page& page) { return ask(page, kOverTheEdge); }

std::vector<std::string> texts_of_low_contrast(Page& page) { return ask(page, kLowContrast); }

std::vector<std::string> missing_pictures(Page& page) { return ask(page, kMissing); }

std::vector<std::string> unnamed_elements(Page& page) {
  static const std::set<std::string> kNamed = {
      "button", "link",   "textbox", "checkbox",   "radio",     "image",    "combobox",
      "slider", "switch", "tab",     "spinbutton", "searchbox", "menuitem", "progressbar"};
  std::vector<std::string> found;
  for (const AccessibleNode& node : page.accessibility_tree()) {
    if (kNamed.contains(node.role) && node.name.empty()) found.push_back(node.role);
  }
  return found;
}

}  // namespace oar
