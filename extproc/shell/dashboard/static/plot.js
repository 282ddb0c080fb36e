// One chart over time: a legend that reads out what the pointer is on, a canvas drawn by uPlot, and the same numbers as a table.
/* global uPlot */
import { el, table } from "./dom.js";
import { minute } from "./format.js";

const probe = el("i", { hidden: true });
document.documentElement.append(probe);

/** A colour by its name in style.css, as the theme in force has it; with `alpha`, a translucent one. */
export function colour(name, alpha = 1) {
  probe.style.color = `var(--${name})`;
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g);
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

/** Make a chart in a figure; `name` is read to those who do not see it. Gives a function that draws a `spec`:
 *
 * `lines`: `{name, colour, dash, width, fill, paths}`, lowest layer first · `data`: times, then a row of values per line ·
 * `from`, `to`: seconds of the clock · `format`: writes a value at the axis · `legend(at)`: nodes for one time's index, or for
 * all (null) · `sentence`: the chart in words · `columns`, `rows()`: its table · `blank`: what to say where there is nothing to draw.
 */
export function chart(figure, name) {
  const legend = el("div", { class: "legend", "aria-hidden": "true" });
  const plot = el("div", { class: "plot", role: "img" });
  const numbers = el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `${name}, as a table` });
  const more = el("details", {}, el("summary", {}, "As a table"), numbers);
  let drawn = null;
  let spec = null;
  figure.append(legend, plot, more);

  function readOut(at) {
    legend.replaceChildren(...spec.legend(at ?? null));
  }

  function fill() {
    if (more.open && spec) numbers.replaceChildren(table(name, spec.columns, spec.rows()));
  }

  function size() {
    return { width: Math.max(120, plot.clientWidth), height: plot.clientHeight };
  }

  function draw(next) {
    const same = drawn && spec && !next.blank && JSON.stringify(spec.lines) === JSON.stringify(next.lines);
    spec = next;
    plot.setAttribute("aria-label", `${name}. ${spec.sentence}`);
    if (!same) {
      drawn?.destroy();
      drawn = null;
      plot.replaceChildren();
    }
    if (spec.blank) plot.append(el("p", { class: "blank" }, spec.blank));
    else if (same) drawn.setData(spec.data);
    else drawn = new uPlot(options(() => spec, size(), readOut), spec.data, plot);
    readOut(null);
    fill();
  }

  more.addEventListener("toggle", fill);
  new ResizeObserver(() => drawn?.setSize(size())).observe(plot);
  return draw;
}

function options(spec, { width, height }, readOut) {
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colour("faint"), font, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: true, range: () => [spec().from, spec().to] },
      y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] },
    },
    axes: [
      { ...axis, size: 24, gap: 4, space: 70, grid: { show: false }, values: (_, at) => at.map(minuteOrDay) },
      { ...axis, size: 46, gap: 4, space: 34, incrs: spec().steps, values: (_, values) => values.map((value) => spec().format(value)) },
    ],
    series: [{}, ...spec().lines.map(line)],
    bands: spec().bands,
    hooks: { setCursor: [(chart) => readOut(chart.cursor.idx ?? null)] },
  };
}

function line({ name, colour: stroke, dash, width = 2, fill, bars, dots }) {
  const paths = bars ? uPlot.paths.bars({ size: [0.85, 48], align: 1 }) : uPlot.paths.linear();
  return { label: name, stroke, dash, width, fill, paths, points: { show: Boolean(dots), size: 5, fill: stroke }, spanGaps: true };
}

/** Hours and minutes; at midnight the day. */
function minuteOrDay(at) {
  const moment = new Date(at * 1000);
  const midnight = moment.getHours() === 0 && moment.getMinutes() === 0;
  return midnight ? moment.toLocaleDateString("en-GB", { day: "numeric", month: "short" }) : minute(at);
}

/** A key of a legend: a stroke as it is drawn, a name, a value. */
export function key(name, stroke, value, dashed = false) {
  const made = el("span", { class: "key", dataset: { line: dashed ? "dashed" : "solid" } }, `${name} `, el("b", {}, value));
  made.style.setProperty("--key", stroke);
  return made;
}

