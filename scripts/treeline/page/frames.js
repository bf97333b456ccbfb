/* Frames around what was found in a picture. Names are strangers' words: they are only ever text. */
"use strict";

const PALETTE = ["#f0e442", "#009e73", "#d55e00", "#3b8fd0", "#b0b0b0"]; // Okabe and Ito: told apart by the colour-blind
const COLOURS = { animal: "#e69f00", person: "#56b4e9", human: "#56b4e9", vehicle: "#cc79a7" };

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A frame for a box, its place as shares of the picture; a label, if any, stands where there is room for it. */
function boxFrame({ left, top, width, height, colour, label }) {
  const frame = element("div", "box");
  frame.style.setProperty("--colour", colour);
  frame.style.left = `${left * 100}%`;
  frame.style.top = `${top * 100}%`;
  frame.style.width = `${width * 100}%`;
  frame.style.height = `${height * 100}%`;
  if (label) {
    const text = element("span", "label", label);
    text.classList.toggle("inside", top < 0.04);
    text.classList.toggle("ending", left > 0.75);
    frame.append(text);
  }
  return frame;
}
