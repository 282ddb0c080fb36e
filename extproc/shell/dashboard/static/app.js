// The page: what comes in, and who shows it.
import { $, say } from "./dom.js";
import { time } from "./format.js";
import { connect } from "./live.js";
import { overview } from "./overview.js";
import { providers } from "./providers.js";
import { keyOf } from "./records.js";
import { opened } from "./request.js";
import { Stream } from "./stream.js";

let about = null;
let figures = null;
let heardAt = 0;
let returnTo = null;
const stream = new Stream(open);
const dialog = $("request");

/* ---- choices that are kept in this browser */

function kept(control, name, apply) {
  try {
    const before = localStorage.getItem(name);
    if (before && [...control.options].some((option) => option.value === before)) control.value = before;
  } catch { /* no storage: nothing is kept */ }
  control.addEventListener("change", () => {
    try { localStorage.setItem(name, control.value); } catch { /* as above */ }
    apply(control.value);
  });
}

kept($("window"), "cascade-window", () => {
  figures = null;
  reconnect(address());
  show();
});
kept($("theme"), "cascade-theme", (theme) => {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  show();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);

/* ---- what comes in */

const reconnect = connect(address(), {
  snapshot(data) {
    about = data.about;
    stream.reset(data.decisions);
    introduce();
    openFromAddress();
    show();
  },
  decisions(data) {
    stream.add(data.decisions);
    show();
  },
  summary(data) {
    figures = data;
    show();
  },
  state(word, left) {
    const connection = $("connection");
    if (word === "live") heardAt = Date.now() / 1000;
    connection.dataset.state = word;
    // The status is read out: the seconds to go are not, and `live` is said once.
    say(connection, { connecting: "connecting …", retrying: "connection lost: trying again …", live: "live", lost: lost() }[word]);
    $("retry").textContent = word === "lost" ? `next try in ${left} s` : "";
  },
});

function lost() {
  return heardAt ? `connection lost: this is the state of ${time(heardAt)}` : "no connection to the sidecar";
}

function address() {
  return `api/events?since_s=${$("window").value}`;
}

/* ---- who shows it */

function show() {
  if (!about) return;
  $("empty").hidden = stream.records.length > 0;
  $("adding").hidden = figures !== null;
  $("overview").classList.toggle("stale", figures === null);
  if (figures) overview(figures, about);
  providers(stream.records, about);
}

function introduce() {
  const { draft, verify } = about.models;
  const name = (model) => (model.model === "keep" ? "as the client asks" : model.model);
  say($("about"), `mode ${about.mode} · draft: ${name(draft)} · verify: ${name(verify)}`);
  $("shadow").hidden = about.mode !== "shadow";
  say($("sample"), sample(`http://${about.listen.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, "127.0.0.1")}`));
}

function sample(url) {
  return `curl ${url}/v1/messages -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2023-06-01" \\
  -H "content-type: application/json" \\
  -d '{"model": "claude-opus-4-8", "max_tokens": 256, "messages": [{"role": "user", "content": "Hello!"}]}'`;
}

/* ---- one request */

function open(record, from = null) {
  if (!record) return;
  returnTo = from;
  dialog.replaceChildren(opened(record, about, () => dialog.close()));
  if (!dialog.open) dialog.showModal();
  $("request-title").focus();
  history.replaceState(null, "", `#request=${encodeURIComponent(keyOf(record))}`);
}

dialog.addEventListener("close", () => {
  history.replaceState(null, "", location.pathname + location.search);
  if (returnTo?.isConnected) returnTo.focus();
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

/** An address that names a request, by its number or its trace, opens it. */
async function openFromAddress() {
  const asked = location.hash;
  const key = new URLSearchParams(asked.slice(1)).get("request");
  if (!key || dialog.open) return;
  const known = stream.find(key);
  if (known) return open(known);
  const answer = await fetch(`api/decisions/${encodeURIComponent(key)}`).catch(() => null);
  const record = answer?.ok ? await answer.json() : null;
  if (!dialog.open && location.hash === asked) open(record);  // not what has been closed, or left, meanwhile
}
addEventListener("hashchange", openFromAddress);

