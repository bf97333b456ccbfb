"""Files of the stages that look at a collection and take parts of it: tools, decode, detect, lookup, extract."""

from __future__ import annotations

import pyarrow as pa

from treeline.decode.shard import UNDECODABLE_COLUMNS
from treeline.detections.crop import COLUMNS as CROPS
from treeline.detections.crop import LEFT_OUT_COLUMNS
from treeline.detections.evaluation_report import CURVE_COLUMNS, MEASURE_COLUMNS
from treeline.detections.sort import COLUMNS as SORTED
from treeline.extract.reports import MISSING, Counts
from treeline.io.credits.table import CREDITS
from treeline.io.tar import INDEX_COLUMNS
from treeline.lookup.join import STANDARD_COLUMNS
from treeline.lookup.scan import IMAGE_COLUMNS
from treeline.lookup.tables import REPORT
from treeline.reference.table import NUMBER, SHARD, SIZE, TEXT, FileTable, typed, untyped
from treeline.schemas import DETECTIONS, DUPLICATES, MANIFEST_OF_LOOKUP, PDQ_HASHES, VERDICTS
from treeline.tools.boxes import BOXES
from treeline.tools.exif import EXIF
from treeline.tools.reports import REPORT_COLUMNS

WHERE_FROM = pa.schema([("server_name", pa.string()), ("partition_id", pa.int64())])
RANKS = "Of the joined occurrence; null where it has none."
COUNTS = {
    "asked": "Rows of the lookup table.",
    "found": "Images that were written.",
    "missing": "Rows without an image.",
    "duplicates": "Rows of an image that another row has, too.",
}

TOOLS = (
    FileTable(
        f"tools/<tool>/verdicts/{SHARD}.parquet",
        "An image that the tool has looked at.",
        typed(VERDICTS),
        {
            "verdict": "`keep` or `drop`.",
            "value": "The number that it rests on, in the tool's unit.",
            "reason": "Why it is `drop`.",
        },
    ),
    FileTable(
        "tools/<tool>/report.csv",
        "A shard: images = keep + drop.",
        untyped(REPORT_COLUMNS),
        {"keep": "Images that are kept.", "drop": "Images that are dropped."},
    ),
    FileTable(
        "tools/<tool>/duplicates.parquet",
        "An image that repeats another (`duplication_based`, `near_duplicates`).",
        typed(DUPLICATES),
        {
            "main_uuid": "The image that it repeats; null if that is of another collection.",
            "distance": "Bits in which their hashes differ; 0 for the same bytes.",
        },
    ),
    FileTable(
        f"tools/near_duplicates/findings/{SHARD}.parquet",
        "An image.",
        typed(PDQ_HASHES),
        {"hash_pdq": "Perceptual hash, hexadecimal; null if unreadable.", "quality": "0 to 100."},
    ),
    FileTable(
        "tools/exif/exif.parquet",
        "An image; null where it says nothing.",
        typed(pa.schema([*EXIF, *WHERE_FROM])),
        {
            "datetime": "The camera's local time, `YYYY:MM:DD HH:MM:SS`.",
            "make": "Of the camera.",
            "model": "Of the camera.",
            "latitude": "Degrees, WGS 84.",
            "longitude": "Degrees, WGS 84.",
            "altitude": "Meters above the sea.",
            "orientation": "EXIF's, 1 to 8.",
        },
    ),
    FileTable(
        f"tools/crop_to_boxes/boxes/{SHARD}.parquet",
        "A box, in the unit that it was given in.",
        typed(BOXES),
        {
            "uuid": "Of its crop.",
            "image_uuid": "Of its image.",
            "x_min": "Left side.",
            "y_min": "Upper side.",
            "box_width": "Width.",
            "box_height": "Height.",
        },
    ),
    FileTable(f"tools/<tool>/images/{SHARD}/successes.parquet", "As `images/`: what `resize` or `crop_to_boxes` made."),
)

DECODE = (
    FileTable(f"decoded/{SHARD}.tar", "`<uuid>.<ext>` and `<uuid>.json` of each image, in the shard's order."),
    FileTable(
        f"decoded/{SHARD}.tar.index.csv",
        "A member of the archive.",
        untyped(INDEX_COLUMNS),
        {"name": "Its name.", "offset": "Where its bytes begin.", "size": "How many they are."},
    ),
    FileTable(
        f"decoded/{SHARD}.undecodable.csv", "A row of the shard that gave no image.", untyped(UNDECODABLE_COLUMNS)
    ),
)

DETECT = (
    FileTable(f"detections/{SHARD}.json", "Detector results in MegaDetector's format 1.6: an entry an image."),
    FileTable(
        "detections/detections.parquet",
        "A detection; an image without any has a row without box. Boxes are shares of the image, 0 to 1.",
        typed(DETECTIONS),
        {
            "file": "Name in the archive.",
            "failure": "Why the detector could not look; null if it did.",
            "x_min": "Left side.",
            "y_min": "Upper side.",
            "box_width": "Width.",
            "box_height": "Height.",
            "image_width": "Pixels.",
            "image_height": "Pixels.",
            "model": "File name of the checkpoint.",
            "model_sha256": "Its SHA-256.",
        },
    ),
    FileTable("detections/preview/", "[A gallery](detections-preview.md) that opens in any browser."),
    FileTable(
        "detections/crops/crops.csv",
        "A box that was cut out.",
        untyped(CROPS),
        {"path": "`<archive>/<member>`."},
    ),
    FileTable(
        "detections/crops/left_out.csv",
        "An image that gave no crop.",
        untyped(LEFT_OUT_COLUMNS),
        {"detections": "Detections that were left out."},
    ),
    FileTable(
        "detections/sorted/sorted.csv",
        "An image that was sorted into a folder.",
        untyped(SORTED),
        {
            "folder": "What was found in it, or `empty`, `failed`.",
            "path": "Where it went; empty if nowhere.",
            "way": "`copy`, `symlink`, `hardlink` or `tar`.",
            "note": "Why it went nowhere.",
        },
    ),
    FileTable(
        "detections/evaluation/measures.csv",
        "All, a category, or one of them at a location (an empty field means all).",
        untyped(MEASURE_COLUMNS),
        {
            "truths": "Objects that there are.",
            "average_precision": "Mean over overlaps of 0.50 to 0.95.",
            "average_precision_50": "At an overlap of 0.50.",
            "threshold": "Confidence from which a detection counts.",
            "true_positives": "Found rightly.",
            "false_positives": "Found wrongly.",
            "missed": "Not found.",
            "precision": "True positives / found.",
            "recall": "True positives / truths.",
        },
    ),
    FileTable(
        "detections/evaluation/curves.csv",
        "A category at a threshold.",
        untyped(CURVE_COLUMNS),
        {
            "threshold": "0 to 1 in steps of 0.005.",
            "true_positives": "Found rightly.",
            "false_positives": "Found wrongly.",
            "missed": "Not found.",
            "precision": "True positives / found.",
            "recall": "True positives / truths.",
        },
    ),
)

LOOKUP = (
    FileTable("lookup/images.parquet", "An image.", dict(zip(IMAGE_COLUMNS, (*[TEXT] * 3, SIZE, SIZE), strict=True))),
    FileTable(
        "lookup/<group>/group_id=N/lookup.parquet",
        "An image of the group; columns that the group asks for stand before `path`.",
        dict.fromkeys(("uuid", "source_id", *STANDARD_COLUMNS, "path"), TEXT),
        dict.fromkeys(STANDARD_COLUMNS, RANKS),
        has_more=True,
    ),
    FileTable("lookup/<group>/manifest.csv", "A batch of the group.", untyped(MANIFEST_OF_LOOKUP.names)),
    FileTable(
        "lookup/report.csv",
        "A group.",
        untyped(REPORT),
        {
            "images": "Images that were seen.",
            "with_metadata": "Of these with a row in the occurrence table.",
            "passed": "Of these let pass by `where`.",
            "left_out_by_license": "Of these left out, as their licence is none that the group takes.",
            "kept": "In the group in the end.",
            "batches": "Its batches.",
        },
    ),
    FileTable(
        "lookup/duplicate_source_ids.parquet",
        "An occurrence that the table has several times.",
        {"source_id": TEXT, "rows": NUMBER},
        {"rows": "How often."},
    ),
)

CREDIT = {
    "file": "Its file, where the subset names files and no uuids.",
    "creator": "Who made it.",
    "rights_holder": "Who has the rights.",
    "url": "Its address.",
    "license": "The licence's name, such as `CC BY 4.0`.",
    "license_id": "Its SPDX identifier, where it has one.",
    "license_url": "Its canonical address, where it has one.",
    "license_given": "What the table of URLs called it.",
    "lacks": "What keeps it from being published with full credit; empty for nothing.",
}

EXTRACT = (
    FileTable(
        "extracted/<group>/group_id=N/part-N.parquet",
        "An image with its pixels; the lookup table's columns stand behind `uuid`.",
        {"uuid": TEXT, "original_size": SIZE, "resized_size": SIZE, "image": "binary"},
        has_more=True,
    ),
    FileTable(
        "extracted/<group>/report.csv",
        "A batch: asked = found + missing + duplicates.",
        untyped(("group_id", *Counts.columns())),
        COUNTS,
    ),
    FileTable(
        "extracted/<group>/group_id=N.report.csv", "The batch alone, in one row.", untyped(Counts.columns()), COUNTS
    ),
    FileTable("extracted/<group>/group_id=N.missing.csv", "A row that was not found.", untyped(MISSING)),
    FileTable("extracted/<group>/credits.csv", "[Whose an image is](credits.md).", untyped(CREDITS), CREDIT),
    FileTable("extracted/<group>/credits.md", "The same as a text."),
    FileTable(
        "extracted/<group>/unlicensed.csv", "An image without a full licence or creator.", untyped(CREDITS), CREDIT
    ),
    FileTable(
        "extracted/<group>/categories.csv",
        "A file of a museum category.",
        untyped(("category", "file", "records")),
        {
            "category": "Name of the category.",
            "file": "Below the group's folder.",
            "records": "Images in it.",
        },
    ),
    FileTable("extracted/<group>/category=<category>/part-N.parquet", "As above: the images of a museum category."),
)
