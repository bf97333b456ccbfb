"""The taxonomic lists and the museum categories."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.tiny_shards import TAXONOMY
from treeline.errors import InputError
from treeline.extract.categories import UNCATEGORIZED, categorize, read_categories
from treeline.io.taxonomy import read_list

RULES = TAXONOMY / "museum_categories.yaml"
COLUMNS = ("kingdom", "phylum", "class", "order")


@pytest.mark.parametrize(("name", "length"), [("invertebrate_phyla", 29), ("microbial_phyla", 19), ("fish_orders", 50)])
def test_shipped_list_is_whole(name: str, length: int) -> None:
    assert len(read_list(TAXONOMY, name)) == length


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- Mollusca\n- Mollusca\n", "row 2: Mollusca is in the list twice"),
        ("- Mollusca\n- Arthropoda Bryozoa\n", "row 2"),
        ("- MolluscaArthropoda\n", "row 1"),
        ("- Mollusca\n- ' '\n", "row 2"),
        ("- Mollusca\n-\n", "row 2"),
        ("- Mollusca,\n", "row 1"),
        ("Mollusca\n", "expected a list"),
        ("[]\n", "expected a list"),
        ("a: [", "is not YAML"),
    ],
)
def test_list_with_a_slip_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "phyla.yaml").write_text(content)
    with pytest.raises(InputError, match=problem):
        read_list(tmp_path, "phyla")


@pytest.mark.parametrize(
    ("ranks", "category"),
    [
        (("Plantae", "Chordata", "Aves", None), "Plant"),
        ((None, "Ochrophyta", None, None), "Plant"),
        (("Fungi", "Arthropoda", "Insecta", None), "Fungi"),
        (("Chromista", "Oomycota", None, None), "Fungi"),
        (("Animalia", "Arthropoda", "Insecta", None), "Insect"),
        (("Animalia", "Arthropoda", "Arachnida", None), "Invertebrate Zoology"),
        (("Animalia", "Arthropoda", None, None), "Invertebrate Zoology"),
        (("Animalia", "Chordata", "Actinopterygii", "Perciformes"), "Vertebrate Zoology - Fishes"),
        (("Animalia", "Mollusca", None, "Perciformes"), "Invertebrate Zoology"),
        (("Animalia", "Chordata", "Amphibia", "Anura"), "Vertebrate Zoology - Amphibians"),
        (("Animalia", "Chordata", "Reptilia", None), "Vertebrate Zoology - Reptiles"),
        (("Animalia", "Chordata", "Aves", None), "Vertebrate Zoology - Birds"),
        (("Animalia", "Chordata", "Mammalia", None), "Vertebrate Zoology - Mammals"),
        (("Animalia", "Chordata", None, None), "Vertebrate Zoology - Others"),
        (("Bacteria", "Firmicutes_C", None, None), "Microbiology"),
        (("Animalia", None, "Aves", None), UNCATEGORIZED),
        ((None, None, None, None), UNCATEGORIZED),
    ],
)
def test_first_matching_category_wins(ranks: tuple[str | None, ...], category: str) -> None:
    categories = read_categories(RULES)
    table = pa.table({name: pa.array([rank], pa.string()) for name, rank in zip(COLUMNS, ranks, strict=True)})
    [number] = categorize(table, categories)
    assert [*(each.name for each in categories), UNCATEGORIZED][number] == category


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- {category: A, any: [{kingdom: [X, X]}]}", "twice"),
        ("- {category: A, any: [{kingdom: ['']}]}", "blank"),
        ("- {category: A, any: [{kingdom: []}]}", "at least 1 item"),
        ("- {category: A, any: []}", "at least 1 item"),
        ("- {category: ../A, any: [{kingdom: [X]}]}", "pattern"),
        ("- {category: A, all: [{kingdom: [X]}]}", "not permitted"),
        ("- {category: A, any: [{kingdom: absent}]}", "no such list"),
        ("[{category: A, any: [{a: [X]}]}, {category: A, any: [{a: [X]}]}]", "twice"),
        ("- {category: Uncategorized, any: [{a: [X]}]}", "twice"),
    ],
)
def test_refused_categories(tmp_path: Path, content: str, problem: str) -> None:
    rules = tmp_path / "categories.yaml"
    rules.write_text(content)
    with pytest.raises(InputError, match=problem):
        read_categories(rules)
