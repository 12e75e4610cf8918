// Shows the image and the marks in an SVG, and which part of it.

import { corners, handles } from "./mark_shapes.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST_ZOOM = 20;
const HANDLE_PX = 11;

export class View {
  /** `layers` are the groups of `svg` by name: marks, handles, cursor; and its image. */
  constructor(svg, colors) {
    this.svg = svg;
    this.colors = colors;
    this.image = svg.querySelector("image");
    this.layers = Object.fromEntries([...svg.querySelectorAll("g")].map((g) => [g.dataset.layer, g]));
  }

  show(url, size) {
    this.size = size;
    this.image.setAttribute("href", url);
    this.image.setAttribute("width", size.width);
    this.image.setAttribute("height", size.height);
    this.fit();
  }

  fit() {
    this.frame = { x: 0, y: 0, zoom: 1 };
    this.apply();
  }

  /** Screen pixels of a pixel of the image. */
  get scale() {
    return this.svg.getScreenCTM()?.a || 1;
  }

  toImage(clientX, clientY) {
    const matrix = this.svg.getScreenCTM();
    if (!matrix) return [0, 0];
    const point = new DOMPoint(clientX, clientY).matrixTransform(matrix.inverse());
    return [point.x, point.y];
  }

  /** Zooms so that `at`, a point of the image, stays where it is. */
  zoom(factor, at = this.middle) {
    const zoom = Math.min(Math.max(this.frame.zoom * factor, 1), MOST_ZOOM);
    const share = this.frame.zoom / zoom;
    const x = at[0] + (this.frame.x - at[0]) * share;
    const y = at[1] + (this.frame.y - at[1]) * share;
    this.frame = { x, y, zoom };
    this.apply();
  }

  /** Moves what is shown by pixels of the image. */
  pan(dx, dy) {
    this.frame = { ...this.frame, x: this.frame.x + dx, y: this.frame.y + dy };
    this.apply();
  }

  get middle() {
    const { x, y, zoom } = this.frame;
    return [x + this.size.width / zoom / 2, y + this.size.height / zoom / 2];
  }

  /** Moves what is shown so far that a point of the image is in it. */
  reveal([u, v]) {
    const { x, y, zoom } = this.frame;
    const width = this.size.width / zoom;
    const height = this.size.height / zoom;
    const dx = Math.min(0, u - x) + Math.max(0, u - x - width);
    const dy = Math.min(0, v - y) + Math.max(0, v - y - height);
    if (dx || dy) this.pan(dx, dy);
  }

  apply() {
    const { zoom } = this.frame;
    const [width, height] = [this.size.width / zoom, this.size.height / zoom];
    this.frame.x = Math.min(Math.max(this.frame.x, 0), this.size.width - width);
    this.frame.y = Math.min(Math.max(this.frame.y, 0), this.size.height - height);
    this.svg.setAttribute("viewBox", `${this.frame.x} ${this.frame.y} ${width} ${height}`);
  }

  /** Draws the marks of the camera that is shown. */
  draw(board) {
    const here = (mark) => mark.camera === board.camera;
    const marks = board.marks.map((mark, i) => here(mark) && this.mark(mark, i === board.selected));
    const drawing = board.drawing && this.mark(board.drawing, true, true, board.hover);
    this.layers.marks.replaceChildren(...[...marks, drawing].filter(Boolean));
    const held = board.drawing ?? (board.isPicked ? board.marks[board.selected] : null);
    this.layers.handles.replaceChildren(...(held ? this.handles(held, Boolean(board.drawing)) : []));
  }

  mark(mark, isSelected, isOpen = false, hover = null) {
    const color = this.colors[mark.kind];
    const names = ["mark", mark.tool, isSelected && "selected", mark.draft && "draft"];
    const group = element("g", { class: names.filter(Boolean).join(" ") });
    const points = (mark.tool === "box" ? corners(mark.points) : mark.points).join(" ");
    if (mark.tool === "brush") {
      // A line without length shows nothing, not even its round ends.
      const line = mark.points.length > 1 ? points : `${points} ${points}`;
      const stroke = { points: line, stroke: color, "stroke-width": mark.width_px };
      const halo = { points: line, "stroke-width": mark.width_px + 4 / this.scale };
      group.append(element("polyline", { class: "halo", ...halo }));
      group.append(element("polyline", { class: "stroke", ...stroke }));
      return group;
    }
    const name = isOpen && mark.tool === "polygon" ? "polyline" : "polygon";
    group.append(element(name, { class: "halo", points }));
    group.append(element(name, { class: "line", points, stroke: color, fill: color }));
    if (hover) {
      const ahead = [mark.points[mark.points.length - 1], hover].join(" ");
      group.append(element("polyline", { class: "ahead", points: ahead, stroke: color }));
    }
    return group;
  }

  handles(mark, isOpen) {
    return handles(mark).map(([cx, cy], i) => {
      const isFirst = isOpen && mark.tool === "polygon" && i === 0;
      const r = (HANDLE_PX * (isFirst ? 1.6 : 1)) / this.scale;
      const name = isFirst ? "handle first" : "handle";
      return element("circle", { class: name, cx, cy, r, stroke: this.colors[mark.kind] });
    });
  }

  /** Shows where the keyboard is, and how wide a stroke would be. */
  point(at, board, isKeyboard) {
    const parts = [];
    if (at && board.tool === "brush") {
      const ring = { cx: at[0], cy: at[1], r: board.width / 2, stroke: this.colors[board.kind] };
      parts.push(element("circle", { class: "ring", ...ring }));
    }
    if (at && isKeyboard) {
      const [[x, y], arm] = [at, 26 / this.scale];
      const d = `M${x - arm} ${y}H${x + arm}M${x} ${y - arm}V${y + arm}`;
      parts.push(element("path", { class: "halo", d }), element("path", { class: "cross", d }));
    }
    this.layers.cursor.replaceChildren(...parts);
  }
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
