/* One image in full size, with all that is known of it. */
"use strict";

class Detail {
  /** `step(by)` goes to another image of the grid; `closed(image)` is told which was last when the view closes. */
  constructor(dialog, step, closed) {
    this.dialog = dialog;
    this.image = null;
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));
    byId("close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target === byId("stage")) dialog.close();
    });
    dialog.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      step(by);
    });
    dialog.addEventListener("close", () => {
      const last = this.image;
      this.image = null;
      closed(last);
    });
  }

  show(image, state, index, count, neighbours) {
    if (image === this.image && image.width) this.drawBoxesOfStage(image, state);
    else this.drawStage(image, state);
    this.image = image;
    this.drawFacts(image, state);
    byId("detail-place").textContent = `${formatCount(index + 1)} of ${formatCount(count)}`;
    byId("previous").disabled = index <= 0;
    byId("next").disabled = index >= count - 1;
    if (!this.dialog.open) this.dialog.showModal();
    for (const other of neighbours) if (other?.width) new Image().src = `images/${other.id}.jpg`;
  }

  drawStage(image, state) {
    const stage = byId("stage");
    if (!image.width) {
      stage.replaceChildren(element("p", "reason", image.failure || image.problem));
      return;
    }
    const picture = element("div", "picture");
    picture.style.setProperty("--aspect", aspectOf(image));
    // The thumbnail is there at once; the full size takes its place when it is read.
    picture.style.backgroundImage = `url("thumbnails/${image.id}.jpg")`;
    const photo = element("img");
    photo.alt = describe(image, state);
    photo.src = `images/${image.id}.jpg`;
    picture.append(photo);
    stage.replaceChildren(picture);
    this.drawBoxesOfStage(image, state);
  }

  drawBoxesOfStage(image, state) {
    const picture = byId("stage").firstChild;
    picture.querySelector(".boxes")?.remove();
    picture.append(boxLayer(image, state, true));
  }

  drawFacts(image, state) {
    byId("detail-file").textContent = image.file;
    const facts = byId("detail-facts");
    facts.replaceChildren();
    const { title, source, license, identifier } = image.credits;
    const rows = {
      Server: image.server,
      Location: image.location,
      Time: readableTime(image.time),
      Size: image.width ? `${formatCount(image.width)} × ${formatCount(image.height)} pixels` : "",
      Failure: image.failure,
      Picture: image.failure ? "" : image.problem,
      Title: title,
      Source: source,
      License: license,
      Address: identifier,
    };
    for (const [name, value] of Object.entries(rows)) {
      if (value) facts.append(element("dt", "", name), valueElement(value));
    }
    this.listBoxes(image, state);
    const link = byId("detail-open");
    link.hidden = !image.width;
    link.href = `images/${image.id}.jpg`;
  }

  /** All detections, those below the threshold too. */
  listBoxes(image, state) {
    const list = byId("detail-boxes");
    list.replaceChildren();
    image.boxes.forEach((box, number) => {
      const row = element("li", box[CONFIDENCE] < threshold(state) ? "below" : "");
      const name = classOf(box)
        ? `${classOf(box)} ${formatConfidence(box[CLASS_CONFIDENCE])} (${preview.categories[box[CATEGORY]]})`
        : preview.categories[box[CATEGORY]];
      const isStruckOut = box[CONFIDENCE] < 0;
      const confidence = element("span", "confidence", Math.abs(box[CONFIDENCE]).toFixed(3));
      row.append(swatch(box[CATEGORY]), element("span", "", isStruckOut ? `${name}, struck out` : name), confidence);
      row.classList.toggle("struck", isStruckOut);
      row.addEventListener("mouseenter", () => markBox(number, true));
      row.addEventListener("mouseleave", () => markBox(number, false));
      list.append(row);
    });
    const reaching = image.boxes.filter((box) => box[CONFIDENCE] >= threshold(state)).length;
    byId("detail-count").textContent = image.failure
      ? ""
      : `${reaching} of ${image.boxes.length} detections reach ${threshold(state).toFixed(2)}`;
  }
}

function markBox(number, isMarked) {
  byId("stage").querySelector(`.box[data-number="${number}"]`)?.classList.toggle("marked", isMarked);
}

/** Text, or a link where it is an address of the web. */
function valueElement(value) {
  const place = element("dd");
  if (/^https?:\/\//i.test(value)) {
    const link = element("a", "", value);
    link.href = value;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    place.append(link);
  } else {
    place.textContent = value;
  }
  return place;
}

/** "2024:05:06 07:08:09" as people write it; anything else as it is. */
const readableTime = (time) => time.replace(/^(\d{4}):(\d\d):(\d\d) /, "$1-$2-$3 ");
