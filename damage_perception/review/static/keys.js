// A key presses the button that shows it, and buttons show parts of the page.
//
// data-key="c 1"    keys of a button or link; the one in a dialog, then in <main>, comes first.
//                   While somebody types only function keys are pressed, and Escape ends the typing.
// data-shows="id"   shows that element in place of its siblings that have data-panel
// data-steady       pressed twice within 300 ms counts once, also where another page came between

const STEADY_MS = 300;
const TYPING = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=range])";

let last = { button: "", ms: -Infinity };

function buttonOf(key) {
  const wanted = key.toLowerCase();
  const dialog = document.querySelector("dialog:modal");
  const places = dialog ? [dialog] : [document.querySelector("main"), document.body];
  for (const place of places.filter(Boolean)) {
    for (const button of place.querySelectorAll("[data-key]")) {
      const keys = button.dataset.key.toLowerCase().split(" ");
      if (keys.includes(wanted) && !button.disabled && button.checkVisibility()) return button;
    }
  }
  return null;
}

document.addEventListener("keydown", (event) => {
  const inUse = event.ctrlKey || event.altKey || event.metaKey || event.isComposing;
  const isText = event.target.closest?.(TYPING) && !/^F\d+$/.test(event.key);
  if (isText && event.key === "Escape") event.target.blur();
  if (event.defaultPrevented || inUse || isText) return;
  // A focused button is pressed by Enter and the space bar as everywhere.
  if (["Enter", " "].includes(event.key) && event.target.closest?.("a, button")) return;
  const button = buttonOf(event.key);
  if (!button) return;
  event.preventDefault();
  if (!event.repeat) button.click();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-steady]");
  if (!button) return;
  const again = button.dataset.key === last.button && event.timeStamp - last.ms < STEADY_MS;
  last = { button: button.dataset.key, ms: event.timeStamp };
  if (again) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, { capture: true });

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-shows]");
  const shown = button && document.getElementById(button.dataset.shows);
  if (!shown) return;
  for (const panel of shown.parentElement.querySelectorAll(":scope > [data-panel]")) {
    panel.hidden = panel !== shown;
  }
  for (const each of document.querySelectorAll("[data-shows][aria-pressed]")) {
    each.setAttribute("aria-pressed", String(!document.getElementById(each.dataset.shows).hidden));
  }
});
