/* Elements that both the grid and the detail view are made of. File names are strangers' words: they are only ever text. */
"use strict";

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

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
    const frame = element("div", faint ? "box faint" : "box");
    frame.style.setProperty("--colour", colours[box[CATEGORY]]);
    frame.style.left = `${box[LEFT] * 100}%`;
    frame.style.top = `${box[TOP] * 100}%`;
    frame.style.width = `${box[WIDTH] * 100}%`;
    frame.style.height = `${box[HEIGHT] * 100}%`;
    frame.dataset.number = image.boxes.indexOf(box);
    if (labelled) {
      const label = element("span", "label", `${nameOf(box)} ${formatConfidence(box[CONFIDENCE])}`);
      // Where there is no room above or to the right, the label stands inside or ends with the box.
      label.classList.toggle("inside", box[TOP] < 0.04);
      label.classList.toggle("ending", box[LEFT] > 0.75);
      frame.append(label);
    }
    layer.append(frame);
  }
  return layer;
}

const nameOf = (box) => classOf(box) || preview.categories[box[CATEGORY]];
