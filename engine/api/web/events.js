// The event stream, the newest first; filters choose among what is kept here.

import { get, make, write } from "./dom.js";

const KEPT = 1000;

export class Events {
  #items = [];
  #types = new Set();
  #list = get("events");
  #last = null;

  constructor() {
    get("events-find").addEventListener("input", () => this.#siftAll());
    get("events-type").addEventListener("change", () => this.#siftAll());
  }

  take(events) {
    const fresh = document.createDocumentFragment();
    for (const event of events) {
      const item = this.#make(event);
      this.#items.push(item);
      fresh.prepend(item);
      this.#last = event.seq;
    }
    this.#list.prepend(fresh);
    for (const old of this.#items.splice(0, Math.max(0, this.#items.length - KEPT))) old.remove();
    write(get("events-count"), this.#last === null ? "" : `to number ${this.#last}`);
  }

  #make(event) {
    const attributes = event.Actor?.Attributes ?? {};
    const name = attributes.name ?? event.Actor?.ID?.slice(0, 19) ?? "";
    const extra = Object.entries(attributes).filter(([key]) => ["exitCode", "cause", "reason", "container", "from", "to", "signal"].includes(key));
    const item = make("li", event.Action === "events-gap" ? "gap" : "");
    item.dataset.seq = event.seq;
    item.dataset.type = event.Type;
    item.dataset.action = event.Action;
    const when = make("time", "when", new Date(event.timeNano / 1e6).toLocaleTimeString([], { hour12: false }));
    const what = [name, ...extra.map(([key, value]) => `${key}=${key === "container" ? value.slice(0, 12) : value}`)].join("  ");
    item.append(when, make("span", "type", event.Type), make("span", "action", event.Action), make("span", "what", what));
    item.title = `number ${event.seq}`;
    if (!this.#types.has(event.Type)) {
      this.#types.add(event.Type);
      get("events-type").append(new Option(event.Type, event.Type));
    }
    this.#sift(item);
    return item;
  }

  #sift(item) {
    const type = get("events-type").value, text = get("events-find").value.toLowerCase();
    const hide = (type && item.dataset.type !== type) || (text && !item.textContent.toLowerCase().includes(text));
    item.hidden = Boolean(hide);
  }

  #siftAll() { for (const item of this.#items) this.#sift(item); }
}
