"""Some images of many, drawn by their ids: the same ones however the dataset is ordered."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from treeline.io.sampling import choose_images
from treeline.models.understanding.subject import Subject

Vectors = npt.NDArray[np.float32]


def draw(subject: Subject, most: int) -> tuple[npt.NDArray[np.int64], Vectors]:
    """Draw images that have an embedding.

    Args:
        subject: What was evaluated.
        most: Images that are drawn; all, where there are no more.

    Returns:
        Their places in `subject.rows`, ascending, and their embeddings: images x dimensions. Images whose embedding
        holds what is no number are left out.
    """
    ids = subject.rows["id"].to_numpy(np.int64)
    chosen = subject.rows["id"].isin(choose_images(ids, most)).to_numpy()
    places, vectors = [], []
    for of_file, of_rows, of_chunk in subject.chunks():
        wanted = chosen[of_rows]
        found = subject.evaluation.embeddings(of_file)[of_chunk[wanted]]
        is_number = np.isfinite(found).all(axis=1)
        places.append(np.arange(of_rows.start, of_rows.stop)[wanted][is_number])
        vectors.append(found[is_number])
    return np.concatenate(places), np.concatenate(vectors)
