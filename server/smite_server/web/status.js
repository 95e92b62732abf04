// Fills the status page from /status.json, again every two seconds. Whatever a client could have
// chosen (names, users, messages) becomes text nodes, never markup.
"use strict";

const REFRESH_MS = 2000;
const GIB = 1024 ** 3;
const find = (id) => document.getElementById(id);

function make(name, className, ...inside) {
  const found = document.createElement(name);
  if (className) found.className = className;
  found.append(...inside.filter((part) => part !== null && part !== undefined).map((part) =>
    part instanceof Node ? part : String(part)));
  return found;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const all = Math.round(seconds);
  const [days, hours] = [Math.floor(all / 86400), Math.floor(all / 3600) % 24];
  const [minutes, rest] = [Math.floor(all / 60) % 60, all % 60];
  const two = (number) => String(number).padStart(2, "0");
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

const gib = (bytes) => `${(bytes / GIB).toFixed(bytes < 10 * GIB ? 1 : 0)} GiB`;
const clock = (moment) => moment === null ? "–" : new Date(moment * 1000).toLocaleString("sv-SE");
const final = (job) => ["done", "failed", "cancelled"].includes(job.state);

function bar(done, total) {
  const inner = make("i");
  if (total) inner.style.width = `${Math.min(100, 100 * done / total)}%`;
  return make("div", total ? "bar" : "bar unknown", inner);
}

function tile(name, value, text) {
  const found = make("div", "tile", make("b", "", value), " ", make("span", "", text));
  found.dataset.name = name;
  return found;
}

function tiles(status) {
  const count = (state) => status.jobs.filter((job) => job.state === state).length;
  return [
    tile("running", count("running"), "running"),
    tile("queued", count("queued"), "queued"),
    tile("paused", count("paused"), "paused"),
    tile("clients", status.clients, status.clients === 1 ? "client" : "clients"),
    tile("watchers", status.watchers, status.watchers === 1 ? "watcher" : "watchers"),
    tile("free", gib(status.spool.free), `free of ${gib(status.spool.total)}, spool`),
  ];
}

function card(job, status) {
  const made = status.thumbnails[job.job];
  const picture = make("div", "thumb");
  if (made) {
    const image = make("img");
    image.src = `/jobs/${job.job}/thumb.png?${made}`;
    image.alt = `Newest frame of ${job.name} with its mattes`;
    picture.append(image);
  } else {
    picture.append(job.kind === "segment" ? "no matte yet" : job.kind);
  }
  const left = job.seconds_left === null ? "" : `${duration(job.seconds_left)} left`;
  const facts = [job.kind, job.user && `user ${job.user}`, job.lane,
    job.priority && `priority ${job.priority}`, job.device,
    job.attempts > 1 && `attempt ${job.attempts}`,
    `running for ${duration(status.server.now - job.started)}`].filter(Boolean).join("  ·  ");
  const found = make("article", "card", picture, make("div", "what",
    make("div", "title", make("b", "name", job.name), make("span", "job mono", job.job)),
    make("div", "facts", facts),
    bar(job.done, job.total),
    make("div", "progress",
      make("span", "stage", job.stage),
      make("span", "count", make("span", "done", job.done), " / ", make("span", "total", job.total)),
      make("span", "left", left))));
  return numbered(found, job);
}

// The numbers as they came, for whoever reads the page with a program.
function numbered(element, job) {
  element.dataset.job = job.job;
  element.dataset.state = job.state;
  element.dataset.done = job.done;
  element.dataset.total = job.total;
  element.dataset.secondsLeft = job.seconds_left === null ? "" : job.seconds_left;
  element.dataset.ahead = job.ahead === null ? "" : job.ahead;
  return element;
}

function row(job, cells) {
  return numbered(make("tr", "", ...cells.map(([className, text]) =>
    make("td", className, text))), job);
}

function queued(job, status) {
  return row(job, [["number ahead", job.ahead ?? "–"], ["lane", job.lane],
    ["number", job.priority], ["user", job.user || "–"], ["kind", job.kind], ["name", job.name],
    [`state ${job.state}`, job.state], ["stage", job.stage],
    ["number", duration(status.server.now - job.created)], ["job", job.job]]);
}

function ended(job) {
  const log = make("a", "", "log");
  log.href = `/jobs/${job.job}/log`;
  const took = job.started === null ? null : job.finished - job.started;
  return row(job, [[`state ${job.state}`, job.state], ["kind", job.kind], ["name", job.name],
    ["user", job.user || "–"], ["number", job.total ? `${job.done} / ${job.total}` : "–"],
    ["number", duration(took)], ["", clock(job.finished)], ["job", job.job],
    ["wide", job.message], ["", job.state === "failed" ? log : ""]]);
}

function worker(found) {
  const known = found.memory_used !== null && found.memory_total !== null;
  const memory = make("td", known ? "" : "none");
  if (known) memory.append(bar(found.memory_used, found.memory_total));
  memory.append(known ? `${gib(found.memory_used)} of ${gib(found.memory_total)}` : "–");
  const state = !found.pid ? "not started" : found.ready ? (found.job ? "busy" : "idle") : "starting";
  return make("tr", "", make("td", "device", found.device),
    make("td", `state ${found.job ? "running" : "queued"}`, state),
    make("td", "job", found.job || "–"), make("td", "number", found.pid || "–"), memory);
}

function fill(table, rows, text) {
  const body = find(table).tBodies[0];
  if (!rows.length) {
    const none = make("td", "none", text);
    none.colSpan = 99;
    rows = [make("tr", "", none)];
  }
  body.replaceChildren(...rows);
}

function show(status) {
  const server = status.server;
  find("endpoint").textContent = server.endpoint;
  find("about").textContent = `version ${server.version}  ·  up ${duration(server.uptime)}`;
  find("roots").textContent = server.roots.join("   ") || "no paths, only frames sent";
  find("backbone").textContent = `${server.backbone} on ${server.device}`;
  const health = find("health");
  health.textContent = status.health.status;
  health.className = `pill ${status.health.status}`;
  trouble(status.health.reasons.join("\n"));
  find("tiles").replaceChildren(...tiles(status));
  const running = status.jobs.filter((job) => job.state === "running");
  const place = (job) => job.ahead ?? Infinity;
  const waiting = status.jobs.filter((job) => !final(job) && job.state !== "running")
    .sort((one, other) => place(one) - place(other) || one.created - other.created);
  find("running").replaceChildren(...(running.length ? running.map((job) => card(job, status))
    : [make("div", "faint", "Nothing runs.")]));
  fill("queue", waiting.map((job) => queued(job, status)), "Nothing waits.");
  fill("workers", status.workers.map(worker), "No worker yet.");
  fill("ended", status.jobs.filter(final).map(ended), "No job has ended yet.");
  document.body.dataset.loaded = "yes";
}

function trouble(text) {
  find("trouble").textContent = text;
  find("trouble").hidden = !text;
}

async function refresh() {
  try {
    const answer = await fetch("/status.json");
    if (!answer.ok) throw new Error(`${answer.status} ${(await answer.text()).trim()}`);
    show(await answer.json());
  } catch (problem) {
    find("health").textContent = "no answer";
    find("health").className = "pill lost";
    trouble(`The server does not answer (${problem.message}); what is shown may be old.`);
  }
  setTimeout(refresh, REFRESH_MS);
}

refresh();
