// Shows <canvas class="cloud" data-url="..."> as coloured points in space, to be turned around by
// mouse, finger and keys. Buttons with data-cloud beside the canvas do what the keys do.

import { Painter2d, PainterGl } from "./cloud_painters.js";

const START = { yaw: 0.35, pitch: 0.3, zoom: 1 };
const MOST_PITCH = 1.45;
const ZOOM = [0.5, 8];
const TURN = 0.12;
const CLOSER = 1.25;
const PER_PX = 0.008;
const TYPING = "input, textarea, select, [contenteditable], [role=application]";

const MOVES = {
  left: (pose) => ({ ...pose, yaw: pose.yaw - TURN }),
  right: (pose) => ({ ...pose, yaw: pose.yaw + TURN }),
  up: (pose) => ({ ...pose, pitch: pose.pitch - TURN }),
  down: (pose) => ({ ...pose, pitch: pose.pitch + TURN }),
  closer: (pose) => ({ ...pose, zoom: pose.zoom * CLOSER }),
  farther: (pose) => ({ ...pose, zoom: pose.zoom / CLOSER }),
  start: () => START,
};
const KEYS = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  "+": "closer",
  "=": "closer",
  "-": "farther",
  Home: "start",
};

const clouds = new Map();

class Cloud {
  constructor(canvas) {
    this.canvas = canvas;
    this.pose = START;
    this.fingers = new Map();
    canvas.tabIndex = 0;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this.fingers.delete(event.pointerId));
    }
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.apply(event.deltaY < 0 ? "closer" : "farther");
    }, { passive: false });
    canvas.parentElement.addEventListener("click", (event) => {
      const button = event.target.closest("[data-cloud]");
      if (button) this.apply(button.dataset.cloud);
    });
    // It is loaded when it is first seen, and drawn again whenever its size changes.
    this.sizes = new ResizeObserver(() => this.isVisible && this.show());
    this.sizes.observe(canvas);
  }

  get isVisible() {
    return this.canvas.isConnected && this.canvas.clientWidth > 0 && this.canvas.clientHeight > 0;
  }

  async show() {
    this.loading ??= this.load();
    await this.loading;
    this.draw();
  }

  async load() {
    const answer = await fetch(this.canvas.dataset.url);
    this.canvas.classList.toggle("empty", answer.status !== 200);
    if (answer.status !== 200) return;
    const points = read(await answer.arrayBuffer());
    this.painter = PainterGl.on(this.canvas, points) ?? new Painter2d(this.canvas, points);
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.painter = PainterGl.on(this.canvas, points);
      this.draw();
    });
  }

  apply(move) {
    this.set(MOVES[move](this.pose));
  }

  set({ yaw, pitch, zoom }) {
    this.pose = { yaw, pitch: within(pitch, -MOST_PITCH, MOST_PITCH), zoom: within(zoom, ...ZOOM) };
    this.draw();
  }

  draw() {
    if (this.waits || !this.painter) return;
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      const { canvas } = this;
      const sharpness = Math.min(window.devicePixelRatio || 1, 2);
      const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((n) => Math.round(n * sharpness));
      if (!width || !height) return;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      this.painter?.paint(this.pose);
    });
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
  }

  move(event) {
    const last = this.fingers.get(event.pointerId);
    if (!last) return;
    const apart = this.apart;
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const { yaw, pitch, zoom } = this.pose;
    if (this.fingers.size > 1) {
      this.set({ yaw, pitch, zoom: zoom * (this.apart / apart) });
      return;
    }
    const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
    this.set({ yaw: yaw + dx * PER_PX, pitch: pitch + dy * PER_PX, zoom });
  }

  /** How far the first two fingers are apart. */
  get apart() {
    const [[x, y], [u, v] = [x + 1, y]] = [...this.fingers.values()];
    return Math.hypot(x - u, y - v) || 1;
  }

  end() {
    this.sizes.disconnect();
    this.painter?.end();
    this.painter = null;
  }
}

/** The points of the server: see damage_perception/review/cloud.py. */
function read(buffer) {
  const count = new DataView(buffer).getUint32(0, true);
  const xyz = new Float32Array(buffer.slice(4, 4 + 12 * count));
  const rgb = new Uint8Array(buffer, 4 + 12 * count, 3 * count);
  let squared = 0;
  for (let i = 0; i < xyz.length; i += 3) {
    squared = Math.max(squared, xyz[i] ** 2 + xyz[i + 1] ** 2 + xyz[i + 2] ** 2);
  }
  return { count, xyz, rgb, radius: Math.sqrt(squared) || 0.1 };
}

function within(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function find() {
  for (const [canvas, cloud] of clouds) {
    if (canvas.isConnected) continue;
    // Browsers allow a few contexts at a time.
    cloud.end();
    clouds.delete(canvas);
  }
  for (const canvas of document.querySelectorAll("canvas.cloud[data-url]")) {
    if (!clouds.has(canvas)) clouds.set(canvas, new Cloud(canvas));
  }
}

document.addEventListener("keydown", (event) => {
  const move = KEYS[event.key];
  const isOurs = !event.ctrlKey && !event.altKey && !event.metaKey && !event.defaultPrevented;
  if (!move || !isOurs || event.target.closest?.(TYPING)) return;
  const shown = [...clouds.values()].filter((cloud) => cloud.isVisible);
  const cloud = shown.find(({ canvas }) => canvas === event.target) ?? shown[0];
  if (!cloud) return;
  event.preventDefault();
  cloud.apply(move);
});

if (!document.querySelector("link[href='/static/cloud.css']")) {
  const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/static/cloud.css" });
  document.head.append(style);
}
for (const name of ["htmx:afterSwap", "htmx:load"]) document.addEventListener(name, find);
find();
