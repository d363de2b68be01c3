"""Folds for cross-validation that keep paraphrases of one sentence on the same side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer

_TOO_ALIKE = 0.6
_COMMON = 200
_ROWS_AT_ONCE = 1024


def near_duplicate_groups(texts: Sequence[str], alike: float = _TOO_ALIKE) -> npt.NDArray[np.intp]:
    """A group number for each text; texts whose n-grams are nearly the same share one."""
    common = max(_COMMON, len(texts) // 20)
    grams = TfidfVectorizer(analyzer="char", ngram_range=(2, 3), dtype=np.float32, max_df=common)
    rows = grams.fit_transform([f"^{text}$" for text in texts])
    columns = rows.T.tocsc()
    links: list[csr_matrix] = []
    for start in range(0, rows.shape[0], _ROWS_AT_ONCE):
        similar = rows[start : start + _ROWS_AT_ONCE] @ columns
        similar.data[similar.data < alike] = 0
        similar.eliminate_zeros()
        links.append(similar)
    return np.asarray(connected_components(_stacked(links), directed=False)[1])


def grouped_folds(
    labels: Sequence[str], groups: npt.NDArray[np.intp], folds: int
) -> npt.NDArray[np.intp]:
    """A fold number for each row: whole groups, each label spread as evenly as they allow."""
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(int(group), []).append(row)
    load = [Counter[str]() for _ in range(folds)]
    fold_of = np.zeros(len(labels), dtype=np.intp)
    for group in sorted(members, key=lambda one: (-len(members[one]), one)):
        rows = members[group]
        label = Counter(labels[row] for row in rows).most_common(1)[0][0]
        fold = min(range(folds), key=lambda one: (load[one][label], load[one].total()))
        for row in rows:
            fold_of[row] = fold
            load[fold][labels[row]] += 1
    return fold_of


def _stacked(blocks: list[csr_matrix]) -> csr_matrix:
    from scipy.sparse import vstack

    return vstack(blocks, format="csr")
