"""Sparse embeddings, held as what they are: a few tokens with their weights each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.errors import MissingExtraError


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseEmbeddings:
    """Embeddings of several texts in compressed rows: row n has `indices[starts[n]:starts[n + 1]]`, ascending.

    `len` is the number of texts, an index gives one of them as `(indices, values)`.
    """

    indices: NDArray[np.int32]
    """`(num_active,)`: which dimensions, or tokens of the vocabulary, are not zero."""
    values: NDArray[np.float32]
    """`(num_active,)`: their weights."""
    starts: NDArray[np.int64]
    """`(num_texts + 1,)`."""
    dimension: int

    @classmethod
    def from_dense(cls, dense: NDArray[np.float32], *, max_active_dims: int | None = None) -> SparseEmbeddings:
        """Of `(num_texts, dimension)`; at most `max_active_dims` of each text are kept, the largest."""
        if max_active_dims is not None and max_active_dims < dense.shape[1]:
            kept = np.argpartition(-dense, max_active_dims - 1, axis=1)[:, :max_active_dims]
            cut = np.zeros_like(dense)
            np.put_along_axis(cut, kept, np.take_along_axis(dense, kept, axis=1), axis=1)
            dense = cut
        rows, columns = np.nonzero(dense)
        starts = np.zeros(len(dense) + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=len(dense)), out=starts[1:])
        return cls(
            indices=columns.astype(np.int32), values=dense[rows, columns], starts=starts, dimension=dense.shape[1]
        )

    @classmethod
    def concatenate(cls, parts: Sequence[SparseEmbeddings], *, dimension: int) -> SparseEmbeddings:
        """Those of several pieces, one after the other."""
        sizes = np.cumsum([0, *(len(part.indices) for part in parts)])
        return cls(
            indices=np.concatenate([np.empty(0, np.int32), *(part.indices for part in parts)]),
            values=np.concatenate([np.empty(0, np.float32), *(part.values for part in parts)]),
            starts=np.concatenate(
                [np.zeros(1, np.int64), *(part.starts[1:] + size for part, size in zip(parts, sizes, strict=False))]
            ),
            dimension=dimension,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """`(num_texts, dimension)`."""
        return len(self), self.dimension

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        start, end = self.starts[range(len(self))[row]], self.starts[range(len(self))[row] + 1]
        return self.indices[start:end], self.values[start:end]

    def to_dense(self) -> NDArray[np.float32]:
        """`(num_texts, dimension)` float32."""
        dense = np.zeros(self.shape, np.float32)
        dense[np.repeat(np.arange(len(self)), np.diff(self.starts)), self.indices] = self.values
        return dense

    def to_scipy(self) -> Any:
        """A `scipy.sparse.csr_array`, without a copy. Raises MissingExtraError where SciPy is not installed."""
        try:
            from scipy.sparse import csr_array
        except ImportError:
            raise MissingExtraError("scipy", "profile", purpose="A SciPy array") from None
        return csr_array((self.values, self.indices, self.starts), shape=self.shape)

    def dot(self, other: SparseEmbeddings) -> NDArray[np.float32]:
        """All dot products with other ones: `(len(self), len(other))` float32; `other` is dense one text at a time."""
        products = np.empty((len(self), len(other)), np.float32)
        rows = np.repeat(np.arange(len(self)), np.diff(self.starts))
        query = np.zeros(self.dimension, np.float32)
        for column in range(len(other)):
            indices, values = other[column]
            query[indices] = values
            products[:, column] = np.bincount(rows, self.values * query[self.indices], minlength=len(self))
            query[indices] = 0
        return products
