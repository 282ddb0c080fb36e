// The connection to the sidecar: server-sent events, and what is told when they stop.

const FIRST_RETRY_S = 1;
const LONGEST_RETRY_S = 15;
const SILENCE_S = 25; // the server says something at least every 10 s

/**
 * Keep a stream open, whatever happens.
 *
 * `on` has a function for each kind of event (called with its data) and `state(word, seconds)`, which hears `connecting`, `live`,
 * `lost` with the seconds to the next try, and `retrying`. EventSource's own retries give up on an HTTP error and say nothing about the
 * time, so each try here is a new one. Gives a function that opens it anew with another address.
 */
export function connect(address, on) {
  let source = null;
  let timer = 0;
  let watchdog = 0;
  let wait = FIRST_RETRY_S;

  function heard() {
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, SILENCE_S * 1000);
  }

  function open(word = "connecting") {
    close();
    on.state(word);
    source = new EventSource(address);
    source.onerror = lost;
    heard();
    for (const kind of ["snapshot", "decisions", "summary", "alive"]) {
      source.addEventListener(kind, (event) => {
        heard();
        wait = FIRST_RETRY_S;
        on.state("live");
        on[kind]?.(JSON.parse(event.data));
      });
    }
  }

  function close() {
    source?.close();
    source = null;
    clearTimeout(timer);
    clearTimeout(watchdog);
  }

  function lost() {
    close();
    count(wait);
    wait = Math.min(wait * 2, LONGEST_RETRY_S);
  }

  function count(left) {
    if (left <= 0) return open("retrying");
    on.state("lost", left);
    timer = setTimeout(() => count(left - 1), 1000);
  }

  addEventListener("online", () => { if (source === null) open(); });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  open();
  return (other) => { address = other; wait = FIRST_RETRY_S; open(); };
}
