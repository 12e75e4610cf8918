// Fingers, mouse, wheel and keyboard on the image, as the board takes them.

import { centre } from "./mark_shapes.js";

// How far off a press may be, in pixels of the screen.
const REACH_PX = { mouse: 14, pen: 18, touch: 30, keyboard: 14 };
const STEP_PX = 12;
const FINE_PX = 1;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Input {
  constructor(board, view) {
    this.board = board;
    this.view = view;
    this.fingers = new Map();
    this.isPanning = false;
    this.isPinching = false;
    this.at = null;
    this.isKeyboard = false;
    // Of the keyboard: Enter was pressed, and holds on until it is pressed again.
    this.holds = false;
    const { svg } = view;
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", (event) => this.up(event));
    svg.addEventListener("pointercancel", (event) => this.lost(event));
    svg.addEventListener("pointerleave", () => !this.isKeyboard && this.point(null));
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    svg.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** Begins anew, on another image or with another tool. */
  reset() {
    this.holds = false;
    this.isPanning = false;
  }

  point(at, isKeyboard = false) {
    this.at = at;
    this.isKeyboard = isKeyboard;
    this.view.point(at, this.board, isKeyboard);
  }

  reach(type) {
    return (REACH_PX[type] ?? REACH_PX.mouse) / this.view.scale;
  }

  down(event) {
    event.preventDefault();
    this.view.svg.focus({ preventScroll: true });
    this.view.svg.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.fingers.size === 2) {
      this.board.revert();
      this.isPinching = true;
      this.isPanning = false;
    }
    if (this.isPinching) return;
    this.holds = false;
    const at = this.view.toImage(event.clientX, event.clientY);
    this.point(at);
    if (event.button === 1) this.isPanning = true;
    else if (event.button === 0) {
      this.isPanning = !this.board.press(at, this.reach(event.pointerType));
    }
  }

  move(event) {
    const last = this.fingers.get(event.pointerId);
    if (last && this.isPinching) return this.pinch(event);
    if (last && this.isPanning) {
      this.pan(last, [event.clientX, event.clientY]);
      this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
      return;
    }
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) {
      const at = this.view.toImage(one.clientX, one.clientY);
      this.board.drag(at, Boolean(last), 2 / this.view.scale);
    }
    this.point(this.view.toImage(event.clientX, event.clientY));
  }

  up(event) {
    const wasDown = this.fingers.delete(event.pointerId);
    if (wasDown && !this.isPinching && !this.isPanning) {
      const at = this.view.toImage(event.clientX, event.clientY);
      this.board.release(at, this.reach(event.pointerType));
    }
    this.end(event);
  }

  lost(event) {
    if (this.fingers.delete(event.pointerId) && !this.isPinching) this.board.revert();
    this.end(event);
  }

  end(event) {
    if (this.fingers.size === 0) this.isPinching = this.isPanning = false;
    if (event.pointerType === "touch") this.point(null);
  }

  pinch(event) {
    const ends = [...this.fingers.keys()].slice(0, 2);
    const before = ends.map((id) => this.fingers.get(id));
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const after = ends.map((id) => this.fingers.get(id));
    if (ends.length < 2) return;
    const apart = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
    const between = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    this.pan(between(before), between(after));
    this.view.zoom(apart(after) / apart(before), this.view.toImage(...between(after)));
    this.board.changed();
  }

  pan(from, to) {
    const [x, y] = this.view.toImage(...from);
    const [u, v] = this.view.toImage(...to);
    this.view.pan(x - u, y - v);
  }

  wheel(event) {
    event.preventDefault();
    this.view.zoom(1.2 ** -Math.sign(event.deltaY), this.view.toImage(event.clientX, event.clientY));
    this.board.changed();
  }

  /** Takes arrows and Enter; returns whether the key was one of them. */
  key(event) {
    const arrow = ARROWS[event.key];
    if (arrow) this.step(arrow, (event.shiftKey ? FINE_PX : STEP_PX) / this.view.scale);
    else if (event.key === "Enter") this.enter();
    else return false;
    return true;
  }

  /** Puts the cursor onto a mark. */
  goTo(mark) {
    const at = centre(mark);
    this.view.reveal(at);
    this.point(at, true);
  }

  step([dx, dy], by) {
    const [x, y] = this.at ?? this.view.middle;
    const { width, height } = this.board.size;
    const inside = (value, most) => Math.min(Math.max(value, 0), most);
    const at = this.at || this.isKeyboard ? [x + dx * by, y + dy * by] : [x, y];
    const next = [inside(at[0], width), inside(at[1], height)];
    this.view.reveal(next);
    this.board.drag(next, this.holds);
    this.point(next, true);
  }

  enter() {
    const at = this.at ?? this.view.middle;
    const reach = this.reach("keyboard");
    const isHeldTool = this.board.tool === "brush" || this.board.tool === "select";
    if (this.holds) this.board.release(at, reach);
    else {
      const took = this.board.press(at, reach);
      if (!isHeldTool) this.board.release(at, reach);
      this.holds = isHeldTool && took;
      this.point(at, true);
      return;
    }
    this.holds = false;
    this.point(at, true);
  }
}
