// The table of containers. A row is made once and then only written to where something changed.

import { get, make, mark, size, write } from "./dom.js";

const TONES = { running: "good", paused: "warn", restarting: "warn", dead: "bad", healthy: "good", unhealthy: "bad", starting: "warn" };

export class Containers {
  #rows = new Map();
  #usage = null;
  #body = get("containers-rows");

  // `chosen(container)` is called with the one whose log is wanted.
  constructor(chosen) {
    this.chosen = chosen;
    get("containers-find").addEventListener("input", () => this.#sift());
    this.#body.addEventListener("click", (event) => {
      const row = event.target.closest("button.name")?.closest("tr");
      if (row) this.chosen(this.#rows.get(row.dataset.id).told);
    });
  }

  get(id) { return this.#rows.get(id)?.told; }

  button(id) { return this.#rows.get(id)?.cells[0]; }

  forget() {
    this.#rows.clear();
    this.#body.replaceChildren();
    this.#usage = null;
  }

  take({ set, gone }) {
    for (const id of gone) {
      this.#rows.get(id)?.row.remove();
      this.#rows.delete(id);
    }
    const fresh = document.createDocumentFragment();
    for (const told of set) {
      const known = this.#rows.get(told.id) ?? this.#make(told, fresh);
      known.told = told;
      this.#show(known);
    }
    this.#body.prepend(fresh);
    this.#sift();
  }

  use({ at, of }) {
    const before = this.#usage;
    this.#usage = { at, of };
    for (const [id, { cells, told }] of this.#rows) {
      const now = told.state === "running" || told.state === "paused" ? of[id] : undefined;
      const old = before?.of[id];
      const share = now && old && at > before.at ? (100 * Math.max(0, now[0] - old[0])) / (at - before.at) : null;
      write(cells[3], share === null ? "" : `${share.toFixed(1)} %`);
      write(cells[4], now ? size(now[1]) : "");
    }
  }

  networks() {
    const counts = new Map();
    for (const { told } of this.#rows.values()) {
      if (told.state !== "running" && told.state !== "paused") continue;
      for (const name of told.networks) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  #make(told, place) {
    const row = make("tr");
    row.dataset.id = told.id;
    const name = make("th");
    name.scope = "row";
    name.append(make("button", "name"));
    name.firstChild.type = "button";
    row.append(name);
    for (let n = 1; n < 8; n++) row.append(make("td", n === 3 || n === 4 ? "number" : ""));
    const known = { row, told, cells: [name.firstChild, ...[...row.children].slice(1)] };
    this.#rows.set(told.id, known);
    place.prepend(row);
    return known;
  }

  #show({ row, cells, told }) {
    const ended = told.state === "exited" ? ` (${told.exit_code})` : "";
    const tone = told.state === "exited" && told.exit_code !== 0 ? "warn" : TONES[told.state] ?? "";
    write(cells[0], told.name);
    cells[0].title = `Show the log of ${told.name}`;
    write(cells[1], told.state + ended + (told.restarts ? `, ${told.restarts}×` : ""));
    mark(cells[1], "tone", tone);
    cells[1].title = told.error;
    write(cells[2], told.health);
    mark(cells[2], "tone", TONES[told.health] ?? "");
    [told.image, told.networks.join(", "), told.ports.join(", ")].forEach((text, n) => {
      write(cells[5 + n], text);
      cells[5 + n].title = text;
    });
    mark(row, "state", told.state);
  }

  #sift() {
    const wanted = get("containers-find").value.toLowerCase();
    let shown = 0, running = 0;
    for (const { row, told } of this.#rows.values()) {
      const fits = !wanted || `${told.name} ${told.image} ${told.state} ${told.health} ${told.id}`.toLowerCase().includes(wanted);
      if (row.hidden === fits) row.hidden = !fits;
      shown += fits;
      running += told.state === "running";
    }
    const all = this.#rows.size;
    write(get("containers-count"), `${running} running, ${all} in all${shown < all ? `, ${shown} shown` : ""}`);
    get("containers-none").hidden = shown > 0;
  }
}
