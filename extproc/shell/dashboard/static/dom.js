// Elements from text alone. Nothing here or elsewhere on this page parses markup, so that what clients and models named stays text;
// the Content-Security-Policy forbids the sinks besides (require-trusted-types-for).

/** Make an element; `props` are attributes, `on…` listeners, `dataset`; children are elements, texts or nothing. */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "dataset") Object.assign(made.dataset, value);
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export const $ = (id) => document.getElementById(id);

/** Write a text only where it differs: screen readers and selections are left in peace. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A table; columns are `[heading, class]`, rows arrays of texts or elements, the first of each row its heading. */
export function table(caption, columns, rows) {
  const cell = (value, at) => el(at ? "td" : "th", { scope: at ? null : "row", class: columns[at][1] || null }, value);
  return el(
    "table",
    {},
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, columns.map(([name, kind]) => el("th", { scope: "col", class: kind || null }, name)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell)))),
  );
}

/** The sign of an outcome: a coloured mark and the word itself, for colour alone says nothing to some. */
export function badge(outcome) {
  return el("span", { class: "outcome", dataset: { outcome } }, outcome);
}
