/* What happens when: the state, and who is told of it. The address after # keeps the state, so that a view can be linked. */
"use strict";

const ADDRESS_DELAY_MS = 200; // browsers refuse more than a few changes of the address a second
const THRESHOLD_STEPS = { "[": -1, "]": 1 };

let state = initialState();
let selection;
let addressTimer;

const grid = new Grid(byId("grid"), openImage);
const detail = new Detail(byId("detail"), stepImage, (last) => {
  grid.focus(Math.max(0, grid.images.indexOf(last)));
  writeAddressSoon();
});

function update(changes) {
  state = { ...state, ...changes };
  selection = select(state);
  updatePanel();
  grid.show(selection.shown, state);
  if (detail.image) showDetail(detail.image);
  writeAddressSoon();
}

function updatePanel() {
  const value = threshold(state).toFixed(2);
  byId("threshold").value = state.step;
  byId("threshold-value").textContent = value;
  byId("threshold").setAttribute("aria-valuetext", value);
  document.documentElement.style.setProperty("--threshold", threshold(state));
  updateKinds(byId("kinds"), state, selection.counts);
  byId("total-sample").textContent = formatCount(selection.passing);
  byId("total-all").textContent = formatCount(preview.collection.images);
  byId("text").value = state.text;
  byId("sort").value = state.sort;
  for (const name of Object.keys(FIELDS)) if (byId(name)) byId(name).value = state[name];
  const total = preview.images.length;
  byId("status").replaceChildren(
    element("strong", "", formatCount(selection.shown.length)),
    ` of ${formatCount(total)} images in the sample`,
  );
  byId("nothing").hidden = selection.shown.length > 0;
}

function openImage(image) {
  grid.active = Math.max(0, grid.images.indexOf(image));
  showDetail(image);
  writeAddressSoon();
}

function showDetail(image) {
  const index = grid.images.indexOf(image);
  const neighbours = index < 0 ? [] : [grid.images[index + 1], grid.images[index - 1]];
  detail.show(image, state, Math.max(index, 0), grid.images.length, neighbours);
}

function stepImage(by) {
  const index = grid.images.indexOf(detail.image) + by;
  if (grid.images[index]) openImage(grid.images[index]);
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input[type=search], select")) return;
  if (event.key in THRESHOLD_STEPS) {
    update({ step: Math.min(STEPS, Math.max(0, state.step + THRESHOLD_STEPS[event.key])) });
  } else if (event.key.toLowerCase() === "b") {
    toggleBoxes();
  }
}

function toggleBoxes() {
  const isHidden = document.body.classList.toggle("without-boxes");
  byId("boxes").setAttribute("aria-pressed", !isHidden);
}

function toggleKind(kind, isShown) {
  const shown = new Set(state.kinds);
  if (isShown) shown.add(kind);
  else shown.delete(kind);
  update({ kinds: shown });
}

function writeAddressSoon() {
  clearTimeout(addressTimer);
  addressTimer = setTimeout(writeAddress, ADDRESS_DELAY_MS);
}

function writeAddress() {
  const words = new URLSearchParams();
  if (state.step !== initialStep) words.set("threshold", threshold(state).toFixed(2));
  if (state.kinds.size < kinds.length) words.set("show", [...state.kinds].join(","));
  if (state.sort !== "confidence") words.set("sort", state.sort);
  for (const name of ["text", ...Object.keys(FIELDS)]) if (state[name]) words.set(name, state[name]);
  if (detail.image) words.set("image", detail.image.id);
  history.replaceState(null, "", `#${words}`);
}

function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  const found = initialState();
  const given = Number(words.get("threshold") ?? NaN);
  if (given >= 0 && given <= 1) found.step = Math.round(given * STEPS);
  if (words.has("show")) found.kinds = new Set(kinds.filter((kind) => words.get("show").split(",").includes(kind)));
  if ([...byId("sort").options].some((option) => option.value === words.get("sort"))) found.sort = words.get("sort");
  for (const name of ["text", ...Object.keys(FIELDS)]) if (byId(name)) found[name] = words.get(name) ?? "";
  update(found);
  const image = preview.images.find((candidate) => candidate.id === words.get("image"));
  if (image) openImage(image);
}

function updateThemeButton() {
  byId("theme").textContent = isDark() ? "Light" : "Dark";
}

function start() {
  document.title = `${preview.title}: detections`;
  byId("title").textContent = preview.title;
  byId("models").textContent = preview.models.join(", ");
  byId("privacy").textContent = privacyNote();
  byId("privacy").hidden = !privacyNote();
  drawHistogram(byId("histogram"));
  drawKinds(byId("kinds"), toggleKind);
  for (const name of Object.keys(FIELDS)) drawField(byId(name), name);
  byId("threshold").addEventListener("input", (event) => update({ step: event.target.valueAsNumber }));
  byId("fields").addEventListener("input", (event) => update({ [event.target.id]: event.target.value }));
  byId("sort").addEventListener("input", (event) => update({ sort: event.target.value }));
  byId("reset").addEventListener("click", () => update({ ...initialState(), step: state.step, sort: state.sort }));
  byId("boxes").addEventListener("click", toggleBoxes);
  byId("theme").addEventListener("click", () => {
    setTheme(isDark() ? "light" : "dark");
    updateThemeButton();
  });
  systemIsDark.addEventListener("change", updateThemeButton);
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", readAddress);
  const isNarrow = matchMedia("(max-width: 56rem)");
  const fold = () => (byId("filters").open = !isNarrow.matches);
  isNarrow.addEventListener("change", fold);
  fold();
  updateThemeButton();
  readAddress();
}

start();
