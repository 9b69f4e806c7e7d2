// The supervision tree. A crash is over within milliseconds: who was restarted stays red long enough to be seen.

import { get, make, mark, write } from "./dom.js";

const SEEN_MS = 3000;
const TONES = { running: "good", starting: "warn", stopping: "warn", stopped: "" };

export class Tree {
  #rows = new Map();
  #list = get("tree");

  constructor() {
    get("tree-all").addEventListener("change", () => this.#sift());
  }

  forget() {
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  take({ set, gone }) {
    for (const path of gone) {
      this.#rows.get(path)?.item.remove();
      this.#rows.delete(path);
    }
    for (const [path, state, restarts, error, depth, capacity] of set) {
      const known = this.#rows.get(path) ?? this.#make(path);
      if (known.told && restarts > known.restarts) {
        known.until = performance.now() + SEEN_MS;
        setTimeout(() => this.#show(known), SEEN_MS + 50);
      }
      Object.assign(known, { told: true, state, restarts, error, depth, capacity });
      this.#show(known);
    }
    this.#sift();
  }

  #make(path) {
    const item = make("li");
    const parts = path.split("/");
    item.dataset.path = path;
    item.dataset.depth = Math.min(3, parts.length - 1);
    const name = make("span", "service", parts.at(-1));
    const known = { item, until: 0, own: parts.length > 2 && parts[1] === "containers" && /^[0-9a-f]{12}/.test(parts[2]),
      stateOf: make("span", "state"), more: make("span", "more"), errorOf: make("span", "error") };
    item.append(name, known.stateOf, known.more, known.errorOf);
    this.#rows.set(path, known);
    this.#place(path, item);
    return known;
  }

  // After the last one of its parent's.
  #place(path, item) {
    const parent = path.slice(0, path.lastIndexOf("/"));
    let last = this.#rows.get(parent)?.item ?? null;
    if (!last) { this.#list.append(item); return; }
    while (last.nextElementSibling?.dataset.path.startsWith(`${parent}/`)) last = last.nextElementSibling;
    last.after(item);
  }

  #show(known) {
    const crashed = performance.now() < known.until;
    mark(known.item, "tone", crashed ? "bad" : TONES[known.state] ?? "bad");
    write(known.stateOf, crashed ? `${known.state}, was restarted` : known.state);
    write(known.errorOf, crashed || known.state !== "running" ? known.error : "");
    known.item.title = known.error ? `last error: ${known.error}` : "";
    const mail = known.capacity ? `mail ${known.depth}/${known.capacity}` : "";
    const restarts = known.restarts ? `${known.restarts} restarts` : "";
    write(known.more, [restarts, mail].filter(Boolean).join(", "));
  }

  #sift() {
    const all = get("tree-all").checked;
    let bad = 0;
    for (const known of this.#rows.values()) {
      const hide = known.own && !all && (known.state === "running" || known.state === "stopped");
      if (known.item.hidden !== hide) known.item.hidden = hide;
      bad += known.state !== "running" && known.state !== "stopped";
    }
    write(get("tree-count"), `${this.#rows.size}${bad ? `, ${bad} not running` : ", all running"}`);
  }
}
