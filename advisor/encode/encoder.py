"""The object that production holds: Sentence Transformers' `encode`, over any runtime."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.encode.backend import Backend, EncodeOptions
from advisor.encode.pipeline import Pipeline
from advisor.encode.similarity import similarity
from advisor.errors import InputError
from advisor.types import RuntimeSettings


class Encoder:
    """Embeds texts. Made by `load` or `open_encoder`; usable from several threads; a context manager.

    `settings` are the ones in use, with every default filled in.
    """

    def __init__(self, pipeline: Pipeline, backend: Backend, settings: RuntimeSettings) -> None:
        self._pipeline = pipeline
        self._backend: Backend | None = backend
        self.settings = settings
        self._dimension = pipeline.embedding_dimension

    @property
    def embedding_dimension(self) -> int:
        """The length of an embedding."""
        if self._dimension is None:  # no configuration says it: ask the graph once
            self._dimension = self.encode("a").shape[0]
        return self._dimension

    @property
    def max_seq_length(self) -> int | None:
        """The longest text in tokens, special ones included; longer ones are cut. None without a limit."""
        return self._pipeline.max_seq_length

    @property
    def prompts(self) -> dict[str, str]:
        """The model's prompts by name."""
        return dict(self._pipeline.prompts)

    def encode(
        self,
        sentences: str | Sequence[str],
        *,
        batch_size: int | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        show_progress_bar: bool = False,
    ) -> NDArray[np.float32]:
        """Embed texts: `(num_texts, embedding_dimension)` float32, or `(embedding_dimension,)` for a single string.

        The arguments are those of Sentence Transformers. `batch_size` is an upper bound of texts in a batch (batches
        are cut by tokens anyway); `show_progress_bar` is accepted and has no effect.

        Raises InputError where a text is not a string, a prompt name is unknown, or a number is out of range.
        """
        single = isinstance(sentences, str)
        texts = [sentences] if isinstance(sentences, str) else _check_texts(sentences)
        if self._backend is None:
            raise InputError("The encoder is closed.", hint="Load it again.")
        _check_positive("batch_size", batch_size)
        _check_positive("truncate_dim", truncate_dim)
        options = EncodeOptions(
            prompt=self._resolve_prompt(prompt, prompt_name),
            batch_size=batch_size,
            truncate_dim=truncate_dim if truncate_dim is not None else self._pipeline.truncate_dim,
            normalize=normalize_embeddings,
        )
        if not texts:
            dimension = self.embedding_dimension
            return np.empty((0, dimension if truncate_dim is None else min(dimension, truncate_dim)), np.float32)
        try:
            embeddings = self._backend.embed(texts, options)
        except (UnicodeEncodeError, TypeError):  # what tokenizers raises for a lone surrogate
            _check_unicode(texts, options.prompt)
            raise
        return embeddings[0] if single else embeddings

    def encode_query(
        self,
        sentences: str | Sequence[str],
        *,
        batch_size: int | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        show_progress_bar: bool = False,
    ) -> NDArray[np.float32]:
        """`encode` with the model's prompt for queries, unless another one is named."""
        if prompt is None and prompt_name is None:
            prompt_name = "query"
        return self.encode(
            sentences,
            batch_size=batch_size,
            prompt=prompt,
            prompt_name=prompt_name,
            normalize_embeddings=normalize_embeddings,
            truncate_dim=truncate_dim,
            show_progress_bar=show_progress_bar,
        )

    def encode_document(
        self,
        sentences: str | Sequence[str],
        *,
        batch_size: int | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        show_progress_bar: bool = False,
    ) -> NDArray[np.float32]:
        """`encode` with the model's prompt for documents, unless another one is named."""
        if prompt is None and prompt_name is None:
            prompt_name = "document"
        return self.encode(
            sentences,
            batch_size=batch_size,
            prompt=prompt,
            prompt_name=prompt_name,
            normalize_embeddings=normalize_embeddings,
            truncate_dim=truncate_dim,
            show_progress_bar=show_progress_bar,
        )

    def similarity(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
        """All similarities between two sets of embeddings, by the model's own function: `(num_a, num_b)` float32."""
        return similarity(self._pipeline.similarity, a, b)

    def close(self) -> None:
        """Give the model's memory and threads back. Safe to call twice."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None

    def __enter__(self) -> Encoder:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _resolve_prompt(self, prompt: str | None, prompt_name: str | None) -> str:
        """The prompt, as Sentence Transformers chooses it: the text, else the name, else the model's default."""
        if prompt is not None:
            return prompt
        name = prompt_name if prompt_name is not None else self._pipeline.default_prompt_name
        if name is None:
            return ""
        if name not in self._pipeline.prompts:
            raise InputError(
                f"The model has no prompt named {name!r}.", hint=f"It has: {', '.join(self._pipeline.prompts)}."
            )
        return self._pipeline.prompts[name]


def _check_texts(sentences: Sequence[str]) -> list[str]:
    try:
        texts = list(sentences)
    except TypeError:
        raise InputError(f"encode takes a string or a sequence of strings, not {_kind(sentences)}.") from None
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"Text {index} is {_kind(text)}, not a string.",
                hint="Replace missing values by empty strings, or leave them out.",
            )
    return texts


def _check_positive(name: str, value: int | None) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InputError(f"{name} must be a positive whole number, not {value!r}.")


def _kind(value: object) -> str:
    return f"a {type(value).__name__} ({value!r:.40})"


def _check_unicode(texts: list[str], prompt: str) -> None:
    named = [("The prompt", prompt), *((f"Text {index}", text) for index, text in enumerate(texts))]
    for name, text in named:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"{name} holds half of a surrogate pair at position {error.start}, which is not valid Unicode.",
                hint="Decode the source with errors='replace'.",
            ) from None
