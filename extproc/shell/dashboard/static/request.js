// One request, opened: what was decided and why, each model call on a common scale, money, and where to read on.
import { badge, el } from "./dom.js";
import { UNKNOWN, bytes, count, moment, percent, seconds, usd } from "./format.js";
import { callsOf, saved } from "./records.js";

const CARRIED = "Envoy carried the request to the model; no byte of the answer passed through the sidecar.";

/** The content of the dialog. `about` is what the sidecar says of itself, `close` closes. */
export function opened(record, about, close) {
  return el(
    "div",
    { class: "request" },
    el(
      "div",
      { class: "top" },
      el("h2", { id: "request-title", tabindex: "-1" }, badge(record.outcome)),
      el("span", {}, moment(record.at)),
      el("button", { type: "button", onclick: close }, "Close"),
    ),
    facts(record),
    el("section", { "aria-label": "Rules" }, el("h3", { class: "unseen" }, "Rules"), rules(record)),
    timeline(record),
    links(record, about),
  );
}

function facts(record) {
  const usage = record.usage;
  const pairs = [
    ["Plan", record.wanted && record.wanted !== record.plan ? `${record.plan} (wanted: ${record.wanted})` : record.plan],
    ["Score", typeof record.score === "number" ? record.score.toFixed(2) : UNKNOWN],
    ["Turn", record.turn || UNKNOWN],
    ["Answered by", record.model ? `${record.model}${record.role ? ` (${record.role})` : ""}` : UNKNOWN],
    ["Asked for", record.requested_model || UNKNOWN],
    ["Request", `${record.dialect || "no dialect"} ${record.path}`],
    ["Status", `${record.status || "client left"}${record.error ? `, ${record.error}` : ""}`],
    ["Latency", seconds(record.duration_s)],
    ["First byte", seconds(record.first_byte_s)],
    ["Tokens in / out", usage ? `${count(usage.input)} / ${count(usage.output)}` : "unknown"],
    ["of them cached / reasoning", usage ? `${count(usage.cached_input)} / ${count(usage.reasoning)}` : "unknown"],
    ["Bytes in / out", `${bytes(record.request_bytes)} / ${bytes(record.response_bytes)}`],
    ["Cost", record.cost_usd === null ? "unknown" : usd(record.cost_usd)],
    ["Verify alone", record.baseline_usd === null ? "unknown" : usd(record.baseline_usd)],
    ["Saved", savedInWords(record)],
  ];
  return el("dl", { class: "facts" }, pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function savedInWords(record) {
  const amount = saved(record);
  if (amount === null) return "unknown";
  return record.baseline_usd > 0 ? `${usd(amount)} (${percent(amount / record.baseline_usd)})` : usd(amount);
}

function rules(record) {
  if (!record.rules.length) return el("p", { class: "note" }, "No rule fired.");
  return el("ul", { class: "rulelist" }, record.rules.map((rule) => el("li", { class: "mono" }, rule)));
}

function timeline(record) {
  const calls = callsOf(record);
  const end = Math.max(record.duration_s, ...calls.map((call) => call.ended_s), 0.001);
  const whole = { role: "request", name: "request", began_s: 0, first_s: record.first_byte_s, ended_s: record.duration_s, note: String(record.status || "client left") };
  const rows = [whole, ...calls].map((call) => row(call, end));
  const heads = [["Call", ""], ["", "range"], ["Began", "num"], ["First byte", "num"], ["Ended", "num"], ["Status", ""], ["Tokens", "num"], ["Cost", "num"]];
  return el(
    "section",
    { "aria-label": "Timeline" },
    el("h3", { class: "unseen" }, "Timeline"),
    el(
      "div",
      { class: "timeline scroll", role: "region", tabindex: "0", "aria-label": "Timeline, times since the arrival of the request" },
      el(
        "table",
        {},
        el("caption", { class: "unseen" }, "Times since the arrival of the request"),
        el("thead", {}, el("tr", {}, heads.map(([name, kind]) => (name ? el("th", { scope: "col", class: kind || null }, name) : el("td", { class: kind }))))),
        el("tbody", {}, rows),
      ),
    ),
    el("p", { class: "note" }, calls.length ? ours(record, calls) : CARRIED),
  );
}

function row(call, end) {
  const usage = call.usage;
  return el(
    "tr",
    { dataset: { role: call.role } },
    el("th", { scope: "row", title: call.name }, call.name),
    el("td", { class: "range", "aria-hidden": "true" }, track(call, end)),
    el("td", { class: "num" }, seconds(call.began_s)),
    el("td", { class: "num" }, seconds(call.first_s)),
    el("td", { class: "num" }, seconds(call.ended_s)),
    el("td", { class: call.error ? "bad" : null }, call.note),
    el("td", { class: "num" }, usage ? `${count(usage.input)} / ${count(usage.output)}` : UNKNOWN),
    el("td", { class: "num" }, usd(call.cost_usd)),
  );
}

/** Waiting for the first byte is hollow, the answer filled. */
function track(call, end) {
  const first = call.first_s ?? call.ended_s;
  const part = (kind, from, to) => {
    const made = el("i", { class: kind });
    made.style.left = `${(from / end) * 100}%`;
    made.style.width = `max(2px, ${((to - from) / end) * 100}%)`;
    return made;
  };
  return el("div", { class: "track" }, part("wait", call.began_s, first), part("reach", first, call.ended_s));
}

/** How much of the request no model call was at work. */
function ours(record, calls) {
  let covered = 0;
  let until = 0;
  for (const call of [...calls].sort((one, other) => one.began_s - other.began_s)) {
    covered += Math.max(0, call.ended_s - Math.max(until, call.began_s));
    until = Math.max(until, call.ended_s);
  }
  return `Hollow: waiting for the first byte. Outside of model calls: ${seconds(Math.max(0, record.duration_s - covered))}.`;
}

function links(record, about) {
  const trace = about.trace_url?.replace("{trace_id}", encodeURIComponent(record.trace_id));
  return el(
    "p",
    { class: "links" },
    trace ? el("a", { href: trace, target: "_blank", rel: "noopener noreferrer" }, "Trace in Jaeger") : null,
    el("a", { href: `api/decisions/${encodeURIComponent(record.trace_id)}` }, "Record as JSON"),
    el("span", { class: "mono" }, record.trace_id),
    trace ? null : el("span", { class: "note" }, "Set telemetry.trace_url for a link to the trace."),
  );
}
