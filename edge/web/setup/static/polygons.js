// Arithmetic of polygons: points are [x, y] in fractions of the picture. Nothing here knows the page.

export const MOST_POLYGONS = 32;
export const MOST_POINTS = 64;

const inside = (value) => Math.min(1, Math.max(0, Math.round(value * 10000) / 10000));

export const point = (x, y) => [inside(x), inside(y)];
export const rectangle = ([ax, ay], [bx, by]) => [point(Math.min(ax, bx), Math.min(ay, by)), point(Math.max(ax, bx), Math.min(ay, by)),
  point(Math.max(ax, bx), Math.max(ay, by)), point(Math.min(ax, bx), Math.max(ay, by))];

/** The whole polygon moved, and stopped by the edges of the picture as a whole: it keeps its shape. */
export function moved(points, dx, dy) {
  const [left, top, right, bottom] = bounds(points);
  const x = Math.min(1 - right, Math.max(-left, dx));
  const y = Math.min(1 - bottom, Math.max(-top, dy));
  return points.map(([px, py]) => point(px + x, py + y));
}

export const withCorner = (points, index, [x, y]) => points.map((each, at) => (at === index ? point(x, y) : each));
export const withoutCorner = (points, index) => points.filter((_, at) => at !== index);

/** A new corner in the middle of the edge after a corner. */
export function split(points, index) {
  const [x, y] = middle(points, index);
  return [...points.slice(0, index + 1), point(x, y), ...points.slice(index + 1)];
}

export function middle(points, index) {
  const [ax, ay] = points[index];
  const [bx, by] = points[(index + 1) % points.length];
  return [(ax + bx) / 2, (ay + by) / 2];
}

function bounds(points) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Share of the picture within one polygon (shoelace formula). */
export function area(points) {
  const sum = points.reduce((total, [x, y], index) => {
    const [nextX, nextY] = points[(index + 1) % points.length];
    return total + x * nextY - nextX * y;
  }, 0);
  return Math.abs(sum) / 2;
}

/** The same place of the room once the picture is turned otherwise: both ways are {rotation, hflip, vflip}. */
export function turned(points, before, after) {
  return points.map(([x, y]) => {
    let place = flipped([x, y], before);
    for (let degrees = before.rotation; degrees % 360; degrees += 90) place = quarter(place);
    for (let degrees = 0; degrees < after.rotation; degrees += 90) place = quarter(place);
    return point(...flipped(place, after));
  });
}

const quarter = ([x, y]) => [1 - y, x]; // clockwise
const flipped = ([x, y], { hflip, vflip }) => [hflip ? 1 - x : x, vflip ? 1 - y : y];
