// Sorts tables, filters examples and saves those that are ticked. The page can be read without it, so it makes its own controls.
"use strict";
const STEP = 50; // examples that a page opens with, and that its button adds
(() => {
  const make = (name, text = "", attributes = {}) => {
    const element = document.createElement(name);
    element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  // "1,234", "62.1%", "0.91 to 0.95" and "−0.3 (−1.2 to 0.6)" count by their first number; "-" has none.
  const number = (text) => {
    const found = /[-+\u2212]?(\d[\d,]*\.?\d*|\.\d+)(e[-+]?\d+)?/i.exec(text);
    return found ? Number(found[0].replaceAll(",", "").replace("\u2212", "-")) : NaN;
  };
  const collator = new Intl.Collator(undefined, { numeric: true });

  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0]; // totals stand in the foot, and stay there
    if (!body || body.rows.length < 2) continue;
    const given = [...body.rows];
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      const words = head.classList.contains("words");
      // Figures start with the largest, words with A; the third press brings the given order back.
      const turns = words ? ["ascending", "descending", null] : ["descending", "ascending", null];
      const cell = (row) => row.cells[column]?.textContent.trim() ?? "";
      const button = make("button", "", { type: "button", title: "sort" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const turn = turns[(turns.indexOf(head.getAttribute("aria-sort")) + 1) % turns.length];
        for (const other of heads) other.removeAttribute("aria-sort");
        let rows = given;
        if (turn) {
          head.setAttribute("aria-sort", turn);
          const sign = turn === "ascending" ? 1 : -1;
          const keyed = given.map((row) => [words ? cell(row) : number(cell(row)), row]);
          keyed.sort(([a], [b]) => {
            if (words) return sign * collator.compare(a, b);
            // what has no number comes last both ways
            return Number.isNaN(a) - Number.isNaN(b) || sign * (a - b) || 0;
          });
          rows = keyed.map(([, row]) => row);
        }
        body.append(...rows);
      });
    });
  }

  // What a reader may look for in an example: its text as it stands, without the labels inside, then the labels.
  const searched = (item) => {
    const copy = item.cloneNode(true);
    const tags = [...copy.querySelectorAll(".tag")];
    for (const tag of tags) tag.remove();
    return [copy.textContent, ...tags.map((tag) => tag.textContent)].join("\n").toLowerCase();
  };

  // Gives each example that is a choice a tick box, and returns the button that saves those that are ticked.
  const tickable = (items, name) => {
    const save = make("button", "", { type: "button", class: "save" });
    const boxes = [];
    const update = () => {
      const ticked = boxes.filter(({ box }) => box.checked).length;
      save.textContent = `save ${ticked.toLocaleString("en")} ticked`;
      save.disabled = !ticked;
    };
    for (const { element } of items) {
      if (!element.dataset.choice) continue;
      const box = make("input", "", { type: "checkbox", title: "the proposal is right", "aria-label": "the proposal is right" });
      box.addEventListener("change", update);
      element.querySelector(".head").prepend(box);
      boxes.push({ box, choice: element.dataset.choice });
    }
    save.addEventListener("click", () => {
      const chosen = boxes.filter(({ box }) => box.checked).map(({ choice }) => choice);
      const text = `{${JSON.stringify(name)}: [\n${chosen.join(",\n")}\n]}\n`;
      const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      make("a", "", { href: address, download: "ticked.json" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    });
    update();
    return save;
  };

  for (const examples of document.querySelectorAll(".examples")) {
    const items = [...examples.querySelectorAll(".example")].map((element) => ({
      element, kinds: new Set(element.dataset.kinds.split(" ").filter(Boolean)), text: null,
    }));
    if (!items.length) continue;
    const chosen = new Set();
    const input = make("input", "", { type: "search", placeholder: "text or label", "aria-label": "show examples with this text or label" });
    const output = make("output");
    const more = make("button", "", { type: "button", class: "more" });
    let room = STEP; // how many are shown at once; the button adds more
    const update = () => {
      const wanted = input.value.trim().toLowerCase();
      let fitting = 0;
      for (const item of items) {
        const fits = (!chosen.size || [...chosen].some((kind) => item.kinds.has(kind)))
          && (!wanted || (item.text ??= searched(item.element)).includes(wanted));
        fitting += fits;
        item.element.hidden = !fits || fitting > room;
      }
      const shown = Math.min(fitting, room);
      const words = (number) => number.toLocaleString("en");
      const all = fitting === items.length ? "" : ` of ${words(items.length)}`;
      output.textContent = shown < fitting
        ? `the first ${words(shown)} of ${words(fitting)} shown`
        : `${words(shown)}${all} shown`;
      more.hidden = shown === fitting;
      more.textContent = `show ${words(Math.min(STEP, fitting - shown))} more`;
    };
    const renew = () => { room = STEP; update(); };
    more.addEventListener("click", () => { room += STEP; update(); });
    examples.querySelectorAll(".kinds > li").forEach((kind, index) => {
      const button = make("button", "", { type: "button", "aria-pressed": "false" });
      button.append(...kind.childNodes);
      kind.append(button);
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(on));
        if (on) chosen.add(String(index)); else chosen.delete(String(index));
        renew();
      });
    });
    input.addEventListener("input", renew);
    const find = make("div", "", { class: "find" });
    find.append(input, output);
    if (examples.dataset.choices) find.append(tickable(items, examples.dataset.choices));
    examples.querySelector(".items").before(find);
    examples.querySelector(".items").after(more);
    update();
  }
})();
