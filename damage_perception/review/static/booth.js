// The live pictures, and the product that they are of.

const EVERY_MS = 200;
const LOST_MS = 1000;
const REMEMBERED = "booth-sku";

const form = document.getElementById("booth");
const sku = document.getElementById("sku");

function watch(camera) {
  const image = camera.querySelector("img");
  let timer = 0;
  let asked = 0;
  let isWaiting = false;

  function ask() {
    if (document.hidden || isWaiting) return;
    clearTimeout(timer);
    isWaiting = true;
    asked = performance.now();
    image.src = `${camera.dataset.live}?${Date.now()}`;
  }

  function take(isLost) {
    isWaiting = false;
    camera.classList.toggle("is-lost", isLost);
    const left = EVERY_MS - (performance.now() - asked);
    timer = setTimeout(ask, isLost ? LOST_MS : Math.max(0, left));
  }

  image.addEventListener("load", () => take(false));
  image.addEventListener("error", () => take(true));
  document.addEventListener("visibilitychange", ask);
  ask();
}

if (form) {
  document.querySelectorAll("[data-live]").forEach(watch);
  // Enter ends the sku: from then on keys are those of the buttons.
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sku.blur();
  });
  sku.addEventListener("change", () => sessionStorage.setItem(REMEMBERED, sku.value.trim()));
  sku.value ||= sessionStorage.getItem(REMEMBERED) ?? "";
  if (!sku.value) sku.focus();
}
