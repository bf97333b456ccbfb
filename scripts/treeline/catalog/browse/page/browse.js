/* Draws boxes, counts what a search finds, and follows the keyboard; without it the page still shows everything else. */
"use strict";

const SPARE_COLOUR = PALETTE[0];
const COPIED_MS = 1500;
const byId = (id) => document.getElementById(id);
const colourOf = (category) => COLOURS[category] ?? SPARE_COLOUR;

function drawBoxes(picture) {
  const isLarge = Boolean(picture.closest(".stage"));
  const layer = element("span", "boxes");
  for (const box of JSON.parse(picture.dataset.boxes)) {
    const confidence = box.confidence === null ? "" : ` ${box.confidence.toFixed(2)}`;
    const label = isLarge ? `${box.class ?? box.category}${confidence}` : "";
    const place = { left: box.x_min, top: box.y_min, width: box.width, height: box.height };
    layer.append(boxFrame({ ...place, colour: colourOf(box.category), label }));
  }
  picture.append(layer);
}

/** The shape of a picture is that of its pixels, or else what the catalogue says of them. */
function shape(picture) {
  const image = picture.querySelector("img");
  const { width, height } = picture.dataset;
  picture.style.setProperty("--aspect", width / height);
  const take = () => {
    if (image.naturalWidth) picture.style.setProperty("--aspect", image.naturalWidth / image.naturalHeight);
  };
  if (image?.complete) take();
  image?.addEventListener("load", take);
}

async function count(status) {
  if (!status?.dataset.number) return;
  const answer = await fetch(status.dataset.number);
  if (!answer.ok) return; // then the page says how many it shows
  const { images } = await answer.json();
  status.replaceChildren(element("strong", "", images.toLocaleString("en")), images === 1 ? " image" : " images");
}

async function copy(button) {
  const words = button.textContent;
  const text = button.dataset.text ?? button.parentElement.querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Pages of other hosts have no clipboard without https: what is selected can be copied by hand.
    if (button.dataset.text) button.parentElement.querySelector("code").textContent = text;
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = words), COPIED_MS);
}

function toggleBoxes() {
  const isHidden = document.body.classList.toggle("without-boxes");
  byId("boxes")?.setAttribute("aria-pressed", !isHidden);
}

function moveAmongTiles(key) {
  const tiles = [...document.querySelectorAll(".tile")];
  const at = tiles.indexOf(document.activeElement);
  if (at < 0) return key === "ArrowDown" || key === "ArrowRight" ? tiles[0] : undefined;
  const top = tiles[0].getBoundingClientRect().top;
  const columns = tiles.findIndex((tile) => tile.getBoundingClientRect().top > top + 1);
  const across = columns < 0 ? tiles.length : columns;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -at, End: tiles.length - 1 - at };
  return tiles[at + steps[key]];
}

const TURNS = { ArrowLeft: "[rel=prev]", ArrowRight: "[rel=next]" };

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, select, pre")) return;
  if (event.key.toLowerCase() === "b") return toggleBoxes();
  if (event.key === "/") {
    event.preventDefault();
    byId("filters").open = true;
    return document.querySelector("#filters input").focus();
  }
  if (!document.querySelector(".tile")) return document.querySelector(TURNS[event.key])?.click();
  const isInside = Boolean(document.activeElement.closest(".tile"));
  if (event.key.startsWith("Arrow") ? isInside || event.key === "ArrowRight" : isInside && ["Home", "End"].includes(event.key)) {
    const tile = moveAmongTiles(event.key);
    if (tile) event.preventDefault();
    tile?.focus();
  }
}

function markBoxes(list) {
  const frames = document.querySelectorAll(".stage .box");
  [...list.children].forEach((item, place) => {
    for (const [begin, end] of [["mouseenter", "mouseleave"], ["focus", "blur"]]) {
      item.addEventListener(begin, () => frames[place].classList.add("marked"));
      item.addEventListener(end, () => frames[place].classList.remove("marked"));
    }
  });
}

function updateThemeButton() {
  byId("theme").textContent = isDark() ? "Light" : "Dark";
}

function start() {
  for (const picture of document.querySelectorAll(".picture")) {
    shape(picture);
    drawBoxes(picture);
  }
  for (const mark of document.querySelectorAll(".swatch")) mark.style.setProperty("--colour", colourOf(mark.dataset.category));
  for (const list of document.querySelectorAll(".boxlist")) markBoxes(list);
  for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copy(button));
  byId("boxes")?.addEventListener("click", toggleBoxes);
  byId("theme").addEventListener("click", () => {
    setTheme(isDark() ? "light" : "dark");
    updateThemeButton();
  });
  systemIsDark.addEventListener("change", updateThemeButton);
  document.addEventListener("keydown", onKey);
  const isNarrow = matchMedia("(max-width: 56rem)");
  const fold = () => (byId("filters").open = !isNarrow.matches);
  isNarrow.addEventListener("change", fold);
  fold();
  updateThemeButton();
  document.querySelector(".strip [aria-current]")?.parentElement.scrollIntoView({ block: "nearest", inline: "center" });
  count(byId("status"));
}

start();
