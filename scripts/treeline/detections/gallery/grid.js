/* The grid: of all images only those near the window are in the page, whatever their number. */
"use strict";

const AIM = { narrow: 132, wide: 196 }; // height of rows in pixels, at most
const SCREENS_AHEAD = 1; // so much above and below the window is ready before it is scrolled to

class Grid {
  /** `open(image)` is called when the user picks one. */
  constructor(list, open) {
    this.list = list;
    this.open = open;
    this.images = [];
    this.places = layOut([], 1, AIM.wide);
    this.tiles = new Map(); // of image ids
    this.active = 0; // where the keyboard is
    this.waiting = false;
    addEventListener("scroll", () => this.renderSoon(), { passive: true });
    new ResizeObserver(() => this.resize()).observe(list);
    list.addEventListener("keydown", (event) => this.onKey(event));
    list.addEventListener("focusin", (event) => this.onFocus(event));
    list.addEventListener("click", (event) => this.onClick(event));
  }

  /** Show these images; tiles that stay are kept, and only their boxes are drawn anew. */
  show(images, state) {
    const activeImage = this.images[this.active];
    const hasKeyboard = this.list.contains(document.activeElement);
    this.images = images;
    this.state = state;
    this.active = Math.max(0, images.indexOf(activeImage));
    this.resize(true);
    // An element that is moved or removed loses the keyboard.
    if (hasKeyboard && !this.list.contains(document.activeElement)) this.activeTile()?.firstChild.focus({ preventScroll: true });
  }

  resize(changed = false) {
    const width = this.list.clientWidth;
    if (!changed && width === this.width) return;
    this.width = width;
    this.places = layOut(this.images, width, width < 700 ? AIM.narrow : AIM.wide);
    this.list.style.height = `${this.places.height}px`;
    this.render(true);
  }

  renderSoon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.render(false);
    });
  }

  render(redraw) {
    const near = this.nearIndices();
    const kept = new Set(near.map((index) => this.images[index].id));
    for (const [id, tile] of this.tiles) {
      if (kept.has(id)) continue;
      tile.remove();
      this.tiles.delete(id);
    }
    let next = this.list.firstChild;
    for (const index of near) {
      const image = this.images[index];
      let tile = this.tiles.get(image.id);
      const isNew = !tile;
      if (isNew) {
        tile = makeTile(image);
        this.tiles.set(image.id, tile);
      }
      // In the order that they are seen in, for those who hear the page.
      if (tile === next) next = tile.nextSibling;
      else this.list.insertBefore(tile, next);
      if (isNew || redraw) drawTile(tile, image, this.state);
      if (isNew || redraw || tile.index !== index) this.place(tile, index);
      tile.firstChild.tabIndex = index === this.active ? 0 : -1;
    }
  }

  activeTile() {
    return this.tiles.get(this.images[this.active]?.id);
  }

  /** Indices of the images near the window, and of the one that has the keyboard. */
  nearIndices() {
    const { rows } = this.places;
    const above = -this.list.getBoundingClientRect().top;
    const screen = innerHeight;
    const first = rowAt(rows, above - SCREENS_AHEAD * screen);
    const last = Math.min(rows.length - 1, rowAt(rows, above + (1 + SCREENS_AHEAD) * screen));
    const indices = [];
    if (first <= last) for (let index = rows[first].first; index < rows[last].end; index += 1) indices.push(index);
    if (this.active < this.images.length) {
      if (!indices.length || this.active > indices.at(-1)) indices.push(this.active);
      else if (this.active < indices[0]) indices.unshift(this.active);
    }
    return indices;
  }

  place(tile, index) {
    const { rows, lefts, widths } = this.places;
    const row = rows[rowOf(rows, index)];
    tile.index = index;
    tile.style.transform = `translate(${lefts[index]}px, ${row.top}px)`;
    tile.style.width = `${widths[index]}px`;
    tile.style.height = `${row.height + CAPTION}px`;
    tile.setAttribute("aria-setsize", this.images.length);
    tile.setAttribute("aria-posinset", index + 1);
    const aspect = aspectOf(this.images[index]);
    const height = Math.min(row.height, widths[index] / aspect);
    const picture = tile.querySelector(".picture");
    picture.style.width = `${height * aspect}px`;
    picture.style.height = `${height}px`;
  }

  onClick(event) {
    const tile = event.target.closest(".tile");
    if (tile) this.open(this.images[tile.index]);
  }

  onFocus(event) {
    const tile = event.target.closest(".tile");
    if (!tile || tile.index === this.active) return;
    this.active = tile.index;
    this.render(false);
  }

  onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const next = this.nextIndex(event.key);
    if (next === null) return;
    event.preventDefault();
    this.focus(next);
  }

  nextIndex(key) {
    const last = this.images.length - 1;
    const steps = { ArrowLeft: this.active - 1, ArrowRight: this.active + 1, Home: 0, End: last };
    if (key in steps) return Math.min(last, Math.max(0, steps[key]));
    if (key === "ArrowUp") return this.neighbour(-1);
    if (key === "ArrowDown") return this.neighbour(1);
    return null;
  }

  /** The image of the row above or below that is closest to the middle of the active one. */
  neighbour(step) {
    const { rows, lefts, widths } = this.places;
    const row = rows[rowOf(rows, this.active) + step];
    if (!row) return this.active;
    const middle = (index) => lefts[index] + widths[index] / 2;
    let best = row.first;
    for (let index = row.first; index < row.end; index += 1) {
      if (Math.abs(middle(index) - middle(this.active)) < Math.abs(middle(best) - middle(this.active))) best = index;
    }
    return best;
  }

  /** Bring an image into the window and give it the keyboard. */
  focus(index) {
    if (!this.images.length) return;
    this.active = index;
    this.render(false);
    const tile = this.activeTile();
    tile.scrollIntoView({ block: "nearest" });
    tile.firstChild.focus({ preventScroll: true });
  }
}

function makeTile(image) {
  const tile = element("li", "tile");
  const button = element("button");
  button.type = "button";
  const frame = element("span", "frame");
  const picture = element("span", "picture");
  if (image.width) {
    const photo = element("img");
    photo.alt = "";
    photo.decoding = "async";
    photo.draggable = false;
    photo.src = `thumbnails/${image.id}.jpg`;
    picture.append(photo);
  } else {
    picture.append(element("span", "reason", image.failure || image.problem));
  }
  frame.append(picture);
  button.append(frame, element("span", "caption"));
  tile.append(button);
  return tile;
}

function drawTile(tile, image, state) {
  tile.querySelector(".boxes")?.remove();
  tile.querySelector(".picture").append(boxLayer(image, state, false));
  const caption = tile.querySelector(".caption");
  caption.replaceChildren();
  const { found, faint } = summarise(image, state);
  for (const { category, confidence, count } of found) {
    const part = element("span", faint ? "mark faint" : "mark");
    const name = preview.categories[category] + (count > 1 ? ` ×${count}` : "");
    part.append(swatch(category), `${name} ${formatConfidence(confidence)}`);
    caption.append(part);
  }
  if (!found.length) caption.append(element("span", "mark quiet", image.failure ? FAILED : EMPTY));
  tile.firstChild.setAttribute("aria-label", describe(image, state));
  tile.firstChild.title = image.file;
}
