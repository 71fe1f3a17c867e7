// Server-Sent Events: one stream while the page is looked at; begins again by itself, whatever happens.

const SILENCE_MS = 12000; // the server says something every 5 s
const AGAIN_MS = 3000;

export class Stream {
  constructor(store, changed) {
    this.store = store;
    this.changed = changed;
    this.source = null;
    this.heard = 0;
    setInterval(() => this.#watch(), AGAIN_MS);
    // A hidden page needs no figures, and browsers allow few connections to one server.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
    window.addEventListener("online", () => this.#open());
    if (!document.hidden) this.#open();
  }

  #open() {
    this.#close();
    this.heard = Date.now();
    this.source = new EventSource("events");
    this.source.onerror = () => this.#lost();
    this.#on("hello");
    this.#on("change");
  }

  #on(name) {
    this.source.addEventListener(name, (message) => {
      this.heard = Date.now();
      this.store[name](JSON.parse(message.data));
      this.changed(name);
    });
  }

  #close() {
    this.source?.close();
    this.source = null;
  }

  #lost() {
    this.store.alive = false;
    this.changed("");
  }

  #watch() {
    if (document.hidden) return;
    const ended = !this.source || this.source.readyState === EventSource.CLOSED;
    const silent = Date.now() - this.heard > SILENCE_MS;
    if (silent) this.#lost();
    if (ended) this.store.loadPage(); // an answer that is no stream may be a refusal
    if (ended || silent) this.#open();
  }
}
