/* Which images are shown, in which order, and how many: functions of the data and of what the user has set. */
"use strict";

const STEPS = 100; // of the slider; the counts have twice as many, for half the threshold
const BELOW = "just below";
const EMPTY = "empty";
const FAILED = "failed";

/** Parts of a box, as data.js orders them. */
const [CATEGORY, CONFIDENCE, LEFT, TOP, WIDTH, HEIGHT, CLASS, CLASS_CONFIDENCE] = [0, 1, 2, 3, 4, 5, 6, 7];

const preview = window.PREVIEW;
const kinds = [...preview.categories, BELOW, EMPTY, FAILED];
const colours = preview.categories.map((name) => COLOURS[name.toLowerCase()] ?? null);
let spare = 0;
colours.forEach((colour, category) => {
  colours[category] = colour ?? PALETTE[spare++ % PALETTE.length];
});

for (const image of preview.images) {
  image.search = image.file.toLowerCase();
  image.highest = -1;
  image.best = preview.categories.map(() => -1);
  for (const box of image.boxes) {
    image.best[box[CATEGORY]] = Math.max(image.best[box[CATEGORY]], box[CONFIDENCE]);
    image.highest = Math.max(image.highest, box[CONFIDENCE]);
  }
}

const initialStep = Math.round(preview.threshold * STEPS);

function initialState() {
  return { step: initialStep, kinds: new Set(kinds), text: "", server: "", location: "", class: "", sort: "confidence" };
}

const threshold = (state) => state.step / STEPS;
const halfThreshold = (state) => state.step / (2 * STEPS);

/** What an image is at a threshold: one or more categories, or just below, empty or failed. */
function kindsOf(image, state) {
  if (image.failure) return [FAILED];
  const least = threshold(state);
  const found = preview.categories.filter((_, category) => image.best[category] >= least);
  if (found.length) return found;
  return image.highest >= halfThreshold(state) && state.step > 0 ? [BELOW] : [EMPTY];
}

function passesFields(image, state) {
  return (
    (!state.server || image.server === state.server) &&
    (!state.location || image.location === state.location) &&
    (!state.text || image.search.includes(state.text.toLowerCase())) &&
    (!state.class || image.boxes.some((box) => classOf(box) === state.class && box[CONFIDENCE] >= threshold(state)))
  );
}

const classOf = (box) => preview.classes[box[CLASS]] ?? "";

/** The images to show, in order, and how many of each kind the other filters let pass. */
function select(state) {
  const counts = new Map(kinds.map((kind) => [kind, 0]));
  const shown = [];
  let passing = 0;
  for (const image of preview.images) {
    if (!passesFields(image, state)) continue;
    passing += 1;
    const found = kindsOf(image, state);
    for (const kind of found) counts.set(kind, counts.get(kind) + 1);
    if (found.some((kind) => state.kinds.has(kind))) shown.push(image);
  }
  return { shown: sort(shown, state), counts, passing };
}

function sort(images, state) {
  if (state.sort === "file") return images; // as data.js has them
  const distance = (image) => (image.highest < 0 ? 2 : Math.abs(image.highest - threshold(state)));
  const key = state.sort === "threshold" ? distance : (image) => -image.highest;
  return images
    .map((image) => [key(image), image])
    .sort((one, other) => one[0] - other[0])
    .map(([, image]) => image);
}

/** How many of all images of the results are of a kind. */
function countAll(kind, state) {
  const { images, failed, reaching, anyReaching } = preview.collection;
  const [at, half] = [2 * state.step, state.step];
  const found = anyReaching[at];
  const below = state.step > 0 ? anyReaching[half] - found : 0;
  if (kind === FAILED) return failed;
  if (kind === BELOW) return below;
  if (kind === EMPTY) return images - failed - found - below;
  return reaching[preview.categories.indexOf(kind)][at];
}

/** The boxes to draw: what reaches the threshold, or else, as faint ones, what comes close to it. */
function visibleBoxes(image, state) {
  const allowed = image.boxes.filter((box) => state.kinds.has(preview.categories[box[CATEGORY]]));
  const found = allowed.filter((box) => box[CONFIDENCE] >= threshold(state));
  if (found.length || image.highest >= threshold(state)) return { boxes: found, faint: false };
  return { boxes: image.boxes.filter((box) => state.step > 0 && box[CONFIDENCE] >= halfThreshold(state)), faint: true };
}

/** "animal 0.93 · person 0.41": the best of each category that is drawn. */
function summarise(image, state) {
  const { boxes, faint } = visibleBoxes(image, state);
  const best = new Map();
  for (const box of boxes) {
    const found = best.get(box[CATEGORY]) ?? { category: box[CATEGORY], confidence: box[CONFIDENCE], count: 0 };
    found.count += 1;
    best.set(box[CATEGORY], found);
  }
  return { found: [...best.values()], faint };
}

/** Words for people who do not see the picture. */
function describe(image, state) {
  const { found, faint } = summarise(image, state);
  const list = found.map(
    ({ category, confidence, count }) =>
      `${count > 1 ? `${count} times ` : ""}${preview.categories[category]} ${formatConfidence(confidence)}`,
  );
  const what = image.failure ? `failed: ${image.failure}` : list.join(", ") || "nothing found";
  return `${image.file}: ${faint && list.length ? "just below the threshold, " : ""}${what}`;
}

// Cut off rather than rounded: 0.199 is not 0.20 where that is the threshold.
const formatConfidence = (confidence) => (Math.floor(Math.abs(confidence) * 100 + 1e-9) / 100).toFixed(2);
const formatCount = (count) => count.toLocaleString("en");
