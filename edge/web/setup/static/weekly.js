// Arithmetic of privacy.schedule: between its lines and the minutes of a week in which the camera is closed.

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY = 24 * 60;

const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
const text = (value) => `${String(Math.floor(value / 60) % 24).padStart(2, "0")}:${String(value % 60).padStart(2, "0")}`;

/** Seven lists of [from, to) in minutes of the day, merged; a pause over midnight is in two days. */
export function spans(schedule) {
  const week = DAYS.map(() => []);
  for (const { days, from, to } of schedule) {
    const [begin, end] = [minutes(from), minutes(to)];
    for (const name of days ?? DAYS) {
      const day = DAYS.indexOf(name);
      if (begin < end) week[day].push([begin, end]);
      else {
        week[day].push([begin, DAY]);
        if (end) week[(day + 1) % 7].push([0, end]);
      }
    }
  }
  return week.map(merged);
}

/** The lines for such a week: equal times of several days are one. */
export function schedule(week) {
  const lines = new Map();
  week.forEach((day, index) => {
    for (const [from, to] of day) {
      const key = `${text(from)} ${text(to)}`;
      if (!lines.has(key)) lines.set(key, []);
      lines.get(key).push(DAYS[index]);
    }
  });
  return [...lines].map(([key, days]) => ({ days, from: key.slice(0, 5), to: key.slice(6) }));
}

/** How much of an hour is closed, 0 to 1. */
export function share(day, hour) {
  const [begin, end] = [hour * 60, hour * 60 + 60];
  return day.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, end) - Math.max(from, begin)), 0) / 60;
}

/** The same day with an hour closed or open. */
export function painted(day, hour, closed) {
  const [begin, end] = [hour * 60, hour * 60 + 60];
  const rest = day.flatMap(([from, to]) => [[from, Math.min(to, begin)], [Math.max(from, end), to]]).filter(([from, to]) => from < to);
  return merged(closed ? [...rest, [begin, end]] : rest);
}

function merged(day) {
  const sorted = [...day].sort((a, b) => a[0] - b[0]);
  const found = [];
  for (const [from, to] of sorted) {
    const before = found.at(-1);
    if (before && from <= before[1]) before[1] = Math.max(before[1], to);
    else found.push([from, to]);
  }
  return found;
}
