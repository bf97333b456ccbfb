"""Files in COCO Camera Traps as hypothesis makes them up: all fields of the format, and others."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.catalog_content import unknown_properties

Item = dict[str, Any]
Cct = dict[str, Any]

INFO = {"version": "1.0", "description": "Of one valley", "year": 2024}
CATEGORIES = [
    {"id": 0, "name": "empty"},
    {"id": 1, "name": "Red Deer", "scientific_name": "Cervus elaphus"},
    {"id": 7, "name": "red deer", "common": None},
    {"id": 3, "name": "Père David's rock squirrel"},
    {"id": 4, "name": "Human"},
    {"id": 5, "name": "animal"},
    {"id": 6, "name": "Group"},
]
IMAGE_KEYS = frozenset(
    {"id", "file_name", "width", "height", "datetime", "location", "seq_id", "frame_num", "cct_annotations"}
)
ANNOTATION_KEYS = frozenset({"id", "image_id", "category_id", "bbox", "confidence", "cct_category", "cct_bbox"})


@st.composite
def images(draw: st.DrawFn, number: int) -> Item:
    image: Item = {"id": f"image {number}", "file_name": f"site/{number}.jpg"} | draw(unknown_properties(IMAGE_KEYS))
    image |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "datetime": st.sampled_from(["2020-01-01 10:00:00", "2020-01-01 10:00:30", "2020-01-02 08:00:00"]),
                "location": st.sampled_from(["north", "3", ""]),
                "rights_holder": st.just("The valley"),
                "corrupt": st.booleans(),
            },
        )
    )
    if draw(st.booleans()):
        image |= {"seq_id": draw(st.sampled_from("ab")), "frame_num": number, "seq_num_frames": 2}
    if draw(st.integers(0, 3)):
        image |= {"width": draw(st.integers(1, 5000)), "height": draw(st.integers(1, 5000))}
    return image


@st.composite
def labels(draw: st.DrawFn, image: Item, number: int) -> Item:
    annotation = {
        "id": f"annotation {number}",
        "image_id": image["id"],
        "category_id": draw(st.sampled_from([1, 3, 4, 5, 6, 7])),
    }
    annotation |= draw(unknown_properties(ANNOTATION_KEYS | {"sequence_level_annotation"}))
    annotation |= draw(st.fixed_dictionaries({}, optional={"count": st.integers(1, 9)}))
    if "width" in image and draw(st.booleans()):
        shares = [draw(st.floats(0.001, 0.499)) for _ in range(4)]
        sides = [image["width"], image["height"]] * 2
        annotation["bbox"] = [share * side for share, side in zip(shares, sides, strict=True)]
        if draw(st.booleans()):
            annotation["bbox"] = [round(number, 2) + 0.01 for number in annotation["bbox"]]
    elif "seq_id" in image and draw(st.booleans()):
        annotation["sequence_level_annotation"] = True
    return annotation


@st.composite
def files(draw: st.DrawFn) -> Cct:
    listed = [draw(images(number)) for number in range(draw(st.integers(1, 6)))]
    notes: list[Item] = []
    for image in listed:
        for _ in range(draw(st.integers(0, 2))):
            notes.append(draw(labels(image, len(notes))))
        if all(note["image_id"] != image["id"] for note in notes) and draw(st.booleans()):
            notes.append({"id": len(notes), "image_id": image["id"], "category_id": 0})
    rest = draw(unknown_properties(frozenset({"info", "images", "annotations", "categories", ""})))
    rest = {key: value for key, value in rest.items() if "." not in key}
    return {"annotations": notes, "info": INFO, "images": listed, **rest, "categories": CATEGORIES}
