// Above the stream: totals, the charts over time, latency by outcome, the health of the providers.
import { $, badge, el, say, table } from "./dom.js";
import { UNKNOWN, count, minute, percent, seconds, share, span, usd, usdShort } from "./format.js";
import { chart, colour, key } from "./plot.js";
import { OUTCOMES } from "./records.js";

const drawMix = chart($("mix"), "Outcomes over time");
const drawMoney = chart($("money"), "Money over time");
const drawFirst = chart($("first"), "Time to the first byte over time, by plan");

/** Plans in the colours of the outcome that is most like them. */
const PLANS = { draft: "SKIPPED", cascade: "ENHANCED", direct: "DIRECT" };

/** Show the figures: `{now, bucket_s, summary, series}`, as the sidecar sends them, and what it says of itself. */
export function overview(figures, about) {
  totals(figures.summary, about);
  say($("bucket"), span(figures.bucket_s));
  const time = spine(figures);
  mix(time);
  money(time);
  first(figures, time);
  latency(figures.summary);
}

/** The buckets of the whole window, those without a request included. */
function spine({ now, bucket_s, summary, series }) {
  const to = (Math.floor(now / bucket_s) + 1) * bucket_s;
  const from = Math.floor((now - summary.since_s) / bucket_s) * bucket_s;
  const told = new Map(series.map((bucket) => [Math.round(bucket.at), bucket]));
  const at = [];
  for (let one = from; one < to; one += bucket_s) at.push(one);
  const buckets = at.map((one) => told.get(Math.round(one)) ?? { requests: 0, cost_usd: 0, baseline_usd: 0, saved_usd: 0, outcomes: {} });
  const present = OUTCOMES.filter((outcome) => series.some((bucket) => bucket.outcomes[outcome]));
  return { at, buckets, present, from, to, bucket_s, blank: series.length ? "" : "No requests in this window" };
}

function totals(summary, about) {
  const all = summary.all;
  const failed = summary.outcomes.FAILED?.requests ?? 0;
  const direct = summary.outcomes.DIRECT?.latency_s.p50 ?? null;
  const items = [
    ["Requests", count(all.requests), all.requests === all.model_requests ? "all for a model" : `${count(all.model_requests)} for a model`],
    ["Answered by draft", all.draft_use_rate === null ? UNKNOWN : percent(all.draft_use_rate), `${count(all.drafted)} of ${count(all.model_requests)}`],
    ["Saved", priced(all) ? usd(all.saved_usd) : "unknown", all.saved_share === null ? "against verify alone" : `${percent(all.saved_share)} of verify alone`],
    ["Cost", priced(all) ? usd(all.cost_usd) : "unknown", priced(all) ? `verify alone ${usd(all.baseline_usd)}` : "no price, or no usage"],
    ["Latency, median", seconds(all.latency_s.p50), `p95 ${seconds(all.latency_s.p95)}, verify alone ${seconds(direct)}`],
    ["Failed", count(failed), share(failed, all.model_requests)],
  ];
  $("totals").replaceChildren(...items.map(([name, value, more]) => el("div", {}, el("dt", {}, name), el("dd", {}, value), el("dd", {}, more))));
  $("unknown").hidden = all.cost_unknown === 0;
  say($("unknown"), all.cost_unknown ? unknown(all, about) : "");
}

const priced = (all) => all.model_requests === 0 || all.cost_unknown < all.model_requests;

function unknown(all, about) {
  const lacking = Object.entries(about.models).filter(([, model]) => !model.priced).map(([role]) => `models.${role}.price_usd_per_mtok`);
  const why = lacking.length ? `no price is set (${lacking.join(", ")})` : "their providers did not tell the tokens";
  $("unknown").classList.toggle("bad", lacking.length > 0);
  return `The cost of ${count(all.cost_unknown)} of ${count(all.model_requests)} requests is unknown: ${why}. They are in no amount.`;
}

function mix({ at, buckets, present, from, to, bucket_s, blank }) {
  const counts = (outcome) => buckets.map((bucket) => bucket.outcomes[outcome]?.requests ?? 0);
  const rising = [];
  for (const outcome of present) rising.push(counts(outcome).map((value, index) => value + (rising.at(-1)?.[index] ?? 0)));
  const total = (outcome, index) => (index === null ? counts(outcome).reduce((sum, value) => sum + value, 0) : counts(outcome)[index]);
  drawMix({
    // The highest sum is drawn first, and each lower one over it.
    lines: present.map((outcome) => ({ name: outcome, colour: colour(outcome), fill: colour(outcome), width: 0, bars: true })).reverse(),
    data: [at, ...rising.reverse()],
    from,
    to,
    blank,
    steps: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5, 1e6],
    format: count,
    sentence: blank || present.map((outcome) => `${outcome} ${total(outcome, null)}`).join(", "),
    legend: (index) => [
      ...present.map((outcome) => el("span", {}, badge(outcome), " ", el("b", {}, count(total(outcome, index))))),
      index === null ? null : el("span", {}, stretch(at[index], bucket_s)),
    ].filter(Boolean),
    columns: [["From", ""], ...present.map((outcome) => [outcome, "num"])],
    rows: () => at.map((one, index) => [minute(one), ...present.map((outcome) => count(counts(outcome)[index]))]).filter((_, index) => buckets[index].requests).reverse(),
  });
}

const stretch = (at, bucket_s) => `${minute(at)} to ${minute(at + bucket_s)}`;

function money({ at, buckets, from, to, bucket_s, blank }) {
  const sums = (value) => {
    let sum = 0;
    return buckets.map((bucket) => (sum += value(bucket)));
  };
  // Only requests of which both amounts are known are in `saved`, so that the lines are comparable.
  const alone = sums((bucket) => bucket.baseline_usd);
  const cost = sums((bucket) => bucket.baseline_usd - bucket.saved_usd);
  const saved = alone.map((value, index) => value - cost[index]);
  const none = blank || (alone.at(-1) || cost.at(-1) ? "" : "Costs are unknown");
  drawMoney({
    lines: [
      { name: "verify alone", colour: colour("faint"), dash: [5, 4] },
      { name: "cost", colour: colour("text") },
    ],
    bands: [{ series: [1, 2], fill: colour("link", 0.16) }],
    data: [at.map((one) => one + bucket_s), alone, cost],
    from,
    to,
    blank: none,
    format: usdShort,
    sentence: none || `Cost ${usd(cost.at(-1))}, verify alone ${usd(alone.at(-1))}, saved ${usd(saved.at(-1))}`,
    legend: (index) => {
      const here = index ?? at.length - 1;
      return none ? [] : [
        key("verify alone", colour("faint"), usd(alone[here]), true),
        key("cost", colour("text"), usd(cost[here])),
        el("span", {}, "saved ", el("b", {}, usd(saved[here]))),
      ];
    },
    columns: [["Until", ""], ["Verify alone", "num"], ["Cost", "num"], ["Saved", "num"]],
    rows: () => at.map((one, index) => [minute(one + bucket_s), usd(alone[index]), usd(cost[index]), usd(saved[index])]).filter((_, index) => buckets[index].requests).reverse(),
  });
}

function first({ firsts, firsts_bucket_s }, { from, to, blank }) {
  const plans = Object.keys(PLANS).filter((plan) => firsts.some((bucket) => bucket.plans[plan] !== undefined));
  const at = firsts.map((bucket) => bucket.at + firsts_bucket_s / 2);
  const values = (plan) => firsts.map((bucket) => bucket.plans[plan] ?? null);
  const latest = (plan) => values(plan).findLast((value) => value !== null) ?? null;
  const none = blank || (plans.length ? "" : "No first bytes in this window");
  drawFirst({
    lines: plans.map((plan) => ({ name: plan, colour: colour(PLANS[plan]), dots: firsts.length < 40 })),
    data: [at, ...plans.map(values)],
    from,
    to,
    blank: none,
    format: (value) => String(Number(value.toPrecision(3))),
    sentence: none || `Latest medians: ${plans.map((plan) => `${plan} ${seconds(latest(plan))}`).join(", ")}`,
    legend: (index) => plans.map((plan) => key(plan, colour(PLANS[plan]), seconds(index === null ? latest(plan) : values(plan)[index]))),
    columns: [["From", ""], ...plans.map((plan) => [plan, "num"])],
    rows: () => firsts.map((bucket, index) => [minute(bucket.at), ...plans.map((plan) => seconds(values(plan)[index]))]).reverse(),
  });
}

/** One row per outcome on one logarithmic scale: first byte, median, and how far the slowest 5 % begin. */
function latency(summary) {
  const present = OUTCOMES.filter((outcome) => summary.outcomes[outcome] && outcome !== "BYPASSED");
  const figures = present.map((outcome) => summary.outcomes[outcome]);
  const direct = summary.outcomes.DIRECT?.latency_s.p50 ?? null;
  const values = figures.flatMap((one) => [one.first_byte_s.p50, one.latency_s.p50, one.latency_s.p95]).filter((value) => value > 0);
  say($("baseline-note"), !present.length ? "" : direct === null ? "no DIRECT request to compare with" : `dashed: verify alone, ${seconds(direct)} (median of DIRECT)`);
  if (!values.length) return $("latency").replaceChildren(el("p", { class: "note" }, "No requests in this window"));
  const place = scale(Math.min(...values), Math.max(...values));
  const heads = [["Outcome", ""], ["", "range"], ["Requests", "num"], ["First byte", "num"], ["Median", "num"], ["p95", "num"], ["p99", "num"], ["Against verify alone", "num"]];
  const rows = present.map((outcome, index) => {
    const one = figures[index];
    const ratio = direct && outcome !== "DIRECT" && outcome !== "FAILED" && one.latency_s.p50 !== null ? one.latency_s.p50 / direct - 1 : null;
    return [
      badge(outcome),
      track(outcome, one, direct, place),
      count(one.requests),
      seconds(one.first_byte_s.p50),
      seconds(one.latency_s.p50),
      seconds(one.latency_s.p95),
      seconds(one.latency_s.p99),
      ratio === null ? UNKNOWN : `${ratio > 0 ? "+" : ""}${percent(ratio)}`,
    ];
  });
  const made = table("Latency by outcome", heads, rows);
  made.tHead.rows[0].cells[1].append(ticks(place));
  for (const row of made.tBodies[0].rows) row.cells[1].setAttribute("aria-hidden", "true");
  made.tHead.rows[0].cells[1].setAttribute("aria-hidden", "true");
  $("latency").replaceChildren(made);
}

/** A logarithmic scale from a whole 1, 2 or 5 below to one above: value → per cent. */
function scale(low, high) {
  const steps = [];
  for (let power = -4; power < 5; power++) for (const digit of [1, 2, 5]) steps.push(digit * 10 ** power);
  const from = steps.findLast((step) => step <= low) ?? steps[0];
  const to = steps.find((step) => step >= high && step > from) ?? steps.at(-1);
  const place = (value) => (Math.log(Math.max(value, from) / from) / Math.log(to / from)) * 100;
  const inside = steps.filter((step) => step >= from && step <= to);
  place.ticks = inside.length > 6 ? inside.filter((step) => /^0?\.?0*1/.test(String(step)) || step === 1e-4) : inside;
  return place;
}

function ticks(place) {
  return el("div", { class: "scale" }, place.ticks.map((value) => {
    const made = el("span", {}, value < 1 ? `${Number((value * 1000).toPrecision(3))} ms` : `${value} s`);
    made.style.left = `${place(value)}%`;
    return made;
  }));
}

function track(outcome, figures, direct, place) {
  const part = (kind, value, until = null) => {
    if (value === null) return null;
    const made = el("i", { class: kind });
    made.style.left = `${place(value)}%`;
    if (until !== null) made.style.width = `${place(until) - place(value)}%`;
    return made;
  };
  const { p50, p95 } = figures.latency_s;
  return el("div", { class: "track", dataset: { outcome } }, part("verify", direct), part("reach", figures.first_byte_s.p50 ?? p50, p95), part("first", figures.first_byte_s.p50), part("median", p50));
}
