// Numbers and times as the page writes them. `–` stands for what is not known or does not apply.
export const UNKNOWN = "–";

const known = (value) => typeof value === "number" && Number.isFinite(value);
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const short = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const whole = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const count = (value) => (known(value) ? grouped.format(value) : UNKNOWN);
export const share = (part, all) => (known(part) && all > 0 ? `${percent(part / all)}` : UNKNOWN);
export const time = (at) => clock.format(at * 1000);
export const minute = (at) => short.format(at * 1000);
export const moment = (at) => whole.format(at * 1000);

/** A ratio as per cent: three digits at most, and small ones do not become 0. */
export function percent(ratio) {
  if (!known(ratio)) return UNKNOWN;
  const value = ratio * 100;
  const digits = Math.abs(value) < 9.95 && value !== 0 ? 1 : 0;
  return `${value.toFixed(digits).replace("-", "−")} %`;
}

/** US dollars: cents where they say enough, five decimals where one request costs less than a cent. */
export function usd(value) {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  const digits = size >= 1 ? 2 : size >= 0.1 ? 3 : 5;
  const text = size.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${value < 0 && Number(size.toFixed(digits)) > 0 ? "−" : ""}$${text}`;
}

/** US dollars at an axis: no more digits than the steps need. */
export function usdShort(value) {
  return `$${value.toLocaleString("en-US", { maximumFractionDigits: 6 })}`;
}

/** Seconds with three digits that count. */
export function seconds(value) {
  if (!known(value)) return UNKNOWN;
  if (value < 0.0995) return `${(value * 1000).toFixed(value < 0.00995 ? 1 : 0)} ms`;
  if (value < 99.5) return `${value.toFixed(value < 9.995 ? 2 : 1)} s`;
  return `${Math.floor(Math.round(value) / 60)} min ${String(Math.round(value) % 60).padStart(2, "0")} s`;
}

/** A span of time in words: 15 s, 4 min, 2 h. */
export function span(value) {
  if (value < 60) return value === 1 ? "second" : `${value} s`;
  if (value < 3600) return value === 60 ? "minute" : `${value / 60} min`;
  return value === 3600 ? "hour" : `${Math.round(value / 360) / 10} h`;
}

export function bytes(value) {
  if (!known(value)) return UNKNOWN;
  if (value < 1000) return `${value} B`;
  return value < 1e6 ? `${(value / 1000).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}
