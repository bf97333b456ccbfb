"""Drop the images that look like an earlier one, by their perceptual hashes (PDQ)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from treeline.config_values import Block
from treeline.datasets.steps import Outcome

if TYPE_CHECKING:
    from treeline.io.datasets.metadata import Metadata


class Options(Block):
    """How alike images have to be."""

    most_bits: int = Field(31, ge=0, le=31)
    """Most of 256 bits in which the hashes differ."""
    least_quality: int = Field(50, ge=0, le=100)
    """Images of a lower quality, in which there is little to be seen, are neither dropped nor compared with."""


def apply(metadata: Metadata, options: Options, folder: Path) -> Outcome:
    """Keep the first of images that look alike."""
    import numpy as np
    import pyarrow as pa

    from treeline.io.hamming import as_words, first_alike

    additional = metadata.tables["additional"]
    compared = additional[(additional["pdq"] != "") & (additional["pdq_quality"] >= options.least_quality)]
    if compared.empty:
        return Outcome(metadata)
    hashes = pa.chunked_array([pa.array([bytes.fromhex(text) for text in compared["pdq"]])])
    main, bits = first_alike(as_words(hashes), options.most_bits)
    ids, names = compared["id"].to_numpy(), metadata.index.set_index("id")["image_path"]
    return Outcome(
        metadata,
        {
            int(ids[place]): f"looks like {names[ids[main[place]]]}: {bits[place]} of 256 bits differ"
            for place in np.flatnonzero(main != np.arange(len(main)))
        },
    )
