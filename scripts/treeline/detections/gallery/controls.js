/* The panel: threshold, histogram, kinds and fields. */
"use strict";

const byId = (id) => document.getElementById(id);
const FIELDS = { server: "all servers", location: "all locations", class: "all classes" };
const SHARE_OF_LOWEST_BAR = 0.04; // of the height: a single detection is to be seen

/** Bars of all detections by confidence, a colour a category, on a scale of logarithms; drawn twice, see gallery.css. */
function drawHistogram(place) {
  const { histogram } = preview.collection;
  const totals = (histogram[0] ?? []).map((_, bin) => histogram.reduce((sum, counts) => sum + counts[bin], 0));
  const highest = Math.log1p(Math.max(1, ...totals));
  const detections = totals.reduce((sum, count) => sum + count, 0);
  for (const layer of ["muted", "counted"]) {
    const bars = element("div", `bars ${layer}`);
    totals.forEach((total, bin) => {
      const bar = element("div", "bar");
      if (total) bar.style.height = `${100 * Math.max(SHARE_OF_LOWEST_BAR, Math.log1p(total) / highest)}%`;
      histogram.forEach((counts, category) => {
        if (!counts[bin]) return;
        const piece = element("div", "piece");
        piece.style.setProperty("--colour", colours[category]);
        piece.style.flexGrow = counts[bin];
        bar.append(piece);
      });
      bars.append(bar);
    });
    place.append(bars);
  }
  place.setAttribute("aria-label", `Histogram of ${formatCount(detections)} detections by confidence`);
  byId("histogram-note").textContent = `all ${formatCount(detections)} detections, log scale`;
}

/** A row for each kind that any image of the results can be of. */
function drawKinds(body, toggle) {
  for (const kind of kinds) {
    const row = element("tr");
    const name = element("th");
    name.scope = "row";
    const label = element("label");
    const check = element("input");
    check.type = "checkbox";
    check.value = kind;
    check.addEventListener("change", () => toggle(kind, check.checked));
    const category = preview.categories.indexOf(kind);
    const mark = category >= 0 ? swatch(category) : element("span", `swatch ${kind.replace(" ", "-")}`);
    label.append(check, mark, kind);
    name.append(label);
    row.append(name, element("td"), element("td"));
    body.append(row);
  }
}

function updateKinds(body, state, counts) {
  kinds.forEach((kind, number) => {
    const row = body.children[number];
    row.querySelector("input").checked = state.kinds.has(kind);
    row.children[1].textContent = formatCount(counts.get(kind));
    row.children[2].textContent = formatCount(countAll(kind, state));
    row.classList.toggle("off", !state.kinds.has(kind));
  });
}

/** Fill a choice with the values of the sample and their counts; one that leaves no choice is taken out. */
function drawField(choice, name) {
  const counts = new Map();
  for (const image of preview.images) {
    const values = name === "class" ? new Set(image.boxes.map(classOf)) : [image[name]];
    for (const value of values) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  if (counts.size < 2) {
    choice.closest("label").remove();
    return;
  }
  choice.append(new Option(FIELDS[name], ""));
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  for (const value of [...counts.keys()].sort(compare)) {
    choice.append(new Option(`${value} (${formatCount(counts.get(value))})`, value));
  }
}

function privacyNote() {
  const { withheld } = preview.collection;
  const from = `from a confidence of ${preview.personThreshold}`;
  if (preview.persons === "blur") return `Persons are blurred ${from}, in the picture files themselves.`;
  if (preview.persons === "withhold") return `${formatCount(withheld)} images with persons ${from} are withheld.`;
  return "";
}
