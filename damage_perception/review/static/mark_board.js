// What is drawn, and how the tools draw it. Fingers, mouse and keyboard all come down to
// press, drag and release at a point of the image.

import { clamped, corners, distance, extended, handles, History, moved, reshaped, touches } from "./mark_shapes.js";

const NOTHING = -1;
const WIDTHS = [2, 400];

export class Board {
  /** `loaded` is what the server says of the item: cameras, shapes, draft. */
  constructor(loaded, camera, kind) {
    this.cameras = loaded.cameras;
    this.camera = camera;
    this.kind = kind;
    this.tool = "box";
    this.width = Math.max(2, Math.round(this.size.width / 50));
    this.history = new History(loaded.shapes.map((shape) => ({ ...shape, draft: loaded.draft })));
    this.clear();
    this.changed = () => {};
  }

  get size() {
    return this.cameras[this.camera];
  }

  /** All marks as they look now, a change that is being made included. */
  get marks() {
    const marks = this.history.marks;
    return this.grabbed ? replaced(marks, this.selected, this.grabbed.mark) : marks;
  }

  get isBusy() {
    return Boolean(this.drawing || this.grabbed);
  }

  /** Forgets what is being drawn and what is selected. */
  clear() {
    this.drawing = null;
    this.grabbed = null;
    this.selected = NOTHING;
    this.isPicked = false;
    // Where the next point of an outline would be.
    this.hover = null;
  }

  choose(changes) {
    if (changes.kind && this.isPicked) {
      const mark = { ...this.marks[this.selected], kind: changes.kind, draft: false };
      this.history.change(replaced(this.marks, this.selected, mark));
    }
    // A change of kind goes on with the drawing; all else begins anew.
    if (!changes.kind) this.clear();
    Object.assign(this, changes);
    if (this.drawing) this.drawing = { ...this.drawing, kind: this.kind };
    this.changed();
  }

  widen(factor) {
    const width = Math.round(this.width * factor + Math.sign(factor - 1));
    this.width = Math.min(Math.max(width, WIDTHS[0]), WIDTHS[1]);
    this.changed();
  }

  /** Selects the next mark of the camera; returns it, or nothing where there is none. */
  selectNext() {
    const here = this.marks.map((mark, i) => (mark.camera === this.camera ? i : NOTHING));
    const all = here.filter((i) => i !== NOTHING);
    const next = all.find((i) => i > this.selected) ?? all[0] ?? NOTHING;
    this.pick(next);
    return this.marks[next];
  }

  pick(index) {
    this.clear();
    this.selected = index;
    this.isPicked = index !== NOTHING;
    this.changed();
  }

  remove() {
    if (this.selected === NOTHING) return false;
    const marks = this.history.marks.filter((_, i) => i !== this.selected);
    this.clear();
    this.history.change(marks);
    this.changed();
    return true;
  }

  undo() {
    if (this.drawing?.tool === "polygon" && this.drawing.points.length > 1) {
      this.drawing = { ...this.drawing, points: this.drawing.points.slice(0, -1) };
    } else if (this.isBusy) {
      this.drawing = this.grabbed = null;
    } else {
      this.clear();
      this.history.undo();
    }
    this.changed();
  }

  /** Ends what is being drawn without keeping it. Returns whether there was anything to end. */
  cancel() {
    const wasAny = this.isBusy || this.isPicked;
    this.clear();
    this.changed();
    return wasAny;
  }

  /** A finger, button or key goes down; `reach` is how far it may be off, in pixels of the image.
   *  Returns whether it took hold of something. */
  press(at, reach) {
    const point = clamped(at, this.size);
    this.before = this.drawing;
    const took = this[`press_${this.tool}`](point, reach);
    this.changed();
    return took !== false;
  }

  /** It moves while it is down, or a mouse or the cursor moves before the next corner. */
  drag(at, isDown, step = 1) {
    const point = clamped(at, this.size);
    if (this.grabbed) this.pull(point);
    else if (this.drawing?.tool === "box") this.stretch(point);
    else if (this.drawing?.tool === "brush") {
      this.drawing = { ...this.drawing, points: extended(this.drawing.points, point, step) };
    } else if (this.drawing?.tool === "polygon") {
      const { points } = this.drawing;
      if (isDown) this.drawing = { ...this.drawing, points: [...points.slice(0, -1), point] };
      this.hover = isDown ? null : point;
    } else return;
    this.changed();
  }

  /** It goes up. */
  release(at, reach) {
    const point = clamped(at, this.size);
    if (this.grabbed) this.drop();
    else if (this.drawing?.tool === "brush") this.finish();
    else if (this.drawing?.tool === "box") {
      const isTap = distance(this.pressedAt, point) < reach / 2;
      // A tap sets a corner and waits for the other one.
      if (!isTap || this.before) this.finishBox(reach);
    }
    this.changed();
  }

  /** A second finger came: what the first one began was not meant. */
  revert() {
    this.drawing = this.before ?? null;
    this.grabbed = null;
    this.changed();
  }

  press_box(point, reach) {
    this.pressedAt = point;
    if (this.drawing) {
      this.stretch(point);
      return;
    }
    this.begin("box", [point, point]);
  }

  press_brush(point) {
    this.begin("brush", [point]);
  }

  press_polygon(point, reach) {
    const points = this.drawing?.points;
    if (!points) {
      this.begin("polygon", [point]);
      return;
    }
    const isClosing = distance(points[0], point) < reach || isSame(points[points.length - 1], point, reach);
    if (!isClosing) this.drawing = { ...this.drawing, points: [...points, point] };
    else if (points.length >= 3) this.finish();
  }

  press_select(point, reach) {
    const marks = this.history.marks;
    const picked = this.isPicked ? marks[this.selected] : null;
    const handle = picked ? nearest(handles(picked), point, reach) : NOTHING;
    if (handle === NOTHING) {
      const under = this.markAt(point, reach / 2);
      this.pick(under);
      if (under === NOTHING) return false;
    }
    const mark = marks[this.selected];
    this.grabbed = { mark, was: mark, handle, from: point };
    return true;
  }

  markAt(point, reach) {
    const isHit = (mark) => mark.camera === this.camera && touches(mark, point, reach);
    return this.history.marks.findLastIndex(isHit);
  }

  begin(tool, points) {
    this.clear();
    const width_px = tool === "brush" ? this.width : 0;
    this.drawing = { camera: this.camera, kind: this.kind, tool, points, width_px, draft: false };
  }

  stretch(point) {
    this.drawing = { ...this.drawing, points: [this.drawing.points[0], point] };
  }

  pull(point) {
    const { was, handle, from } = this.grabbed;
    const by = [point[0] - from[0], point[1] - from[1]];
    const mark = handle === NOTHING ? moved(was, by, this.size) : reshaped(was, handle, point);
    this.grabbed = { ...this.grabbed, mark };
  }

  drop() {
    const { mark, was } = this.grabbed;
    this.grabbed = null;
    if (mark !== was) this.history.change(replaced(this.history.marks, this.selected, mark));
  }

  finishBox(reach) {
    const [first, , far] = corners(this.drawing.points);
    const isThin = Math.abs(first[0] - far[0]) < 2 || Math.abs(first[1] - far[1]) < 2;
    if (!isThin) this.finish();
    else {
      this.drawing = null;
      this.pick(this.markAt(first, reach / 2));
    }
  }

  finish() {
    const mark = this.drawing;
    this.clear();
    this.history.change([...this.history.marks, mark]);
    // So that it can be deleted at once.
    this.selected = this.history.marks.length - 1;
  }
}

function replaced(marks, index, mark) {
  return marks.map((old, i) => (i === index ? mark : old));
}

function isSame(a, b, reach) {
  return distance(a, b) < reach / 4;
}

function nearest(points, point, reach) {
  const distances = points.map((one) => distance(one, point));
  const least = Math.min(...distances);
  return least <= reach ? distances.indexOf(least) : NOTHING;
}
