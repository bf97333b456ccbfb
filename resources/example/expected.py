"""What must come of the example, counted from the collection alone: no code of the pipeline has a part in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from resources.example.collection import SERVERS, Fault, Occurrence, Photo, address
from resources.example.programmes import (
    FOSSIL,
    INATURALIST,
    LIVING,
    MACHINE,
    NATURE_RESEARCH,
    PRESERVED,
    QUESTAGAME,
    SAMPLE,
    YALE,
)
from resources.example.records import WITHOUT_TITLE_EVERY
from resources.example.unusable import Unusable

NETWORK_ERROR = -1
PROCESSING_ERROR = -2

ERROR_CODES = {
    Fault.TRUNCATED: PROCESSING_ERROR,
    Fault.CORRUPT: PROCESSING_ERROR,
    Fault.HTML: PROCESSING_ERROR,
    Fault.EMPTY: PROCESSING_ERROR,
    Fault.MISSING: 404,
    Fault.GONE: 410,
    Fault.FORBIDDEN: 403,
    Fault.FAILING: 500,
    Fault.HANGING_UP: NETWORK_ERROR,
    Fault.REDIRECT_LOOP: NETWORK_ERROR,
}
"""`error_code` of each fault; a photo with any other fault arrives in the end."""

MUSEUM = (PRESERVED, SAMPLE, FOSSIL, LIVING)
CITIZEN_SCIENCE = (INATURALIST, QUESTAGAME)
UNPLACED = "incertae sedis"

YALE_SHARES = {"Animalia": 1.0, "Protozoa": 1.0, "Bacteria": 0.1, "Chromista": 0.05, "Fungi": 0.05}
"""Share of each kingdom's images that the group `yale_plants` takes; of others none."""

Group = Callable[[Occurrence, int], bool]
"""Whether an occurrence belongs to a lookup group, given the number of its photos that arrived."""

GROUPS: dict[str, Group] = {
    "museum_specimen_all": lambda o, _: o.programme.basis_of_record in MUSEUM,
    "multi_occ_museum_specimen": lambda o, arrived: o.programme.basis_of_record in MUSEUM and arrived > 1,
    "multi_occ_camera_trap": lambda o, arrived: _is_camera_trap(o) and arrived > 1,
    "citizen_science": lambda o, _: o.programme.publisher in CITIZEN_SCIENCE,
    "citizen_science_fish": lambda o, _: (
        o.programme.publisher in CITIZEN_SCIENCE and o.taxon["category"].endswith("Fishes")
    ),
    "questagame_birds": lambda o, _: (
        o.programme.taxa == "questagame birds" and o.taxon["phylum"] not in ("", "Chordata")
    ),
    "questagame_plants_that_flowers": lambda o, _: o.programme.taxa == "questagame plants" and _is_no_plant(o),
    "questagame_butterflies_moths": lambda o, _: (
        o.programme.taxa == "questagame moths"
        and o.taxon["kingdom"] != UNPLACED
        and o.taxon["phylum"] not in ("", "Arthropoda")
    ),
    "yale_plants": lambda o, _: o.programme.publisher == YALE and _is_no_plant(o),
}
"""The lookup groups; of the last one a sample by kingdom is taken."""


def expected(occurrences: Iterable[Occurrence], unusable: Iterable[Unusable]) -> dict[str, Any]:
    """Count rows, images and errors of a complete run with `config/config.yaml`."""
    collected = list(occurrences)
    photos = [photo for occurrence in collected for photo in occurrence.photos]
    rejected = Counter(row.reason for row in unusable)
    yale = _images_by("kingdom", collected, GROUPS["yale_plants"])
    sampled = {kingdom: round(images * YALE_SHARES.get(kingdom, 0)) for kingdom, images in yale.items()}
    lookup = {name: _images(collected, group) for name, group in GROUPS.items()}
    return {
        "input": {"rows": len(photos) + rejected.total(), "batched": len(photos), "rejected": _sorted(rejected)},
        "full_licenses": sum(_is_license_full(each, photo) for each in collected for photo in each.photos),
        "servers": {server: _outcome(server, photos) for server in SERVERS},
        "lookup": lookup | {"yale_plants": sum(sampled.values())},
        "yale_plants_by_kingdom": sampled,
        "museum_specimen_all_by_category": _images_by("category", collected, GROUPS["museum_specimen_all"]),
    }


def arrives(photo: Photo) -> bool:
    """Whether a downloader that tries again gets the photo."""
    return photo.fault not in ERROR_CODES


def _is_license_full(occurrence: Occurrence, photo: Photo) -> bool:
    return arrives(photo) and occurrence.programme.license != "" and photo.number % WITHOUT_TITLE_EVERY != 0


def _outcome(server: str, photos: Iterable[Photo]) -> dict[str, Any]:
    on_server = [photo for photo in photos if photo.server == server]
    errors = Counter(str(ERROR_CODES[photo.fault]) for photo in on_server if photo.fault in ERROR_CODES)
    return {
        "address": address(server),
        "rows": len(on_server),
        "successes": sum(map(arrives, on_server)),
        "errors": _sorted(errors),
    }


def _arrived(occurrence: Occurrence) -> int:
    return sum(map(arrives, occurrence.photos))


def _images(occurrences: Iterable[Occurrence], group: Group) -> int:
    return sum(_arrived(each) for each in occurrences if group(each, _arrived(each)))


def _images_by(field: str, occurrences: Iterable[Occurrence], group: Group) -> dict[str, int]:
    images = Counter[str]()
    for each in occurrences:
        if group(each, _arrived(each)):
            images[each.taxon[field]] += _arrived(each)
    return _sorted(images)


def _is_camera_trap(occurrence: Occurrence) -> bool:
    programme = occurrence.programme
    named = programme.event_remarks != ""
    return named or (programme.basis_of_record == MACHINE and programme.publisher == NATURE_RESEARCH)


def _is_no_plant(occurrence: Occurrence) -> bool:
    return occurrence.taxon["kingdom"] not in ("", "Plantae", UNPLACED)


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
