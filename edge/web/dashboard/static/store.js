// What the server has sent: all rooms as they are, and the lesson of the one that is shown. Nothing is computed here.

import { Question } from "./ask.js";
import { byName } from "./words.js";
import { insist } from "../shared/insist.js";
import { t } from "../shared/texts.js";

const BEAT_MS = 5000; // after which a lesson has moved on, also when nothing comes
const ROOMS = "api/rooms";

export class Store {
  #names = new Question();
  #asking = null;

  constructor() {
    this.rooms = new Map();
    this.recorded = []; // names of rooms of which something was recorded
    this.about = null;
    this.page = null; // what api/about says; nothing is drawn before it is known
    this.links = []; // [ms, whether the server reached the broker]
    this.connected = false;
    this.alive = false;
    this.troubles = { refused: 0, lost: 0, full: false, newer: [], ahead: [], recorder: false };
    this.offset = 0;
    this.lesson = null;
    this.loading = false;
  }

  /** The server's time in milliseconds. */
  now() {
    return Date.now() + this.offset;
  }

  /** The rooms, in the order in which people look for them. */
  names(recorded = false) {
    return [...new Set([...this.rooms.keys(), ...recorded ? this.recorded : []])].sort(byName);
  }

  /** A room by its name; one that was recorded and is not heard of now has no present. */
  room(name, recorded = false) {
    const absent = { name, online: null, mode: null, reason: "", since: null, labels: [], latest: null, heard: 0, silent_from: null, drawn: false, changes: 0 };
    return this.rooms.get(name) ?? (recorded && this.recorded.includes(name) ? absent : null);
  }

  /** Ask what this visitor may see, until it is told; what was known before stays meanwhile. */
  loadPage(refused) {
    this.#asking ??= insist(() => this.#askPage(), refused).finally(() => { this.#asking = null; });
    return this.#asking;
  }

  async #askPage() {
    const answer = await fetch("api/about");
    if (answer.status === 403) location.reload(); // the token opens nothing any more: the server asks for another
    if (!answer.ok) throw new Error(String(answer.status));
    this.page = await answer.json();
    this.#names.again();
  }

  /** Ask from time to time which rooms were recorded, beside all drawing; true when there is now something to draw. */
  async loadRooms() {
    if (!this.#readsNames || !(await this.#names.ask(ROOMS))) return false;
    this.recorded = this.#names.of(ROOMS).told?.rooms ?? this.recorded;
    return true;
  }

  get #readsNames() {
    return this.page.database && this.page.role !== "technician";
  }

  /** Why there may be more recorded rooms than are known; "" where all are. */
  unread() {
    return this.#readsNames ? this.#names.of(ROOMS)?.problem ?? t("… reading") : "";
  }

  hello(event) {
    this.about = event.about;
    this.rooms.clear();
    this.lesson = null;
    this.change(event);
  }

  change(event) {
    this.alive = true;
    this.offset = event.now - Date.now();
    this.connected = event.connected;
    this.troubles = event.troubles;
    if (event.links) this.links = event.links;
    for (const name of event.removed ?? []) this.rooms.delete(name);
    for (const [name, summary] of Object.entries(event.rooms ?? {})) this.rooms.set(name, { name, ...summary });
  }

  /** The lesson of a room over some minutes as the server last sent it; null until it has. */
  shown(room, minutes) {
    const { lesson } = this;
    return lesson && lesson.room === room.name && lesson.minutes === minutes ? lesson : null;
  }

  /** Fetch the lesson where there is something new in it; true when there is now something to draw. */
  async load(room, minutes) {
    const shown = this.shown(room, minutes);
    const wanted = [room.name, minutes, room.changes, this.links.length, Math.floor(this.now() / BEAT_MS)].join("/");
    if (this.loading || (shown && shown.version === wanted)) return false;
    this.loading = true;
    try {
      const answer = await fetch(`lesson?room=${encodeURIComponent(room.name)}&minutes=${minutes}`);
      if (!answer.ok) throw new Error(String(answer.status));
      this.lesson = { ...(await answer.json()), room: room.name, minutes, version: wanted };
      return true;
    } catch {
      return false; // the next draw asks again
    } finally {
      this.loading = false;
    }
  }

  /** Whether the page has its server, and that one the broker: else nobody knows what lasts until now. */
  get hears() {
    return this.alive && this.connected;
  }

  /** The key in STATES of what a room does now; the server says from when on it is silent unless something comes. */
  state(room) {
    const window = room.latest;
    const closed = room.mode === "paused" || room.mode === "camera_lost";
    const silent = room.silent_from !== null && this.now() > room.silent_from;
    if (!this.hears && (window === null || closed || silent)) return "unheard";
    if (room.online === false) return "offline";
    if (silent) return "silent";
    if (closed) return room.mode;
    if (window === null) return "waiting";
    if (window.withheld?.what === "figures") return window.unseen ? "unseen" : "few_people";
    return room.mode === "throttled" ? "throttled" : "live";
  }
}

/** Whether a room counts faces, and at most how many look to the front, as far as is known: nothing talks of expressions. */
export const onlyCounts = ({ latest, labels }) => (latest?.mode ? latest.mode !== "emotions" : labels.length === 0);

/** Whether the figures of the newest window may be shown as those of now. */
export const current = (state) => state === "live" || state === "throttled";
