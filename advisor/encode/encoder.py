"""The object that production holds: Sentence Transformers' `encode`, over any runtime."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.encode.backend import EncodeOptions
from advisor.encode.opened import Opened, positive, with_prompt
from advisor.encode.similarity import similarity
from advisor.encode.texts import checked_all, checked_one_by_one, either
from advisor.errors import InputError


class Encoder(Opened):
    """Embeds texts. Made by `load` or `open_encoder`; see `Opened` for its life."""

    @property
    def embedding_dimension(self) -> int:
        """The length of an embedding."""
        return self._width(self._pipeline.truncate_dim)

    def encode(
        self,
        inputs: str | Iterable[str] | None = None,
        *,
        sentences: str | Iterable[str] | None = None,
        batch_size: int | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        show_progress_bar: bool = False,
        out: str | os.PathLike[str] | None = None,
    ) -> NDArray[np.float32]:
        """Embed texts: `(num_texts, embedding_dimension)` float32, or `(embedding_dimension,)` for a single string.

        The arguments are those of Sentence Transformers, and `sentences` is their older name for `inputs`.
        `batch_size` is an upper bound of texts in a batch (batches are cut by tokens anyway). With `show_progress_bar`
        a bar is drawn on stderr.

        `inputs` may be any iterable; a generator is read as it is needed. With `out`, the embeddings are written to
        that .npy file as they are made, and are given back as a memory map of it, in which a single string is one row:
        ten million texts from a generator then need no more memory than ten thousand. The file appears under its name
        once it is whole.

        Raises InputError where a text is not a string, a prompt name is unknown, a number is out of range, or the file
        cannot be written.
        """
        truncate_dim = positive("truncate_dim", truncate_dim)
        options = EncodeOptions(
            prompt=self._resolve_prompt(prompt, prompt_name),
            batch_size=positive("batch_size", batch_size),
            truncate_dim=truncate_dim if truncate_dim is not None else self._pipeline.truncate_dim,
            normalize=normalize_embeddings,
        )
        given = either(inputs, sentences)
        single = isinstance(given, str)
        texts = [given] if isinstance(given, str) else _checked(given)
        pieces = self._embed(texts, options, show_progress_bar=show_progress_bar)
        if out is not None:
            return self._write(pieces, _path(out), truncate_dim=options.truncate_dim)
        found = list(pieces)
        if not found:
            return self._no_rows(options.truncate_dim)
        embeddings = found[0] if len(found) == 1 else np.concatenate(found)
        return embeddings[0] if single else embeddings

    encode_query = with_prompt("query", encode)
    encode_document = with_prompt("document", encode)

    def similarity(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
        """All similarities between two sets of embeddings, by the model's own function: `(num_a, num_b)` float32."""
        return similarity(self._pipeline.similarity, a, b)

    def _write(
        self, pieces: Iterator[NDArray[np.float32]], path: Path, *, truncate_dim: int | None
    ) -> NDArray[np.float32]:
        from advisor.encode.npy import NpyWriter

        if path.is_dir() or not path.parent.is_dir():
            raise InputError(
                f"The embeddings cannot be written to {str(path)!r}: "
                f"{'it is a folder' if path.is_dir() else f'there is no folder {str(path.parent)!r}'}."
            )
        with NpyWriter(path) as npy:
            for piece in pieces:
                npy.append(piece)
            if npy.num_rows == 0:
                npy.append(self._no_rows(truncate_dim))
        written: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
        return written

    def _no_rows(self, truncate_dim: int | None) -> NDArray[np.float32]:
        return np.empty((0, self._width(truncate_dim)), np.float32)

    def _width(self, truncate_dim: int | None) -> int:
        """The length of an embedding that is cut there."""
        return self._full_width if truncate_dim is None else min(self._full_width, truncate_dim)

    @cached_property
    def _full_width(self) -> int:
        """Before it is cut; the graph is asked where no configuration says it."""
        return self._pipeline.output_dimension or self.encode("a", truncate_dim=sys.maxsize).shape[0]


def _checked(given: Iterable[str]) -> Iterable[str]:
    if isinstance(given, Iterator):
        return checked_one_by_one(given)
    return checked_all(given)


def _path(out: str | os.PathLike[str]) -> Path:
    try:
        return Path(out)
    except TypeError:
        raise InputError(
            f"out is the path of a .npy file to write, not a {type(out).__name__}.",
            hint="Without it, encode gives the embeddings as an array.",
        ) from None
