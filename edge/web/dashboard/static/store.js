// What the server has told: all rooms as they are, and the history of the one that is looked at.

import { decode, kind } from "./rows.js";

const STALE_WINDOWS = 3, STALE_MS = 2000; // after so many windows and a little, figures are not of now
const LATE_MS = 30000; // that a window may be late on its way

const UNREAD = { rows: null, marks: [], complete: false }; // a room whose history is not here

export class Store {
  constructor() {
    this.rooms = new Map();
    this.about = null;
    this.links = []; // [ms, whether the server reached the broker]
    this.connected = false;
    this.alive = false;
    this.troubles = { refused: 0, lost: 0, full: false };
    this.offset = 0;
    this.loaded = null; // the name of the room whose history is here
  }

  /** The server's time in milliseconds. */
  now() {
    return Date.now() + this.offset;
  }

  hello(event) {
    this.about = event.about;
    this.rooms.clear();
    this.loaded = null;
    this.alive = true;
    this.news(event);
  }

  news(event) {
    this.alive = true;
    this.offset = event.now - Date.now();
    this.connected = event.connected;
    this.troubles = event.troubles;
    if (event.links) this.links = event.links;
    for (const name of event.removed ?? []) this.rooms.delete(name);
    for (const [name, told] of Object.entries(event.rooms ?? {})) {
      const room = this.rooms.get(name) ?? { name, ...UNREAD, keys: new Set() };
      Object.assign(room, told, { latest: told.latest && decode(told.latest) });
      this.rooms.set(name, room);
    }
    for (const [name, row] of event.rows ?? []) this.#insert(this.rooms.get(name), row);
    for (const [name, mark] of event.marks ?? []) {
      const room = this.rooms.get(name);
      if (room?.rows) room.marks = [...room.marks, mark];
    }
  }

  /** Fetch the history of a room, and let go of the one before; true when there is now something to draw. */
  async load(name) {
    const room = this.rooms.get(name);
    if (!room || this.loaded === name) return false;
    for (const other of this.rooms.values()) Object.assign(other, { ...UNREAD, keys: new Set() });
    this.loaded = name;
    room.rows = []; // what comes from now on is kept, and the rest put before it
    let told;
    try {
      const answer = await fetch(`history?room=${encodeURIComponent(name)}`);
      if (!answer.ok) throw new Error(String(answer.status));
      told = await answer.json();
    } catch {
      if (this.loaded === name) this.loaded = null; // the next draw asks again
      return false;
    }
    if (this.loaded !== name || this.rooms.get(name) !== room) return false;
    room.labels = told.labels.length > room.labels.length ? told.labels : room.labels;
    room.marks = [...told.marks, ...room.marks];
    for (const row of told.rows) this.#insert(room, row);
    room.complete = true;
    return true;
  }

  #insert(room, row) {
    if (!room?.rows) return;
    const window = decode(row);
    if (room.keys.has(window.key)) return;
    room.keys.add(window.key);
    let at = room.rows.length;
    while (at > 0 && room.rows[at - 1].end > window.end) at -= 1;
    room.rows.splice(at, 0, window);
    const oldest = this.now() - this.about.hours * 3600000;
    let old = 0;
    while (old < room.rows.length && room.rows[old].end < oldest) room.keys.delete(room.rows[old++].key);
    room.rows.splice(0, old);
  }

  /** The key in STATES of what a room does now. */
  state(room) {
    const window = room.latest;
    const fresh = window !== null && this.#fresh(window, room.heard);
    if (!fresh && !(this.alive && this.connected)) return "unheard";
    if (room.online === false) return "offline";
    if (room.mode === "paused" || room.mode === "camera_lost") return room.mode;
    if (window === null) return "waiting";
    if (!fresh) return "silent";
    if (kind(window) === "suppressed") return "suppressed";
    return room.mode === "throttled" ? "throttled" : "live";
  }

  #fresh(window, heard) {
    const now = this.now(), lasts = STALE_WINDOWS * window.ms + STALE_MS;
    const late = now - window.end > lasts + LATE_MS && (window.replayed || !window.unsynced);
    return now - heard <= lasts && !late;
  }
}

/** Whether the figures of the newest window may be shown as those of now. */
export const current = (state) => state === "live" || state === "throttled";
