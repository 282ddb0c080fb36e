// The newest decisions as a table that grows at its top, with filters, and holds still while someone points into it.
import { $, badge, el, say } from "./dom.js";
import { UNKNOWN, count, seconds, time, usd } from "./format.js";
import { OUTCOMES, keyOf, saved } from "./records.js";

const KEPT = 500; // records in memory
const SHOWN = 100; // rows in the page, at first and more at a time

export class Stream {
  #records = [];
  #rows = new Map();
  #wanted = new Set();
  #words = "";
  #paused = false;
  #entered = false;
  #shown = SHOWN;
  #body = $("stream").tBodies[0];

  /** `open` is called with a record that was chosen. */
  constructor(open) {
    this.open = open;
    $("filter").append(...OUTCOMES.map((outcome) => this.#box(outcome)));
    $("find").addEventListener("input", () => { this.#words = $("find").value.trim().toLowerCase(); this.#draw(); });
    $("pause").addEventListener("click", () => this.#pause());
    $("more").addEventListener("click", () => { this.#shown += SHOWN; this.#draw(); });
    for (const [start, end] of [["pointerenter", "pointerleave"], ["focusin", "focusout"]]) {
      this.#body.addEventListener(start, () => this.#enter(true));
      this.#body.addEventListener(end, () => this.#enter(false));
    }
    this.#body.addEventListener("click", (event) => this.#click(event));
  }

  /** Begin anew with these records, newest first. */
  reset(records) {
    this.#records = records.slice(0, KEPT);
    this.#draw();
  }

  /** Put newer records in front, given newest first. */
  add(records) {
    const known = new Set(this.#records.slice(0, KEPT).map(keyOf));
    const fresh = records.filter((record) => !known.has(keyOf(record)));
    this.#records = [...fresh, ...this.#records].slice(0, KEPT);
    this.#draw(true);
  }

  /** A record by its number, or the newest of a trace. */
  find(key) {
    return this.#records.find((record) => keyOf(record) === key || record.trace_id === key);
  }

  get records() {
    return this.#records;
  }

  #box(outcome) {
    const input = el("input", { type: "checkbox", value: outcome, onchange: () => {
      if (input.checked) this.#wanted.add(outcome);
      else this.#wanted.delete(outcome);
      this.#draw();
    } });
    return el("label", {}, input, badge(outcome), el("b", { id: `count-${outcome}` }, "0"));
  }

  #pause() {
    this.#paused = !this.#paused;
    $("pause").setAttribute("aria-pressed", String(this.#paused));
    say($("pause"), this.#paused ? "Resume" : "Pause");
    this.#draw();
  }

  #enter(inside) {
    this.#entered = inside || this.#body.contains(document.activeElement);
    if (!this.#entered) this.#draw();
  }

  #click(event) {
    const row = event.target.closest("tr");
    const selecting = String(getSelection()).length > 0;
    if (!row || (selecting && !event.target.closest("a"))) return;
    event.preventDefault();
    this.open(this.find(row.dataset.key), row.querySelector("a"));
  }

  #matches(record) {
    if (this.#wanted.size && !this.#wanted.has(record.outcome)) return false;
    if (!this.#words) return true;
    return [record.model, record.requested_model, record.path, record.trace_id, record.turn, record.error, ...record.rules].some((text) =>
      text.toLowerCase().includes(this.#words));
  }

  /** Bring the table up to date; `grown`: only new records have come, which can wait. */
  #draw(grown = false) {
    const matching = this.#records.filter((record) => this.#matches(record));
    const visible = matching.slice(0, this.#shown);
    this.#counts();
    const waiting = grown && (this.#paused || this.#entered) ? visible.filter((record) => !this.#rows.has(keyOf(record))).length : 0;
    if (!(grown && (this.#paused || this.#entered))) this.#reconcile(visible, grown);
    $("held").hidden = !waiting;
    if (waiting) say($("held"), `${waiting} new ${this.#paused ? "while paused" : "wait while you are in the table"}`);
    $("more").hidden = matching.length <= visible.length;
    this.#tell(matching.length);
  }

  #counts() {
    const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0]));
    for (const record of this.#records) counts[record.outcome] += 1;
    for (const outcome of OUTCOMES) say($(`count-${outcome}`), count(counts[outcome]));
  }

  #tell(matching) {
    const filtered = this.#wanted.size > 0 || this.#words !== "";
    say($("shown"), this.#records.length ? filtered ? `${matching} of the newest ${this.#records.length}` : `the newest ${this.#records.length}` : "");
    $("none").hidden = matching > 0 || !this.#records.length || !filtered;
    say($("none"), `None of the newest ${this.#records.length} requests matches.`);
  }

  /** Rows that stay are not touched, so that focus and selection survive. */
  #reconcile(visible, grown) {
    const wanted = new Map(visible.map((record) => [keyOf(record), record]));
    for (const [key, row] of this.#rows) {
      if (!wanted.has(key)) {
        row.remove();
        this.#rows.delete(key);
      }
    }
    let next = this.#body.firstElementChild;
    for (const [key, record] of wanted) {
      const there = this.#rows.get(key);
      if (there && there === next) next = next.nextElementSibling;
      else {
        const row = there ?? rowOf(record, key, grown);
        this.#rows.set(key, row);
        this.#body.insertBefore(row, next);
      }
    }
  }
}

function rowOf(record, key, fresh) {
  const cell = (kind, value) => el("td", { class: kind, title: typeof value === "string" && value.length > 12 ? value : null }, value);
  const failed = record.status >= 400 || record.status === 0;
  return el(
    "tr",
    { class: fresh ? "new" : null, dataset: { key, trace: record.trace_id } },
    el("td", {}, el("a", { href: `#request=${encodeURIComponent(key)}`, "aria-haspopup": "dialog" }, time(record.at))),
    el("td", {}, badge(record.outcome), failed ? el("span", { class: "status" }, record.status ? String(record.status) : "left") : null),
    cell("far", record.plan),
    cell("mid", record.model || UNKNOWN),
    cell("far num", typeof record.score === "number" ? record.score.toFixed(2) : UNKNOWN),
    cell("mid rules", record.rules.join(", ") || UNKNOWN),
    cell("num", seconds(record.duration_s)),
    cell("far num", seconds(record.first_byte_s)),
    cell("far num", record.usage ? `${count(record.usage.input)} / ${count(record.usage.output)}` : UNKNOWN),
    cell("mid num", usd(record.cost_usd)),
    cell("num", usd(saved(record))),
  );
}
