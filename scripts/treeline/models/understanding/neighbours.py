"""What the embeddings say of the images: which are almost the same, and whose label their neighbours do not share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.models.understanding.sampling import draw
from treeline.models.understanding.subject import Subject

MOST_IMAGES = 10_000
"""Images whose neighbours are looked for, drawn by their ids: the time grows with the square of their number."""

MEGABYTES = 64
"""Of the distances that are held at once."""

NEIGHBOURS = 10
LEAST_SIMILARITY = 0.99
"""Cosine from which two images may be the same."""
MOST_PAIRS = 1000
LEAST_AGREEMENT = 0.5
"""Share of the neighbours that have an image's label, below which it may be wrong."""


class Neighbours(NamedTuple):
    """The nearest images of some, by the cosine of their embeddings.

    Args:
        places: Of the images in `subject.rows`: N.
        nearest: Places in `places` of the neighbours of each, nearest first: N x neighbours.
        similarity: Cosine with each: N x neighbours.
    """

    places: npt.NDArray[np.int64]
    nearest: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]


def find_neighbours(subject: Subject) -> Neighbours:
    """Find the ten nearest images of at most 10,000, exactly; fewer where there are fewer."""
    from sklearn import config_context
    from sklearn.neighbors import NearestNeighbors

    places, vectors = draw(subject, MOST_IMAGES)
    count = min(NEIGHBOURS, len(places) - 1)
    if count == 0:
        return Neighbours(places, np.zeros((len(places), 0), np.int64), np.zeros((len(places), 0)))
    search = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute").fit(vectors)
    with config_context(working_memory=MEGABYTES):
        distances, nearest = search.kneighbors()
    return Neighbours(places, nearest.astype(np.int64), 1 - distances.astype(np.float64))


def near_duplicates(subject: Subject, neighbours: Neighbours) -> pd.DataFrame:
    """Pairs of an image and its nearest one with a cosine of at least 0.99, nearest first, at most 1,000.

    Columns: `first` and `second`, ids; `first_path`, `second_path`; `similarity`; `same_file`, whether their bytes are.
    """
    # The nearest alone: a model that learns its classes well brings whole classes within that cosine.
    rows, columns = np.nonzero(neighbours.similarity[:, :1] >= LEAST_SIMILARITY)
    ids, paths = (subject.rows[name].to_numpy()[neighbours.places] for name in ("id", "image_path"))
    index = subject.metadata.index.set_index("id").reindex(ids)
    hashes = index["sha256"].to_numpy() if "sha256" in index else np.full(len(ids), "")
    others = neighbours.nearest[rows, columns]
    first, second = np.minimum(rows, others), np.maximum(rows, others)
    pairs = pd.DataFrame(
        {
            "first": ids[first],
            "second": ids[second],
            "first_path": paths[first],
            "second_path": paths[second],
            # Rounding makes it a little more than 1.
            "similarity": np.minimum(neighbours.similarity[rows, columns], 1.0),
            "same_file": (hashes[first] == hashes[second]) & (hashes[first] != ""),
        }
    ).drop_duplicates(["first", "second"])
    pairs["similarity"] = pairs["similarity"].round(6)
    order = pairs.sort_values(["similarity", "first", "second"], ascending=[False, True, True])
    return order.head(MOST_PAIRS).reset_index(drop=True)


def label_errors(subject: Subject, neighbours: Neighbours) -> pd.DataFrame:
    """Images whose label may be wrong, the least likely label first; of a multiclass task.

    Two say so: the model, which gives another class a probability of at least the mean one that the images of that
    class have for theirs (confident learning: Northcutt, Jiang and Chuang (2021), JAIR 70, 1373-1411, where that class
    is the predicted one); and the embedding, as fewer than half of the ten nearest images have the label.

    Columns: `id`, `image_path`, `label`, `suggested`, `probability_of_label`, `confidence` of the suggested class,
    `agreement`, the share of the neighbours that have the label.
    """
    rows = subject.rows
    usual = rows.groupby("label_idx")["probability_of_label"].mean().reindex(range(len(subject.class_names)))
    drawn = rows.iloc[neighbours.places].reset_index(drop=True)
    labels = drawn["label_idx"].to_numpy(np.int64)
    predicted = drawn["predicted_idx"].to_numpy(np.int64)
    agreement = (
        (labels[neighbours.nearest] == labels[:, None]).mean(1) if neighbours.nearest.size else np.ones(len(labels))
    )
    is_confident = drawn["confidence"].to_numpy() >= usual.fillna(np.inf).to_numpy()[predicted]
    names = np.array(subject.class_names, dtype=object)
    table = drawn.assign(label=names[labels], suggested=names[predicted], agreement=agreement)
    table = table[(labels != predicted) & is_confident & (agreement < LEAST_AGREEMENT)]
    columns = ["id", "image_path", "label", "suggested", "probability_of_label", "confidence", "agreement"]
    ordered: pd.DataFrame = table.sort_values(["probability_of_label", "id"])[columns]
    return ordered.reset_index(drop=True)
