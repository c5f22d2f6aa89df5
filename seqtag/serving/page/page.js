// The page of the service: asks the model while one types, shows what it found, and keeps what a person corrects.
// Offsets of the service count characters (code points), those of a browser units of UTF-16; `Text` turns one into the
// other. Everything that came from outside goes into the page as text, never as markup.

const $ = (id) => document.getElementById(id);
const PAUSE = 250; // milliseconds without a key before the model is asked
const state = { models: [], model: null, text: null, spans: [], found: [], hidden: new Set(), asked: 0, known: [], collects: false };
let token = "";

class Text {
  constructor(text) {
    this.text = text;
    this.characters = Array.from(text);
  }
  slice(start, end) {
    return this.characters.slice(start, end).join("");
  }
  // The place in characters of a place in units of UTF-16.
  at(unit) {
    return Array.from(this.text.slice(0, unit)).length;
  }
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function say(message) {
  $("message").hidden = !message;
  $("message").textContent = message || "";
}

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (response.status === 401) $("token-form").hidden = false;
  if (!response.ok) throw new Error(answer.error || `the service answered ${response.status}`);
  return answer;
}

// ---- models -----------------------------------------------------------------------------------

async function start() {
  try {
    state.models = await ask("/models");
    state.collects = (await ask("/health")).collects;
  } catch (error) {
    say(error.message);
    return;
  }
  $("token-form").hidden = true;
  say("");
  $("model").replaceChildren(...state.models.map((model) => element("option", { value: model.name }, model.name)));
  chooseModel();
}

function chooseModel() {
  const model = state.models.find((each) => each.name === $("model").value);
  state.model = model;
  state.hidden = new Set();
  $("about").textContent =
    `A ${model.kind}` + (model.language === "xx" ? "" : ` for the language ${model.language}`) +
    (model.labels.length ? `; it knows ${model.labels.slice(0, 20).join(", ")}${model.labels.length > 20 ? ", …" : ""}.` : ".");
  $("tagged").hidden = model.task !== "tag";
  $("classified").hidden = model.task !== "classify";
  $("continued").hidden = model.task !== "lm";
  $("keep-row").hidden = $("keep-class-row").hidden = !state.collects;
  $("right-class").replaceChildren(...model.labels.map((label) => element("option", { value: label }, label)));
  $("right-class").multiple = model.several_labels;
  $("labels").replaceChildren(element("legend", {}, "Labels"), ...model.labels.map(labelSwitch));
  run();
}

function labelSwitch(label, number) {
  const box = element("input", { type: "checkbox", checked: true });
  box.addEventListener("change", () => {
    state.hidden[box.checked ? "delete" : "add"](label);
    showSpans();
  });
  return element("label", {}, box, " ", element("span", { className: `swatch c${number % 10}` }), label);
}

const colour = (label) => `c${Math.max(state.model.labels.indexOf(label), 0) % 10}`;

// ---- asking -----------------------------------------------------------------------------------

async function run() {
  if (!state.model) return;
  const number = ++state.asked;
  const text = $("text").value;
  $("kept").textContent = $("kept-class").textContent = $("copied").textContent = "";
  closeMenu();
  $("why").hidden = true;
  try {
    if (state.model.task === "lm") {
      const answer = await ask(`/models/${state.model.name}/next`, { text });
      if (number === state.asked) showNext(answer.next);
    } else {
      const answer = await ask(`/models/${state.model.name}/predict`, { texts: [text], words: state.model.task === "classify" });
      if (number !== state.asked) return; // a later question is on its way
      state.text = new Text(text);
      if (state.model.task === "tag") {
        state.known = [];
        state.found = answer.answers[0].spans;
        state.spans = state.found.map((span) => ({ ...span }));
        showSpans();
      } else {
        showClasses(answer.answers[0]);
      }
    }
    say("");
  } catch (error) {
    if (number === state.asked) say(error.message);
  }
}

// ---- spans ------------------------------------------------------------------------------------

function visibleSpans() {
  const least = Number($("threshold").value);
  return state.spans.filter((span) => !state.hidden.has(span.label) && (span.score === undefined || span.score >= least));
}

function showSpans() {
  $("threshold-value").textContent = Number($("threshold").value).toFixed(2);
  const spans = visibleSpans();
  const pieces = [];
  let place = 0;
  for (const span of spans) {
    const note = span.score === undefined ? span.label : `${span.label} ${span.score.toFixed(2)}`;
    const mark = element("mark", { className: colour(span.label), tabIndex: 0 }, state.text.slice(span.start, span.end));
    mark.dataset.note = note;
    mark.setAttribute("role", "button");
    mark.setAttribute("aria-label", `${state.text.slice(span.start, span.end)}: ${note}`);
    mark.classList.toggle("corrected", span.score === undefined);
    mark.addEventListener("click", () => openMenu(mark, span));
    mark.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") openMenu(mark, span);
      else if (event.key === "Delete" || event.key === "Backspace") remove(span);
      else if (event.key === "?" && span.score !== undefined) explain(span);
      else return;
      event.preventDefault();
    });
    pieces.push(state.text.slice(place, span.start), mark);
    place = span.end;
  }
  pieces.push(state.text.slice(place));
  $("marked").replaceChildren(...pieces);
  $("rows").replaceChildren(...spans.map((span) => element("tr", {}, ...cells(span).map((cell) => {
    const made = element("td", {}, String(cell));
    made.dir = "auto";
    return made;
  }))));
  $("back").hidden = JSON.stringify(state.spans) === JSON.stringify(state.found);
  $("rest").hidden = !marks().length;
}

// What a person marked, which the model can be told.
const marks = () => state.spans.filter((span) => span.score === undefined).map(plain);

async function findRest() {
  const number = ++state.asked;
  const known = marks();
  try {
    const answer = await ask(`/models/${state.model.name}/predict`, { texts: [state.text.text], known: [known] });
    if (number !== state.asked) return;
    state.known = known;
    const isMine = (span) => known.some((mark) => same(mark, span));
    state.spans = answer.answers[0].spans.map((span) => (isMine(span) ? plain(span) : { ...span }));
    showSpans();
    say("");
  } catch (error) {
    if (number === state.asked) say(error.message);
  }
}

const same = (one, other) => one.start === other.start && one.end === other.end && one.label === other.label;

const cells = (span) => [
  span.label, state.text.slice(span.start, span.end), span.start, span.end,
  span.score === undefined ? "yours" : span.score.toFixed(4),
];

function remove(span) {
  state.spans = state.spans.filter((other) => other !== span);
  closeMenu();
  showSpans();
  $("text").focus();
}

function put(start, end, label) {
  const rest = state.spans.filter((span) => span.end <= start || span.start >= end);
  state.spans = [...rest, { start, end, label }].sort((a, b) => a.start - b.start);
  state.hidden.delete(label);
  closeMenu();
  showSpans();
}

function openMenu(anchor, span) {
  const menu = $("menu");
  const choices = state.model.labels.map((label) => {
    const button = element("button", { type: "button" }, element("span", { className: `swatch ${colour(label)}` }), label);
    button.addEventListener("click", () => put(span.start, span.end, label));
    return button;
  });
  if (span.score !== undefined) {
    const button = element("button", { type: "button" }, "Why?");
    button.addEventListener("click", () => explain(span));
    choices.push(button);
  }
  if (state.spans.includes(span)) {
    const button = element("button", { type: "button" }, "Remove");
    button.addEventListener("click", () => remove(span));
    choices.push(button);
  }
  for (const choice of choices) choice.setAttribute("role", "menuitem");
  menu.replaceChildren(...choices);
  menu.hidden = false;
  const box = anchor.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - menu.offsetWidth - 8));
  menu.style.left = `${left + scrollX}px`;
  menu.style.top = `${box.bottom + scrollY + 4}px`;
  choices[0].focus();
}

function closeMenu() {
  $("menu").hidden = true;
}

function moveInMenu(event) {
  const choices = [...$("menu").children];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape") closeMenu();
  else if (step) choices.at((choices.indexOf(document.activeElement) + step) % choices.length).focus();
  else return;
  event.preventDefault();
}

// The units of UTF-16 from the beginning of the marked text to a place in it.
function unitsBefore(node, offset) {
  const range = document.createRange();
  range.setStart($("marked"), 0);
  range.setEnd(node, offset);
  return range.toString().length;
}

function markSelection() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed || !$("marked").contains(selection.anchorNode)) return;
  const range = selection.getRangeAt(0);
  if (!$("marked").contains(range.endContainer)) return;
  let start = state.text.at(unitsBefore(range.startContainer, range.startOffset));
  let end = state.text.at(unitsBefore(range.endContainer, range.endOffset));
  while (start < end && !state.text.characters[start].trim()) start++;
  while (end > start && !state.text.characters[end - 1].trim()) end--;
  if (start < end) openMenu(range, { start, end });
}

// ---- explanations -----------------------------------------------------------------------------

const SHOWN_WORDS = 12; // of a table: those that change most

// Why a span was found, or, without one, why the text has its class.
async function explain(span) {
  const number = state.asked;
  closeMenu();
  try {
    const asked = span && { start: span.start, end: span.end, label: span.label };
    const answer = await ask(`/models/${state.model.name}/explain`, {
      text: state.text.text, span: asked, known: state.model.task === "tag" ? state.known : [],
    });
    if (number === state.asked) showWhy(answer.explanations);
    say("");
  } catch (error) {
    if (number === state.asked) say(error.message);
  }
}

function showWhy(explanations) {
  $("why").hidden = false;
  $("why-title").textContent = explanations.length ? `Why ${explanations.map(named).join(", ")}` : "No class was chosen";
  $("why-summary").replaceChildren(...explanations.flatMap((one) => one.summary).map((line) => {
    const made = element("p", {}, line);
    made.dir = "auto";
    return made;
  }));
  const [first] = explanations;
  const words = first ? wordsOf(first) : [];
  const most = Math.max(...words.map((word) => -(word.word || 0)), 1e-9);
  const pieces = [];
  let place = words.length ? words[0].start : 0;
  for (const word of words) {
    const strength = Math.max(0, Math.min(4, Math.floor((5 * -(word.word || 0)) / most)));
    pieces.push(state.text.slice(place, word.start), element("span", { className: `w${strength}` }, word.text));
    place = word.end;
  }
  $("why-words").replaceChildren(...pieces);
  const strongest = [...words].sort((a, b) => size(b) - size(a)).slice(0, SHOWN_WORDS);
  $("why-rows").replaceChildren(...words.filter((word) => strongest.includes(word)).map((word) =>
    element("tr", {}, ...[word.text, signed(word.score), signed(word.word), signed(word.spelling)].map((cell, i) => {
      const made = element("td", {}, cell);
      if (!i) made.dir = "auto";
      return made;
    }))));
  $("why-title").focus();
}

const named = (one) => (one.span.text === null ? one.span.label : `${one.span.label} “${one.span.text}”`);
const size = (word) => Math.abs(word.score || 0) + Math.abs(word.word || 0) + Math.abs(word.spelling || 0);
const signed = (value) => (value === undefined || value === null ? "" : (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2));

// The words of the sentence: the score of each, and what the log odds change by where it is hidden.
function wordsOf(explanation) {
  const words = explanation.tokens.map((token) => ({ ...token }));
  for (const part of explanation.parts) if (part.kind === "emission") words[part.token].score = part.score;
  for (const one of explanation.occlusions) words[one.token][one.hidden] = one.change;
  return words;
}

// ---- classes and next symbols -----------------------------------------------------------------

function bar(name, value, chosen) {
  const fill = element("span", { className: "fill" });
  fill.style.width = `${(100 * value).toFixed(2)}%`;
  const made = element("div", { className: chosen ? "bar chosen" : "bar" }, element("span", { className: "name" }, name),
    element("span", { className: "track" }, fill), element("span", { className: "value" }, value.toFixed(3)));
  return made;
}

function showClasses(answer) {
  const chosen = answer.labels || [answer.label];
  const ordered = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  $("bars").replaceChildren(...ordered.slice(0, 30).map(([label, value]) => bar(label, value, chosen.includes(label))));
  for (const option of $("right-class").options) option.selected = chosen.includes(option.value);
  const words = answer.words || [];
  $("deciding").hidden = !words.length;
  const most = Math.max(...words.map((word) => word.weight));
  const pieces = [];
  let place = 0;
  for (const word of words) {
    const span = element("span", { className: `w${Math.min(4, Math.floor((5 * word.weight) / most))}` }, word.text);
    span.title = `${(100 * word.weight).toFixed(1)}% of the weight`;
    pieces.push(state.text.slice(place, word.start), span);
    place = word.end;
  }
  $("words").replaceChildren(...pieces, state.text.slice(place));
}

const shown = (symbol) => ({ " ": "␣", "\n": "↵", "\t": "⇥" })[symbol] || symbol;

function showNext(next) {
  $("next").replaceChildren(...next.map((one) => bar(shown(one.symbol), one.probability, false)));
}

// ---- keeping and copying ----------------------------------------------------------------------

async function keep(record, where) {
  try {
    const answer = await ask("/collect", record);
    const moved = answer.moved.map((sentence) => ` ${sentence}.`).join("");
    $(where).textContent = `Kept; ${answer.kept} ${answer.kept === 1 ? "text" : "texts"} so far.${moved}`;
  } catch (error) {
    $(where).textContent = error.message;
  }
}

async function copy(content) {
  try {
    await navigator.clipboard.writeText(content);
    $("copied").textContent = "Copied.";
  } catch {
    $("copied").textContent = "The browser does not allow it; select the table and copy.";
  }
}

const plain = (span) => ({ start: span.start, end: span.end, label: span.label });
const quoted = (cell) => (/[",\n\r]/.test(cell) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell));

// ---- events -----------------------------------------------------------------------------------

let timer = 0;
function runSoon() {
  clearTimeout(timer);
  timer = setTimeout(run, PAUSE);
}

async function readFile(file) {
  if (!file) return;
  $("text").value = await file.text();
  run();
}

$("text").addEventListener("input", runSoon);
$("text").addEventListener("dragover", (event) => {
  event.preventDefault();
  $("text").classList.add("dropping");
});
$("text").addEventListener("dragleave", () => $("text").classList.remove("dropping"));
$("text").addEventListener("drop", (event) => {
  $("text").classList.remove("dropping");
  if (event.dataTransfer.files.length) {
    event.preventDefault();
    readFile(event.dataTransfer.files[0]);
  }
});
$("file").addEventListener("change", () => readFile($("file").files[0]));
$("model").addEventListener("change", chooseModel);
$("threshold").addEventListener("input", showSpans);
$("marked").addEventListener("mouseup", () => setTimeout(markSelection));
$("marked").addEventListener("touchend", () => setTimeout(markSelection));
$("menu").addEventListener("keydown", moveInMenu);
document.addEventListener("mousedown", (event) => {
  if (!$("menu").contains(event.target)) closeMenu();
});
$("rest").addEventListener("click", findRest);
$("back").addEventListener("click", () => {
  state.known = [];
  state.spans = state.found.map((span) => ({ ...span }));
  showSpans();
});
$("keep").addEventListener("click", () => keep(
  { text: state.text.text, spans: visibleSpans().map(plain), model: state.model.name }, "kept"));
$("keep-class").addEventListener("click", () => {
  const labels = [...$("right-class").selectedOptions].map((option) => option.value);
  const record = { text: state.text.text };
  keep(state.model.several_labels ? { ...record, labels } : { ...record, label: labels[0] }, "kept-class");
});
$("why-class").addEventListener("click", () => explain());
$("why-close").addEventListener("click", () => {
  $("why").hidden = true;
  (document.querySelector("#marked mark") || $("text")).focus();
});
$("copy-json").addEventListener("click", () => copy(JSON.stringify(
  visibleSpans().map((span) => ({ ...span, text: state.text.slice(span.start, span.end) })), null, 1)));
$("copy-csv").addEventListener("click", () => copy(
  ["label,text,start,end,probability", ...visibleSpans().map((span) => cells(span).map(quoted).join(","))].join("\r\n")));
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value;
  start();
});
start();
