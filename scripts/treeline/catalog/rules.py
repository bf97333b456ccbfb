"""The rules of the catalogue beside MegaDB's schemas: what each is called, and how to mend what breaks it.

The checks of a MegaDB file (`item_rules.py`) and those of any staged source (`staged_checks.py`) name the same ones.
"""

from __future__ import annotations

TOLERANCE = 1e-3
"""By which a box may reach beyond its image: sides were rounded to three digits for years."""

MAX_INTEGER = 2**63 - 1

FIXES = {
    "json": "Write a list of objects as JSON in UTF-8.",
    "not_empty": "Give the list at least one entry, or leave the file out.",
    "table": "Give it a seq_id and images (a sequence), a dataset_name (a data set), or train, val and test (a split).",
    "unique_seq_id": "Give each sequence an identifier of its own, or leave one of the two out.",
    "class_missing": 'Put `class` on the sequence or on each image; ["__label_unavailable"] where nobody has looked.',
    "frame_num_missing": "Give each image of a sequence of several its frame_num.",
    "frame_num_repeated": "Give each image of a sequence a frame_num of its own.",
    "frame_num_range": f"A frame_num is a whole number from 0 to {MAX_INTEGER}.",
    "box_beyond_image": f"x_min + width and y_min + height are at most 1 (and {TOLERANCE:g} for what was rounded).",
    "box_without_size": "A box has a width and a height above 0. Leave it out; [] says that nothing is there.",
    "box_outside": "x_min, y_min, width and height are numbers from 0 to 1, relative to the image.",
    "box_category": "A category is animal, person, vehicle or group.",
    "confidence_range": "A confidence is a number from 0 to 1, below 0 to -1 where the box was struck out.",
    "empty_not_alone": 'Leave "empty" out, or the other labels.',
    "class_label": "A label is lower-case ASCII of at least two characters, each once. Name it otherwise in `labels`.",
    "unique_file": "A file is once in a data set. Leave one of the two out, or give each its folder's name.",
    "path_outside": "Give the path from the folder of the data set, without .. and not from the root.",
    "dummy_of_several": "Name the sequence without dummy_, which stands for an unknown one, or make each image one.",
    "datetime": "Write the time in ISO 8601, such as 2012-05-21T04:58:05, or as 2012-05-21 04:58:05.",
    "unique_dataset_name": "Describe a data set once.",
    "description_contradicts": "Correct one of the two sources. With --compat (`strict: false`) the older stays.",
    "unique_split": "Give a data set one entry with all of its locations.",
    "location_in_two_splits": "A location is in one of train, val and test, once.",
    "split_kept": "A location stays in the split that it has.",
    "name_missing": "Give it a name of at least one character.",
    "size": "Width and height of an image are pixels, above 0.",
    "key_expires": "Have a new key made, and write it into container_sas_key.",
    "key_unreadable": "A key is such as ?se=2021-01-01T07%3A59%3A00Z&sp=rl&sig=...; se= tells when it expires, in UTC.",
}
"""How to mend a violation, by the name of its rule."""
