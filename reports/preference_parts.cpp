#include "reports/preference_parts.h"

namespace oar::report {

std::string_view preference_style() {
  return R"(
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --soft: #f3f4f6; --line: #8a929c;
  --link: #0b57d0; --quiet: #4b5563; --mark: #fff3c4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #14171a; --soft: #20252b;
  --line: #767f89; --link: #8ab4f8; --quiet: #b0b7c0; --mark: #4d430f; } }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
main { display: flex; flex-direction: column; gap: .75rem; max-width: 60rem; min-height: 100vh; min-height: 100dvh;
  margin: 0 auto; padding: 1rem; }
h1 { margin: 0; font-size: 1.4rem; line-height: 1.2; }
h2 { margin: 0; font-size: 1.2rem; }
p { margin: 0; }
.quiet { color: var(--quiet); font-size: .9rem; }
.place { display: flex; align-items: center; gap: .75rem; font-variant-numeric: tabular-nums; }
.place span { white-space: nowrap; }
progress { flex: 1; min-width: 4rem; height: .6rem; accent-color: var(--link); }
button { min-height: 2.75rem; padding: .5rem .9rem; font: inherit; color: var(--ink); background: var(--soft);
  border: 1px solid var(--line); border-radius: .5rem; cursor: pointer; touch-action: manipulation; }
button:hover:enabled { border-color: var(--link); }
button:focus-visible, textarea:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
button:disabled { color: var(--quiet); cursor: default; opacity: .6; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; }
.side { display: flex; flex-direction: column; align-items: stretch; gap: .5rem; padding: .5rem; }
.side img { width: 100%; max-height: 58vh; aspect-ratio: 1; object-fit: contain; border-radius: .25rem; }
.side img.small { image-rendering: pixelated; }
kbd { padding: 0 .35em; font: .85em/1.4 ui-monospace, monospace; color: var(--quiet);
  border: 1px solid var(--line); border-radius: .25rem; }
@media (hover: none) { kbd, .keys { display: none; } }
#tie { align-self: center; min-width: min(20rem, 100%); }
.finished { padding: 1rem; background: var(--soft); border-radius: .5rem; }
.finished p { margin-top: .5rem; }
.note { padding: .5rem .75rem; background: var(--mark); }
.tools { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: auto; padding-top: .75rem; }
#export:enabled { color: var(--paper); background: var(--link); border-color: var(--link); }
#reset { margin-left: auto; }
summary { cursor: pointer; padding: .35rem 0; }
label { display: block; }
textarea { display: block; width: 100%; height: 10rem; font: .85rem/1.4 ui-monospace, monospace; }
)";
}

std::string_view preference_body() {
  return R"(<main id="main" aria-busy="true">
<h1>Which image is better?</h1>
<p class="quiet">Choose the image that looks better to you; there is no right answer. Sides and order are random.
<span class="keys">Keys: <kbd>←</kbd> or <kbd>1</kbd> left, <kbd>→</kbd> or <kbd>2</kbd> right, <kbd>space</kbd> or
<kbd>0</kbd> no preference, <kbd>backspace</kbd> undo.</span></p>
<noscript><p class="note">This page needs JavaScript.</p></noscript>
<p class="place"><span id="place" role="status"></span>
<progress id="progress" aria-label="Pairs answered" value="0" max="1"></progress></p>
<p id="unsaved" class="note" role="alert" hidden>This browser does not keep answers: export them before you close the page.</p>
<p id="condition" hidden></p>
<div id="pair" class="pair">
<button id="left" class="side" type="button"><img id="left-image" alt="Left image"><span>Left is better</span></button>
<button id="right" class="side" type="button"><img id="right-image" alt="Right image"><span>Right is better</span></button>
</div>
<button id="tie" type="button">No preference</button>
<section id="finished" class="finished" hidden>
<h2>All pairs are answered. Thank you!</h2>
<p>Export the answers, and send the file to whoever asked you.</p>
<p id="summary" hidden></p>
</section>
<div class="tools">
<button id="undo" type="button">Undo</button>
<button id="export" type="button">Export answers</button>
<button id="reset" type="button">Start over</button>
</div>
<details id="copy" hidden><summary>No file was saved? Copy the answers</summary>
<label>Answers as JSON<textarea id="exported" readonly spellcheck="false"></textarea></label></details>
<p class="quiet">Answers stay in this browser until you export them. The page loads nothing and sends nothing.</p>
</main>
)";
}

std::string_view preference_script() {
  return R"(
"use strict";
const byId = id => document.getElementById(id);
const data = JSON.parse(byId("pairs").textContent);
const count = data.pairs.length;
const askedSeed = new URLSearchParams(location.search).get("seed");
const shelf = "oar-preference-" + data.page_id + (askedSeed === null ? "" : "-" + askedSeed);
const smallSide = 128;  // pixels: smaller images are enlarged with their pixels visible
const doubleClick = 400;  // milliseconds: the second half of one is no answer to the next pair

// Sides and order come from one number, so that a page that is loaded again goes on where it was.
const generator = seed => () => {  // mulberry32
  seed = seed + 0x6D2B79F5 | 0;
  let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
  t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
  return ((t ^ t >>> 14) >>> 0) / 4294967296;
};
const newState = () => ({
  viewer: Array.from(crypto.getRandomValues(new Uint8Array(8)), b => b.toString(16).padStart(2, "0")).join(""),
  seed: askedSeed === null ? crypto.getRandomValues(new Uint32Array(1))[0] : Number(askedSeed) >>> 0,
  answers: [],
});
// order[n]: the pair of turn n; swapped[pair]: its second image stands left
const dealt = seed => {
  const random = generator(seed), order = data.pairs.map((_, i) => i);
  for (let i = count - 1; i > 0; --i) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return {order, swapped: data.pairs.map(() => random() < 0.5)};
};
let state, order, swapped, saved;
const take = next => { state = next; ({order, swapped} = dealt(state.seed)); };
const shelved = () => { try { return localStorage.getItem(shelf); } catch { return null; } };
const read = text => {  // what was kept; null if nothing was, or nothing that belongs to this page
  try {
    const kept = JSON.parse(text), turns = dealt(kept.seed).order;
    const usable = typeof kept.viewer === "string" && Number.isInteger(kept.seed);
    return usable && kept.answers.every((answer, n) => answer.pair === turns[n]) ? kept : null;
  } catch { return null; }
};
const save = () => {
  saved = JSON.stringify(state);
  try {
    localStorage.setItem(shelf, saved);
  } catch {
    byId("unsaved").hidden = false;
    saved = shelved();  // what is older than this page is not another tab's
  }
};
const isBehind = () => {  // the page is open twice: the answers of the other tab come first
  const text = shelved(), other = text === saved ? null : read(text);
  if (other === null) return false;
  saved = text;
  take(other);
  calm();
  return true;
};

let turn = 0, open = false, shownAt = 0;
const show = async () => {
  const mine = ++turn, answered = state.answers.length, done = answered === count;
  open = false;
  byId("main").setAttribute("aria-busy", "true");
  byId("place").textContent = done ? `${count} of ${count} answered` : `Pair ${answered + 1} of ${count}`;
  byId("progress").max = count;
  byId("progress").value = answered;
  byId("undo").disabled = answered === 0;
  byId("export").disabled = answered === 0;
  for (const id of ["pair", "tie"]) byId(id).hidden = done;
  byId("finished").hidden = !done;
  byId("condition").hidden = true;
  if (!done) {
    const pair = data.pairs[order[answered]];
    const images = swapped[order[answered]] ? [pair.images[1], pair.images[0]] : pair.images;
    if (pair.condition !== undefined) {
      byId("condition").textContent = "Both were asked for: " + pair.condition;
      byId("condition").hidden = false;
    }
    await Promise.all(["left-image", "right-image"].map(async (id, side) => {
      const image = byId(id);
      image.src = images[side];
      try { await image.decode(); } catch { /* its alternative text stands there */ }
      image.classList.toggle("small", image.naturalWidth < smallSide);
    }));
    if (mine !== turn) return;
    shownAt = performance.now();
    open = true;
  }
  byId("main").setAttribute("aria-busy", "false");
};

const calm = () => { byId("reset").textContent = "Start over"; byId("reset").dataset.sure = ""; };
const changed = () => {
  calm();
  byId("copy").hidden = true;
  byId("summary").hidden = true;
  save();
  show();
};
const choose = choice => {
  if (isBehind()) { show(); return; }
  if (!open) return;
  state.answers.push({pair: order[state.answers.length], choice, milliseconds: Math.round(performance.now() - shownAt)});
  changed();
};
const undo = () => {
  if (isBehind()) { show(); return; }
  if (state.answers.length === 0) return;
  state.answers.pop();
  changed();
};
const reset = () => {
  if (isBehind()) { show(); return; }
  const button = byId("reset");
  if (button.dataset.sure !== "yes") {
    button.dataset.sure = "yes";
    button.textContent = `Erase ${state.answers.length} answers and start over`;
    return;
  }
  take(newState());
  changed();
};

// The first image of a pair is A's where these two digits add up to an odd number.
const firstIsA = i => (Number(data.key[i]) + parseInt(data.page_id[i % data.page_id.length], 16)) % 2 === 1;
const record = () => ({
  schema_version: 1, page_id: data.page_id, viewer: state.viewer, order_seed: state.seed, a: data.a, b: data.b, of: count,
  pairs: state.answers.map(({pair, choice, milliseconds}) => {
    const left = firstIsA(pair) !== swapped[pair] ? "a" : "b", right = left === "a" ? "b" : "a";
    return {sample: data.pairs[pair].sample, seed: data.pairs[pair].seed, left,
            choice: choice === "left" ? left : choice === "right" ? right : "tie", milliseconds};
  }),
});
const exportAnswers = () => {
  if (isBehind()) show();
  calm();
  const answers = record(), text = JSON.stringify(answers, null, 1) + "\n";
  byId("exported").value = text;
  byId("copy").hidden = false;
  const of = choice => answers.pairs.filter(pair => pair.choice === choice).length;
  byId("summary").textContent =
    `You preferred ${data.a} ${of("a")} times, ${data.b} ${of("b")} times, and neither ${of("tie")} times.`;
  byId("summary").hidden = answers.pairs.length < count;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = `preference-${data.page_id.slice(0, 8)}-${state.viewer.slice(0, 8)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};

const actions = {left: () => choose("left"), right: () => choose("right"), tie: () => choose("tie"), undo,
                 export: exportAnswers, reset};
for (const [id, action] of Object.entries(actions)) {
  byId(id).addEventListener("click", event => {
    if (event.detail > 0) byId(id).blur();  // a mouse or finger; then the space bar is free for the next pair
    const tooSoon = byId("main").getAttribute("aria-busy") === "true" || performance.now() - shownAt < doubleClick;
    if (event.detail > 1 && (id === "reset" || tooSoon)) return;
    action();
  });
}
const keys = {ArrowLeft: "left", 1: "left", ArrowRight: "right", 2: "right", " ": "tie", 0: "tie", Backspace: "undo"};
addEventListener("keydown", event => {
  const action = actions[keys[event.key]];
  if (!action || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("textarea")) return;
  if (event.key === " " && event.target.closest("button, summary")) return;  // it presses that
  event.preventDefault();
  action();
});
addEventListener("storage", event => { if (event.key === shelf && isBehind()) show(); });
take(read(shelved()) ?? newState());
save();
show();
)";
}

}  // namespace oar::report
