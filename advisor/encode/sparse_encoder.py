"""The object that production holds for a sparse encoder: Sentence Transformers' `SparseEncoder`, over any runtime."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from advisor.encode.backend import EncodeOptions
from advisor.encode.graph import GraphBackend
from advisor.encode.opened import Opened, positive, with_prompt
from advisor.encode.similarity import check_widths, similarity
from advisor.encode.sparse import SparseEmbeddings
from advisor.encode.texts import checked_all, either
from advisor.encode.tokenize import load_tokenizer
from advisor.errors import InputError


class SparseEncoder(Opened):
    """Embeds texts as weights of tokens. Made by `load` or `open_model`; see `Opened` for its life."""

    @property
    def embedding_dimension(self) -> int | None:
        """The size of the vocabulary; None where no configuration says it."""
        return self._pipeline.embedding_dimension

    def encode(
        self,
        inputs: str | Iterable[str] | None = None,
        *,
        sentences: str | Iterable[str] | None = None,
        batch_size: int | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        max_active_dims: int | None = None,
        show_progress_bar: bool = False,
    ) -> SparseEmbeddings:
        """Embed texts; a single string is one row.

        The arguments are those of Sentence Transformers, and `sentences` is their older name for `inputs`. At most
        `max_active_dims` weights of each text are kept, the largest; None is the model's own limit. Raises InputError
        where a text is not a string, a prompt name is unknown, or a number is out of range.
        """
        most = positive("max_active_dims", max_active_dims) or self._pipeline.max_active_dims
        options = EncodeOptions(
            prompt=self._resolve_prompt(prompt, prompt_name), batch_size=positive("batch_size", batch_size)
        )
        given = either(inputs, sentences)
        texts = checked_all([given] if isinstance(given, str) else given)
        pieces = self._embed(texts, options, show_progress_bar=show_progress_bar)
        found = [SparseEmbeddings.from_dense(piece, max_active_dims=most) for piece in pieces]
        dimension = found[0].dimension if found else self.embedding_dimension or 0
        return found[0] if len(found) == 1 else SparseEmbeddings.concatenate(found, dimension=dimension)

    encode_query = with_prompt("query", encode)
    encode_document = with_prompt("document", encode)

    def similarity(self, a: SparseEmbeddings, b: SparseEmbeddings) -> NDArray[np.float32]:
        """All similarities, by the model's own function: `(len(a), len(b))` float32.

        Raises InputError for what is not sparse, or not of one model.
        """
        _check_sparse(a, b)
        check_widths(a.dimension, b.dimension)
        if self._pipeline.similarity == "dot":
            return a.dot(b)
        return similarity(self._pipeline.similarity, a.to_dense(), b.to_dense())

    def decode(self, embeddings: SparseEmbeddings, *, top_k: int | None = None) -> list[list[tuple[str, float]]]:
        """Each text's tokens with their weights, the largest first; at most `top_k` of them."""
        top_k = positive("top_k", top_k)
        backend = self.backend
        raw = backend.tokenizer.raw if isinstance(backend, GraphBackend) else load_tokenizer(self._pipeline.tokenizer)
        decoded = []
        for row in range(len(embeddings)):
            indices, values = embeddings[row]
            order: Sequence[int] = np.argsort(-values, kind="stable")[:top_k].tolist()
            decoded.append([(raw.id_to_token(int(indices[each])) or "", float(values[each])) for each in order])
        return decoded


def _check_sparse(*given: object) -> None:
    for each in given:
        if not isinstance(each, SparseEmbeddings):
            raise InputError(f"similarity takes SparseEmbeddings, as encode gives them, not a {type(each).__name__}.")
