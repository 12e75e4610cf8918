// The page to mark damage on: its buttons, its keys, and saving.

import { Board } from "./mark_board.js";
import { Input } from "./mark_input.js";
import { View } from "./mark_view.js";

const WIDER = 1.25;
const CLOSER = 1.5;
const WARNED_MS = 5000;

const page = document.getElementById("mark");
const texts = page.dataset;
const kinds = [...page.querySelectorAll("[data-kind]")];
const colors = Object.fromEntries(kinds.map((button) => [button.dataset.kind, button.dataset.color]));
const drawn = JSON.parse(texts.drawn);
const first = drawn.shapes.find((shape) => shape.camera === texts.camera) ?? drawn.shapes[0];

const svg = page.querySelector("svg.sheet");
const message = page.querySelector("[role=status]");
const board = new Board(drawn, texts.camera, first?.kind ?? kinds[0].dataset.kind);
const view = new View(svg, colors);
const input = new Input(board, view);

// Of cameras that were shown: what the network saw in others is not the person's word.
const seen = new Set();
let warnedAt = -Infinity;
let isLeaving = false;

const does = {
  undo: () => board.undo(),
  delete: () => board.remove() || say(texts.nothingSelected),
  wider: () => board.widen(WIDER),
  narrower: () => board.widen(1 / WIDER),
  closer: () => look(() => view.zoom(CLOSER, input.at ?? undefined)),
  farther: () => look(() => view.zoom(1 / CLOSER)),
  all: () => look(() => view.fit()),
  camera: () => showCamera(next(Object.keys(board.cameras), board.camera)),
  save,
};

page.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { tool, kind, camera, does: name } = button.dataset;
  if (tool === "select" && board.tool === "select") goToNext();
  else if (tool) chooseTool(tool);
  else if (kind) board.choose({ kind });
  else if (camera) showCamera(camera);
  else does[name]();
  // From here on Enter is for the image again.
  svg.focus({ preventScroll: true });
});

document.addEventListener("keydown", (event) => {
  const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
  const isForButton = event.key === "Enter" && event.target.closest("a, button");
  const isHere = document.querySelector("dialog:modal") === null;
  if (!isHere || isForButton) return;
  if (isUndo) board.undo();
  else if (event.ctrlKey || event.altKey || event.metaKey) return;
  else if (event.key === "Escape" ? !stop() : !input.key(event)) return;
  event.preventDefault();
}, { capture: true });

page.querySelector("a.leave").addEventListener("click", (event) => {
  const isWarned = event.timeStamp - warnedAt < WARNED_MS;
  if (board.history.isChanged && !isWarned) {
    event.preventDefault();
    warnedAt = event.timeStamp;
    say(texts.unsaved, true);
  } else isLeaving = true;
});

window.addEventListener("beforeunload", (event) => {
  if (board.history.isChanged && !isLeaving) event.preventDefault();
});
// The scale of handles and strokes depends on how large the image is shown.
new ResizeObserver(() => board.changed()).observe(svg);

board.changed = () => {
  view.draw(board);
  input.point(input.at, input.isKeyboard);
  const { tool, kind, camera } = board;
  for (const button of page.querySelectorAll("button[aria-pressed]")) {
    const is = button.dataset;
    const isOn = is.tool === tool || is.kind === kind || is.camera === camera;
    button.setAttribute("aria-pressed", String(isOn));
  }
  for (const button of page.querySelectorAll("[data-camera] .count")) {
    const here = button.closest("button").dataset.camera;
    button.textContent = board.marks.filter((mark) => mark.camera === here).length || "";
  }
  svg.dataset.tool = tool;
  page.querySelector(".width").textContent = Math.round(board.width);
  page.querySelector("[data-does=undo]").disabled = !board.history.isChanged && !board.drawing;
  page.querySelector("[data-does=delete]").disabled = board.selected < 0;
};

showCamera(board.camera);
svg.focus({ preventScroll: true });
say(drawn.draft && drawn.shapes.length ? texts.draft : hint());

function look(change) {
  change();
  board.changed();
}

function stop() {
  input.reset();
  return board.cancel();
}

function chooseTool(tool) {
  input.reset();
  board.choose({ tool });
  say(hint());
}

function goToNext() {
  const mark = board.selectNext();
  if (mark) input.goTo(mark);
  else say(texts.nothingMarked);
}

function showCamera(camera) {
  seen.add(camera);
  input.reset();
  input.point(null);
  const address = `${texts.images}/${encodeURIComponent(camera)}.jpg?v=${texts.version}`;
  view.show(address, board.cameras[camera]);
  board.choose({ camera });
}

function hint() {
  return page.querySelector(`button[data-tool=${board.tool}]`).dataset.hint;
}

function say(text, isWarning = false) {
  message.textContent = text;
  message.classList.toggle("warn", isWarning);
}

async function save() {
  const button = page.querySelector("[data-does=save]");
  button.disabled = true;
  say(texts.saving);
  const problem = await sent();
  if (!problem) return;
  button.disabled = false;
  say(problem, true);
}

/** Sends the marks; returns what went wrong, or nothing and leaves the page. */
async function sent() {
  const said = board.history.marks.filter((mark) => !mark.draft || seen.has(mark.camera));
  const marks = said.map(({ draft, ...mark }) => ({
    ...mark,
    points: mark.points.map((point) => point.map((value) => Math.round(value * 10) / 10)),
  }));
  const token = document.querySelector("meta[name=csrf-token]").content;
  try {
    const answer = await fetch(`${texts.shapes}?seen=${drawn.judgement}`, {
      method: "PUT",
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        "X-CSRF-Token": token,
      },
      body: JSON.stringify(marks),
    });
    if (answer.status === 401) return texts.signedOut;
    const reply = await answer.json().catch(() => ({}));
    if (!answer.ok) return `${texts.notSaved} ${reply.detail ?? answer.status}`;
    isLeaving = true;
    location.assign(reply.next);
    return "";
  } catch {
    return texts.notSaved;
  }
}

function next(names, name) {
  return names[(names.indexOf(name) + 1) % names.length];
}
