"""The embedder that needs no model from outside: a space fitted to the documents themselves.

Belongs here: fitting it, placing texts in it, its numbers as arrays. Stays out: files
(assets/io/index.py), which passages need a vector (renewal.py).
Words are kept as numbers of buckets only, so that no word of a document that is withdrawn can be
read in what was fitted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from assay.contracts.errors import ActionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "assay/latent-semantic"
_BUCKETS = 2**20
_STEPS = 7
# passages that a space is fitted on, spread evenly over all: more tell little more of which words
# go together
_MOST = 50_000


@dataclass(frozen=True)
class Space:
    """What was fitted: `buckets` (f,) int32 sorted, `weights` (f,) float32 the rarity of each,
    `axes` (f, d) float16. `passages` were fitted on.
    """

    buckets: NDArray[Any]
    weights: NDArray[Any]
    axes: NDArray[Any]
    passages: int

    name: ClassVar[str] = NAME

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return int(self.axes.shape[1])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all its numbers."""
        import numpy as np

        found = hashlib.sha256(f"{NAME} {self.axes.shape} {self.passages}".encode())
        for array in (self.buckets, self.weights, self.axes):
            found.update(np.ascontiguousarray(array).data)  # a copy only where it does not lie so
        return found.hexdigest()

    def embed(self, words: Sequence[str]) -> NDArray[Any]:
        """(n, dimensions) float32, each row of length 1, or 0 where no word of it was fitted.

        A text's vector does not depend on the others.
        """
        import numpy as np
        from sklearn.preprocessing import normalize

        weighed = _weighed(columns_of(_term_counts(words), self.buckets), self.weights)
        used = np.unique(weighed.indices)  # of few texts these are few
        return np.asarray(
            normalize(weighed[:, used] @ self.axes[used].astype(np.float32)), dtype=np.float32
        )

    def of_passages(self, texts: Sequence[str], words: Sequence[str]) -> NDArray[Any]:  # noqa: ARG002  # an embedder is given both
        """The passages in the space."""
        return self.embed(words)

    def of_question(self, text: str, words: str) -> NDArray[Any]:  # noqa: ARG002  # as above
        """(dimensions,): a question in the space."""
        vector: NDArray[Any] = self.embed([words])[0]
        return vector


def fit(words: Sequence[str], *, dimensions: int, seed: int) -> Space:
    """Fit a space: stems and pairs of stems that are in two texts or more, log counts by rarity,
    on the directions in which the texts differ most.

    Args: words: (n,) the stems of each text.

    Returns: a space of `dimensions`; where the texts span fewer directions, the rest of each vector
    is 0.
    Raises: ActionError: there is too little text to distinguish directions.
    Source: Deerwester et al. (1990), Indexing by latent semantic analysis, JASIS 41(6); Halko et
    al. (2011), Finding structure with randomness, SIAM Review 53(2).
    """
    import numpy as np
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    words = words[:: max(1, -(-len(words) // _MOST))]
    counts = _term_counts(words or [""])
    appear = np.bincount(counts.indices, minlength=_BUCKETS)
    least = 2 if len(words) > 50 else 1  # in few texts nearly every word occurs once
    buckets = np.flatnonzero(appear >= least).astype(np.int32)
    most = min(len(words), len(buckets)) - 1
    if most < 1:
        raise ActionError(
            f"{len(words)} passage(s) with {len(buckets)} different term(s) are too few to compute vectors from",
            "Publish more text",
        )
    weights = (np.log((1 + len(words)) / (1 + appear[buckets])) + 1).astype(np.float32)
    weighed = _weighed(counts[:, buckets], weights)
    with threadpool_limits(
        1
    ):  # the same numbers on any count of cores, and several times faster where others use them too
        _, _, directions = randomized_svd(
            weighed,
            min(dimensions, most),
            n_iter=_STEPS,
            power_iteration_normalizer="QR",
            random_state=seed,
        )
    axes = np.zeros((len(buckets), dimensions), dtype=np.float16)
    axes[:, : directions.shape[0]] = directions.T
    return Space(buckets, weights, axes, len(words))


def columns_of(counts: Any, buckets: NDArray[Any]) -> Any:
    """Take some columns of a sparse matrix of few rows.

    scipy's own `counts[:, buckets]` fills an array of all columns, a million for one question.

    Args: counts: (n, buckets) in CSR form. buckets: (f,) numbers of columns, sorted.
    Returns: (n, f) in CSR form.
    """
    import numpy as np

    places = np.searchsorted(buckets, counts.indices)
    is_taken = np.append(buckets, -1)[places] == counts.indices
    taken_before = np.append(0, np.cumsum(is_taken))
    return type(counts)(
        (counts.data[is_taken], places[is_taken], taken_before[counts.indptr]),
        shape=(counts.shape[0], len(buckets)),
    )


def _weighed(counts: Any, weights: NDArray[Any]) -> Any:
    """Log counts by rarity, each row of length 1."""
    import numpy as np
    from scipy.sparse import diags_array
    from sklearn.preprocessing import normalize

    weighted = counts.astype(np.float32)
    weighted.data = 1 + np.log(weighted.data)
    return normalize(weighted @ diags_array(weights))


def _term_counts(words: Sequence[str]) -> Any:
    """(n, buckets) sparse: how often stems and pairs of neighbouring stems are in each text."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        n_features=_BUCKETS, analyzer=_terms, norm=None, alternate_sign=False
    ).transform(words)


def _terms(words: str) -> list[str]:
    found = words.split()
    return [*found, *map(" ".join, pairwise(found))]
