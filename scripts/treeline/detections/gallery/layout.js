/* Rows of images of one height, as wide as the page: where each image stands. */
"use strict";

const GAP = 10;
const CAPTION = 26;
const [NARROWEST, WIDEST] = [0.6, 2.4]; // width to height of a tile; images beyond stand in it with room to spare
const WITHOUT_PICTURE = 4 / 3;

const aspectOf = (image) => (image.width ? image.width / image.height : WITHOUT_PICTURE);

/**
 * Place images in rows that fill the width.
 *
 * Gives the rows (top, height, first, end), for each image its left edge and width, and the height of all.
 */
function layOut(images, width, aim) {
  const rows = [];
  const lefts = new Float32Array(images.length);
  const widths = new Float32Array(images.length);
  let top = 0;
  let first = 0;
  let aspects = 0;
  const finish = (end, height) => {
    let left = 0;
    for (let index = first; index < end; index += 1) {
      lefts[index] = left;
      widths[index] = tileAspect(images[index]) * height;
      left += widths[index] + GAP;
    }
    rows.push({ top, height, first, end });
    top += height + CAPTION + GAP;
    first = end;
    aspects = 0;
  };
  for (let index = 0; index < images.length; index += 1) {
    aspects += tileAspect(images[index]);
    const height = (width - (index - first) * GAP) / aspects;
    if (height <= aim) finish(index + 1, height);
  }
  if (first < images.length) finish(images.length, Math.min(aim, width / aspects));
  return { rows, lefts, widths, height: Math.max(0, top - GAP) };
}

const tileAspect = (image) => Math.min(WIDEST, Math.max(NARROWEST, aspectOf(image)));

/** The first row that ends below a height, by halving. */
function rowAt(rows, height) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height + CAPTION < height) low = middle + 1;
    else high = middle;
  }
  return low;
}

const rowOf = (rows, index) => {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].end <= index) low = middle + 1;
    else high = middle;
  }
  return low;
};
