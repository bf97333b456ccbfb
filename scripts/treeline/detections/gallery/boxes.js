/* Elements that both the grid and the detail view are made of. */
"use strict";

function swatch(category) {
  const mark = element("span", "swatch");
  mark.style.setProperty("--colour", colours[category]);
  return mark;
}

/** A layer with a frame for each box; `labelled` writes what it is beside it. */
function boxLayer(image, state, labelled) {
  const layer = element("div", "boxes");
  const { boxes, faint } = visibleBoxes(image, state);
  for (const box of boxes) {
    const [left, top, width, height] = box.slice(LEFT, HEIGHT + 1);
    const label = labelled ? `${nameOf(box)} ${formatConfidence(box[CONFIDENCE])}` : "";
    const frame = boxFrame({ left, top, width, height, colour: colours[box[CATEGORY]], label });
    frame.classList.toggle("faint", faint);
    frame.dataset.number = image.boxes.indexOf(box);
    layer.append(frame);
  }
  return layer;
}

const nameOf = (box) => classOf(box) || preview.categories[box[CATEGORY]];
