// Scanners type like people, only faster, and wherever the cursor is.
//
// data-scan  the field that a scanned code belongs into; Escape leaves it, and so do the keys of pages
//
// Beside the field a code would press one button after the other. So a key waits a moment: one that
// stays alone is pressed, and those that come in a burst go into the field.

const BURST_MS = 80;
const TYPING = "textarea, select, input:not([type=checkbox], [type=radio])";

const field = document.querySelector("[data-scan]");
let held = null;
let isReplay = false;

function press(key) {
  held = null;
  isReplay = true;
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  isReplay = false;
}

function hold(event) {
  const inUse = event.ctrlKey || event.altKey || event.metaKey || event.isComposing;
  // No sku has a slash, which leads into the field.
  const isText = event.key.length === 1 && event.key !== " " && event.key !== "/";
  if (isReplay || inUse || !isText || event.target.closest?.(TYPING)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (event.repeat) return;
  if (!held) {
    held = { key: event.key, timer: setTimeout(press, BURST_MS, event.key) };
    return;
  }
  clearTimeout(held.timer);
  field.focus();
  field.value = held.key + event.key;
  field.setSelectionRange(field.value.length, field.value.length);
  held = null;
}

if (field) {
  document.addEventListener("keydown", hold, { capture: true });
  field.addEventListener("focus", () => field.select());
  field.addEventListener("keydown", (event) => {
    const opensPage = /^F\d+$/.test(event.key);
    if (event.key !== "Escape" && !opensPage) return;
    field.blur();
    if (!opensPage) return;
    event.preventDefault();
    press(event.key);
  });
}
