// How the sidecar writes down a request (extproc/core/records.py), read in one place.

/** In the order in which they are stacked: answered by the draft model, by the verify model, by neither. */
export const OUTCOMES = ["SKIPPED", "ACCEPTED", "FALLBACK", "ENHANCED", "RESCUED", "DIRECT", "BYPASSED", "FAILED"];
export const BY_DRAFT = new Set(["SKIPPED", "ACCEPTED", "FALLBACK"]);

/** What was saved, in US dollars; null where a cost is not known. */
export function saved(record) {
  return record.cost_usd === null || record.baseline_usd === null ? null : record.baseline_usd - record.cost_usd;
}

/** The model calls that the sidecar made itself: a CallNote is an array. */
export function callsOf(record) {
  return record.calls.map(([role, model, status, error, began_s, first_s, ended_s, usage, cost_usd]) => ({
    role,
    name: `${role} ${model}`,
    error,
    began_s,
    first_s,
    ended_s,
    usage,
    cost_usd,
    note: error ? `${error}${status ? ` (${status})` : ""}` : String(status || "–"),
  }));
}

/** The number of a record in the decision log: a trace may hold several. */
export const keyOf = (record) => String(record.id);
