"""Who collected the example's images: each programme gives its occurrences the fields that a lookup group asks for."""

from __future__ import annotations

from dataclasses import dataclass

CC_BY = "http://creativecommons.org/licenses/by/4.0/legalcode"
CC0 = "http://creativecommons.org/publicdomain/zero/1.0/legalcode"


@dataclass(frozen=True)
class Programme:
    """Occurrences of one kind, and the server that holds their images.

    Attributes:
        taxa: The programme's rows in `taxa.csv`, dealt to its occurrences in turn.
        server: Name of the example server (`collection.SERVERS`).
        occurrences: How many.
        images_each: Images of an occurrence.
        publisher: As in GBIF.
        basis_of_record: As in GBIF.
        license: URL, or empty: the images' licence is then not full.
        event_remarks: Where camera-trap programmes name themselves.
        taxon_remarks: Where Questagame and Yale name their groups.
        camera: Occurrences are bursts of a camera: EXIF times some seconds apart.
    """

    taxa: str
    server: str
    occurrences: int
    images_each: int
    publisher: str
    basis_of_record: str
    license: str = CC_BY
    event_remarks: str = ""
    taxon_remarks: str = ""
    camera: bool = False


MUSEUM = "Natural History Museum Example"
YALE = "Yale University Peabody Museum"
QUESTAGAME = "Questagame"
INATURALIST = "iNaturalist.org"
NATURE_RESEARCH = "Norwegian Institute for Nature Research"

PRESERVED = "PRESERVED_SPECIMEN"
FOSSIL = "FOSSIL_SPECIMEN"
LIVING = "LIVING_SPECIMEN"
SAMPLE = "MATERIAL_SAMPLE"
HUMAN = "HUMAN_OBSERVATION"
MACHINE = "MACHINE_OBSERVATION"

BIRDS = "Birds"
PLANTS = "Plants that flower"
MOTHS = "Insects - Butterflies and Moths"
YALE_PLANTS = "Animals and Plants: Plants"

TRAP = "camera trap, 3 images a trigger"
SENSITIVITY = "Trigger Sensitivity: High"

PROGRAMMES = (
    Programme("herbarium", "fast", 8, 1, MUSEUM, PRESERVED, CC0),
    Programme("fungarium", "fast", 6, 2, MUSEUM, PRESERVED),
    Programme("entomology", "fast", 12, 2, MUSEUM, PRESERVED),
    Programme("invertebrates", "fast", 6, 2, MUSEUM, SAMPLE, license=""),
    Programme("fossils", "fast", 4, 3, MUSEUM, FOSSIL),
    Programme("ichthyology", "fast", 6, 2, MUSEUM, PRESERVED),
    Programme("herpetology", "fast", 8, 1, MUSEUM, PRESERVED),
    Programme("ornithology", "fast", 4, 2, MUSEUM, PRESERVED),
    Programme("mammalogy", "fast", 4, 2, MUSEUM, PRESERVED, license=""),
    Programme("tunicates", "fast", 2, 2, MUSEUM, PRESERVED),
    Programme("cultures", "fast", 4, 2, MUSEUM, LIVING),
    Programme("unplaced", "fast", 4, 1, MUSEUM, PRESERVED),
    Programme("citizen science", "mixed", 16, 1, INATURALIST, HUMAN),
    Programme("citizen science fish", "mixed", 12, 1, INATURALIST, HUMAN, license=""),
    Programme("questagame birds", "mixed", 12, 1, QUESTAGAME, HUMAN, taxon_remarks=BIRDS),
    Programme("questagame plants", "mixed", 12, 1, QUESTAGAME, HUMAN, taxon_remarks=PLANTS),
    Programme("questagame moths", "mixed", 12, 1, QUESTAGAME, HUMAN, taxon_remarks=MOTHS),
    Programme("yale plants", "slow", 36, 1, YALE, PRESERVED, CC0, taxon_remarks=YALE_PLANTS),
    Programme("private", "slow", 4, 2, "Private collector", HUMAN, license=""),
    Programme("camera trap", "limited", 8, 3, MUSEUM, MACHINE, event_remarks=TRAP, camera=True),
    Programme("camera trap", "limited", 4, 3, MUSEUM, HUMAN, event_remarks=SENSITIVITY, camera=True),
    Programme("camera trap", "limited", 2, 4, NATURE_RESEARCH, MACHINE, camera=True),
    Programme("camera trap", "limited", 4, 1, MUSEUM, MACHINE, event_remarks=TRAP, camera=True),
    Programme("citizen science", "broken", 20, 1, INATURALIST, HUMAN),
    Programme("entomology", "broken", 12, 2, MUSEUM, PRESERVED),
)
