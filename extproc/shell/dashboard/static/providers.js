// The health of the two models, from the newest requests that the page holds.
import { $, el, say, table } from "./dom.js";
import { UNKNOWN, count, seconds, share, time } from "./format.js";
import { callsOf } from "./records.js";

/** Kinds of errors that are a provider's, whatever else ended a call (a check, a budget, a client that left). */
const FAILURES = /^(status_|timeout$|connect$|reset$|no_healthy_upstream$|upstream_|dns_resolution_failure$|stream_idle_timeout$)/;

/** Show calls, failures, latency and the last error of each role. */
export function providers(records, about) {
  const calls = records.flatMap(callsMade);
  say($("providers-note"), records.length ? `in the newest ${count(records.length)} requests` : "");
  const heads = [["Model", ""], ["Calls", "num"], ["Failed", "num"], ["Not used", "num"], ["First byte", "num"], ["Median", "num"], ["p95", "num"], ["Last error", ""]];
  const rows = Object.entries(about.models).map(([role, model]) => row(role, model, calls.filter((call) => call.role === role)));
  $("providers").replaceChildren(table("Health of the providers", heads, rows));
}

function callsMade(record) {
  if (record.calls.length) return callsOf(record).map((call) => ({ ...call, at: record.at + call.ended_s, failed: FAILURES.test(call.error), first: call.first_s === null ? null : call.first_s - call.began_s, whole: call.ended_s - call.began_s }));
  if (!record.role) return [];
  const error = record.error || (record.status >= 400 ? `status_${record.status}` : "");
  return [{ role: record.role, at: record.at + record.duration_s, error, failed: FAILURES.test(error), first: record.first_byte_s, whole: record.duration_s }];
}

function row(role, model, calls) {
  const failed = calls.filter((call) => call.failed);
  const unused = calls.filter((call) => call.error && !call.failed);
  const good = calls.filter((call) => !call.failed);
  const last = failed.reduce((newest, call) => (newest && newest.at > call.at ? newest : call), null);
  return [
    `${role}: ${model.model === "keep" ? "the client's own model" : model.model}`,
    count(calls.length),
    el("span", { class: failed.length ? "bad" : null }, calls.length ? `${count(failed.length)} (${share(failed.length, calls.length)})` : UNKNOWN),
    count(unused.length),
    seconds(rank(good.map((call) => call.first), 50)),
    seconds(rank(good.map((call) => call.whole), 50)),
    seconds(rank(good.map((call) => call.whole), 95)),
    last ? `${last.error} at ${time(last.at)}` : "none",
  ];
}

/** Nearest rank, as in the sidecar's own figures. */
function rank(values, per) {
  const sorted = values.filter((value) => typeof value === "number").sort((one, other) => one - other);
  return sorted.length ? sorted[Math.max(0, Math.ceil((sorted.length * per) / 100) - 1)] : null;
}
