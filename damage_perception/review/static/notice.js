// What is said at the top of the page goes again by itself; a lost connection is said until it is back.

const SHOWN_MS = 6000;
const place = document.getElementById("notice");
let timer = 0;
let lost = false;

new MutationObserver(() => {
  clearTimeout(timer);
  if (!lost) timer = setTimeout(() => place.replaceChildren(), SHOWN_MS);
}).observe(place, { childList: true });

function show(text) {
  const notice = document.createElement("p");
  notice.className = "notice bad";
  notice.textContent = text;
  place.replaceChildren(notice);
}

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => {
    lost = true;
    show(place.dataset.lost);
  });
}

document.addEventListener("htmx:afterOnLoad", () => {
  if (!lost) return;
  lost = false;
  place.replaceChildren();
});
