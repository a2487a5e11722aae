"use strict";
// The live feed. Everything that comes from the record is text: nothing is ever read as markup.

(() => {
  const root = document.body.dataset.root;
  const feed = document.getElementById("feed");
  const rows = feed.querySelector("tbody");
  const empty = document.getElementById("feed-empty");
  const live = document.getElementById("live");
  const liveWords = live.querySelector("[data-words]");
  const button = document.getElementById("pause");
  const trouble = document.getElementById("trouble");
  const most = Number(feed.dataset.most);
  const RETRY = 5000; // ms, when the browser itself has given up

  const address = new URL(feed.dataset.stream, window.location.origin);
  let source = null;
  let paused = feed.dataset.paused === "1";
  let waiting = []; // rows that come within one frame are put in at once
  let timer = 0;

  const say = (state, words) => {
    if (live.dataset.state === state) return;
    live.dataset.state = state;
    liveWords.textContent = words;
  };

  const copy = (id) => document.getElementById(id).content.cloneNode(true);

  const badge = (name) => copy(document.getElementById(`t-badge-${name}`) ? `t-badge-${name}` : "t-badge-notice");

  const tag = (text) => {
    const made = document.createElement("span");
    made.className = "tag";
    const inner = document.createElement("bdi");
    inner.textContent = text;
    made.append(inner);
    return made;
  };

  const muted = (text) => {
    const made = document.createElement("span");
    made.className = "muted rules";
    made.textContent = text;
    return made;
  };

  const head = (row, line) => {
    const link = row.querySelector("a");
    link.href = `${root}/event/${encodeURIComponent(line.id)}`;
    const time = row.querySelector("time");
    time.textContent = line.time;
    time.dateTime = line.at;
    time.title = line.at;
  };

  const eventRow = (line) => {
    const row = copy("t-event").firstElementChild;
    head(row, line);
    row.classList.add(`is-${line.action}`);
    const action = row.querySelector(".c-action");
    action.append(badge(line.action));
    if (line.would) {
      const would = document.createElement("span");
      would.className = "would";
      would.textContent = `would ${line.would}`;
      action.append(" ", would);
    }
    const found = row.querySelector(".c-found");
    for (const name of line.failed) {
      const failed = copy("t-failed");
      failed.querySelector("bdi").textContent = name;
      found.append(failed, " ");
    }
    for (const name of line.categories) found.append(tag(name), " ");
    if (line.more) found.append(muted(`and ${line.more} more `));
    if (line.rules.length) found.append(muted(line.rules.join(", ")));
    row.querySelector(".c-tenant bdi").textContent = line.tenant || "–";
    row.querySelector(".c-model bdi").textContent = line.model || "–";
    row.querySelector(".c-stage").textContent = line.stage;
    row.querySelector(".c-ms").textContent = `${line.ms} ms`;
    return row;
  };

  const otherRow = (line) => {
    const row = copy("t-other").firstElementChild;
    head(row, line);
    row.classList.add(`is-${line.kind}`);
    row.querySelector(".c-action").append(badge(line.kind));
    row.querySelector("bdi").textContent = line.text;
    return row;
  };

  const missedRow = (said) => {
    const row = copy("t-other").firstElementChild;
    row.querySelector(".c-time").textContent = "–";
    row.classList.add("is-missed");
    row.querySelector(".c-action").append(badge("missed"));
    const count = said.missed.toLocaleString("en");
    row.querySelector("bdi").textContent = said.exact
      ? `${count} entries came too quickly to be shown here; they are in the record`
      : `up to ${count} entries came meanwhile and are not shown here; they are in the record`;
    return row;
  };

  const flush = () => {
    const held = document.activeElement;
    const made = document.createDocumentFragment();
    for (const row of waiting.slice(-most).reverse()) made.append(row);
    waiting = [];
    rows.prepend(made);
    while (rows.children.length > most && !rows.lastElementChild.contains(held)) rows.lastElementChild.remove();
    empty.hidden = rows.children.length > 0;
    feed.hidden = rows.children.length === 0;
  };

  const add = (row) => {
    row.classList.add("is-new");
    if (waiting.push(row) === 1) window.setTimeout(flush, 100);
    if (waiting.length > 4 * most) waiting = waiting.slice(-most);
  };

  const tile = (id, value, words) => {
    const box = document.getElementById(`tile-${id}`);
    box.querySelector("[data-value]").textContent = value;
    if (words !== undefined) box.querySelector("[data-words]").textContent = words;
  };

  const percent = (share) => {
    const value = share * 100;
    return value === 0 || value >= 10 ? `${value.toFixed(0)} %` : `${value.toFixed(1)} %`;
  };

  const ms = (value) => {
    if (value === null) return "–";
    if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
    return value >= 10 ? `${value.toFixed(0)} ms` : `${value.toFixed(1)} ms`;
  };

  const figures = (said) => {
    const notes = [said.problem, ...said.alerts.map((alert) => `Alert, ${alert}`)].filter((words) => words);
    trouble.replaceChildren(...notes.map((words) => {
      const note = copy("t-note");
      note.querySelector("span").textContent = words;
      return note;
    }));
    const now = said.now;
    if (!now) return;
    tile("rate", now.requests_per_second.toFixed(1));
    tile("block", now.events ? percent(now.block_share) : "–", `of ${now.events.toLocaleString("en")} judged in 5 minutes`);
    tile("p50", ms(now.p50_ms));
    tile("p99", ms(now.p99_ms));
    const failed = Object.entries(now.not_run);
    const sum = failed.reduce((total, [, count]) => total + count, 0);
    tile("failed", sum.toLocaleString("en"), failed.map(([name]) => name).join(", ") || "all ran, in 5 minutes");
    document.getElementById("tile-failed").classList.toggle("is-bad", sum > 0);
  };

  const read = (act) => (message) => {
    let said;
    try { said = JSON.parse(message.data); } catch { return; }
    act(said);
  };

  const open = () => {
    window.clearTimeout(timer);
    source = new EventSource(address);
    source.addEventListener("open", () => say("on", "Live"));
    source.addEventListener("entry", (message) => {
      address.searchParams.set("after", message.lastEventId);
      read((line) => add(line.kind === "event" ? eventRow(line) : otherRow(line)))(message);
    });
    source.addEventListener("missed", read((said) => add(missedRow(said))));
    source.addEventListener("now", read(figures));
    source.addEventListener("error", () => {
      say("lost", "Connection lost, trying again");
      if (source.readyState === EventSource.CLOSED) timer = window.setTimeout(open, RETRY);
    });
  };

  const close = () => {
    window.clearTimeout(timer);
    if (source) source.close();
    source = null;
  };

  const show = () => {
    button.setAttribute("aria-pressed", String(paused));
    button.querySelector("[data-words]").textContent = paused ? "Resume" : "Pause";
    if (paused) { close(); say("paused", "Paused"); } else { say("off", "Connecting"); open(); }
  };

  button.hidden = false;
  button.addEventListener("click", () => { paused = !paused; show(); });
  feed.hidden = rows.children.length === 0;
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted && !paused) open(); });
  show();
})();
