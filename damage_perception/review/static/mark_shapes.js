// Marks as plain data, {camera, kind, tool, points, width_px, draft}, and the geometry of them.
// Points are [x, y] in pixels of the image. Nothing here changes a mark; it makes another one.

const MOST_POINTS = 5000;

export function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

export function clamped([x, y], size) {
  return [Math.min(Math.max(x, 0), size.width), Math.min(Math.max(y, 0), size.height)];
}

/** The four corners of a box given by two opposite ones, clockwise from the first. */
export function corners([[x0, y0], [x1, y1]]) {
  return [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ];
}

/** Where a mark can be taken hold of; a stroke is moved as a whole. */
export function handles(mark) {
  if (mark.tool === "brush") return [];
  return mark.tool === "box" ? corners(mark.points) : mark.points;
}

/** Whether a point is on a mark, or within `reach` pixels of it. */
export function touches(mark, point, reach) {
  if (mark.tool === "brush") {
    return distanceToLine(mark.points, point) <= mark.width_px / 2 + reach / 2;
  }
  const outline = handles(mark);
  return inside(outline, point) || distanceToLine([...outline, outline[0]], point) <= reach;
}

export function centre(mark) {
  const sum = mark.points.reduce(([x, y], [u, v]) => [x + u, y + v], [0, 0]);
  return sum.map((value) => value / mark.points.length);
}

/** The mark moved by (dx, dy), but not out of the image. */
export function moved(mark, [dx, dy], size) {
  const xs = mark.points.map((point) => point[0]);
  const ys = mark.points.map((point) => point[1]);
  const x = within(dx, -Math.min(...xs), size.width - Math.max(...xs));
  const y = within(dy, -Math.min(...ys), size.height - Math.max(...ys));
  return { ...mark, draft: false, points: mark.points.map(([u, v]) => [u + x, v + y]) };
}

/** The mark with one of its handles elsewhere. */
export function reshaped(mark, index, point) {
  let points = mark.points.map((old, i) => (i === index ? point : old));
  if (mark.tool === "box") points = [point, corners(mark.points)[(index + 2) % 4]];
  return { ...mark, draft: false, points };
}

/** The points of a stroke that matter: those farther than `step` from the one before. */
export function extended(points, point, step) {
  if (points.length >= MOST_POINTS || distance(points[points.length - 1], point) < step) {
    return points;
  }
  return [...points, point];
}

/** All states of the marks since the page was opened. */
export class History {
  constructor(marks) {
    this.states = [marks];
  }

  get marks() {
    return this.states[this.states.length - 1];
  }

  get isChanged() {
    return this.states.length > 1;
  }

  change(marks) {
    this.states.push(marks);
  }

  undo() {
    if (this.isChanged) this.states.pop();
  }
}

function within(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function inside(outline, [x, y]) {
  let isInside = false;
  outline.forEach(([u, v], i) => {
    const [s, t] = outline[(i + 1) % outline.length];
    if (v > y !== t > y && x < ((s - u) * (y - v)) / (t - v) + u) isInside = !isInside;
  });
  return isInside;
}

function distanceToLine(points, point) {
  if (points.length === 1) return distance(points[0], point);
  const distances = points.slice(1).map((end, i) => {
    const [x, y] = points[i];
    const [dx, dy] = [end[0] - x, end[1] - y];
    const share = ((point[0] - x) * dx + (point[1] - y) * dy) / (dx * dx + dy * dy || 1);
    const t = within(share, 0, 1);
    return distance([x + t * dx, y + t * dy], point);
  });
  return Math.min(...distances);
}
