// Puts the page together: what the daemon tells goes to the part that shows it.

import { Containers } from "./containers.js";
import { get, make, mark, write } from "./dom.js";
import { Events } from "./events.js";
import { Feed } from "./feed.js";
import { Tree } from "./tree.js";

const LOG_NODES = 2000;
const HEALTH_TONES = { ok: "good", degraded: "warn", starting: "warn", failed: "bad" };
const events = new Events();
const tree = new Tree();
const containers = new Containers(openLog);
let shownLog = "", shownRun = 0, networks = [];

const topics = {
  hello() {
    containers.forget();
    tree.forget();
    if (shownLog) askLog();
  },
  tree: (data) => tree.take(data),
  events: (data) => events.take(data),
  usage: (data) => containers.use(data),
  containers(data) {
    containers.take(data);
    showNetworks();
    const now = containers.get(shownLog);
    if (now && now.state === "running" && now.started !== shownRun) askLog();
  },
  networks(data) {
    networks = data;
    showNetworks();
  },
  health(data) {
    write(get("health"), `engine ${data.state}`);
    mark(get("health"), "tone", HEALTH_TONES[data.state] ?? "");
    get("health").title = data.subsystems.filter((each) => each.reason).map((each) => `${each.name}: ${each.reason}`).join("\n");
    const { done, total, slowest } = data.restore;
    get("restore").hidden = done >= total;
    get("restored").max = Math.max(1, total);
    get("restored").value = done;
    write(get("restored-text"), `${done} of ${total}${slowest.length ? `; slowest ${slowest[0].name} (${slowest[0].seconds} s)` : ""}`);
  },
  pulse: (data) => write(get("pulse"), `loop lag at most ${data.worst_ms} ms`),
  log(data) {
    if (data.id === shownLog) addLog(data);
  },
};

const feed = new Feed(
  (topic, data) => topics[topic]?.(data),
  (state) => {
    mark(get("link"), "state", state);
    write(get("link"), state === "open" ? "live" : "the daemon does not answer; trying again");
  },
);

function showNetworks() {
  const counts = containers.networks();
  const rows = networks.map((each) => {
    const row = make("tr");
    const name = make("th", "", each.name);
    name.scope = "row";
    row.append(name, make("td", "", each.driver), make("td", "", each.subnets.join(", ")), make("td", "number", String(counts.get(each.name) ?? 0)));
    return row;
  });
  get("networks").replaceChildren(...rows);
  write(get("networks-count"), String(networks.length));
}

function openLog(container) {
  shownLog = container.id;
  write(get("log-title"), `Log of ${container.name}`);
  get("log").hidden = false;
  askLog();
  get("log-lines").focus();
}

function askLog() {
  get("log-lines").replaceChildren();
  shownRun = containers.get(shownLog)?.started ?? shownRun;
  feed.say({ log: shownLog });
}

// Back to where it was opened, for who has no pointer.
function closeLog() {
  const opener = containers.button(shownLog) ?? get("containers");
  shownLog = "";
  get("log").hidden = true;
  feed.say({ log: "" });
  opener.focus();
}

function addLog({ lines, end }) {
  const pane = get("log-lines");
  const below = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 40;
  for (const [stream, text] of lines) pane.append(make("span", stream === 2 ? "err" : "", text));
  if (end !== undefined) pane.append(make("span", "end", end ? `${end}\n` : "(the end of the log)\n"));
  while (pane.childNodes.length > LOG_NODES) pane.firstChild.remove();
  if (below) pane.scrollTop = pane.scrollHeight;
}

get("log-close").addEventListener("click", closeLog);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && shownLog) closeLog();
});
