// The one connection to the daemon: it comes back by itself, and goes on after the last event that was told.

const PAUSES = [250, 500, 1000, 2000, 5000];

export class Feed {
  #socket = null;
  #tries = 0;
  #engine = null;
  #seq = null;

  // `told(topic, data)` gets each message, `linked(state)` "open" or "closed".
  constructor(told, linked) {
    this.told = told;
    this.linked = linked;
    this.#connect();
  }

  say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #connect() {
    const url = new URL("/_trimaran/page/ws", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.#seq !== null) url.searchParams.set("since", this.#seq);
    const socket = (this.#socket = new WebSocket(url));
    socket.onopen = () => { this.#tries = 0; };
    socket.onmessage = (message) => this.#take(JSON.parse(message.data));
    socket.onclose = () => {
      this.linked("closed");
      const pause = PAUSES[Math.min(this.#tries++, PAUSES.length - 1)];
      setTimeout(() => this.#connect(), pause);
    };
  }

  #take({ topic, data }) {
    if (topic === "hello") {
      if (this.#engine !== null && (this.#engine !== data.engine || data.fresh)) {
        location.reload(); // another engine, or an older log: nothing here is true any more
        return;
      }
      this.#engine = data.engine;
      this.linked("open");
    }
    if (topic === "events") {
      // What is told twice is shown once.
      data = data.filter((event) => this.#seq === null || event.seq > this.#seq);
      if (data.length) this.#seq = data.at(-1).seq;
    }
    this.told(topic, data);
  }
}
