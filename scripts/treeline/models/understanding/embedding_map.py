"""A map of the embeddings: images that the model takes for alike lie together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from treeline.models.understanding.sampling import draw
from treeline.models.understanding.subject import Subject

MOST_POINTS = 2000
"""Images of the map, drawn by their ids: for so many, t-SNE takes 12 seconds."""
REDUCED = 50
"""Principal components that t-SNE is given, as van der Maaten and Hinton have it."""
PERPLEXITY = 30.0
LEAST_POINTS = 5
"""Images of which t-SNE makes a map."""
SEED = 0

PCA, TSNE = "pca", "tsne"


def embedding_map(subject: Subject) -> tuple[pd.DataFrame, list[float]]:
    """Place at most 2,000 images on two maps, by scikit-learn.

    `pca_x` and `pca_y` are the first two principal components (their signs are such that the largest loading is
    positive); `tsne_x` and `tsne_y` are t-SNE's: van der Maaten and Hinton (2008), `Visualizing Data using t-SNE`,
    JMLR 9, 2579-2605, of the first 50 components, from those of the PCA, with a fixed seed. They are NaN where there
    are fewer than 5 images.

    Returns:
        A row an image: `place` in `subject.rows`, `id`, the coordinates; and the shares of the variance that the two
        components explain. No row where fewer than two images have an embedding that differs.
    """
    from sklearn import decomposition

    places, vectors = draw(subject, MOST_POINTS)
    columns = ["place", "id", f"{PCA}_x", f"{PCA}_y", f"{TSNE}_x", f"{TSNE}_y"]
    if len(places) < 2 or not np.ptp(vectors, axis=0).any():
        return pd.DataFrame(columns=columns), []
    components = decomposition.PCA(n_components=min(REDUCED, *vectors.shape), svd_solver="full")
    reduced = components.fit_transform(vectors.astype(np.float64))
    flat = np.zeros((len(places), 2))
    flat[:, : reduced.shape[1]] = reduced[:, :2]
    near = _tsne(reduced, flat) if len(places) >= LEAST_POINTS else np.full(flat.shape, np.nan)
    ids = subject.rows["id"].to_numpy(np.int64)[places]
    table = pd.DataFrame(dict(zip(columns, (places, ids, *flat.T, *near.T), strict=True)))
    return table, components.explained_variance_ratio_[:2].tolist()


def _tsne(reduced: np.ndarray, start: np.ndarray) -> np.ndarray:
    from sklearn import manifold

    spread = start[:, 0].std() or 1.0
    return np.asarray(
        manifold.TSNE(
            perplexity=min(PERPLEXITY, (len(reduced) - 1) / 3),
            # As scikit-learn's own `init="pca"`, which would compute them a second time.
            init=(1e-4 * start / spread).astype(np.float32),
            random_state=SEED,
        ).fit_transform(reduced.astype(np.float32)),
        np.float64,
    )
