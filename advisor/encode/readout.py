"""What a graph gives -> what the model gives of each text: one class for each kind of model."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.encode.pipeline import Embeddings, Head, Scores, Splade
from advisor.encode.pooling import Floats, load_stages, pool
from advisor.encode.session import SCORES, TOKEN_EMBEDDINGS, TOKEN_LOGITS, GraphOutput
from advisor.encode.tokenize import Inputs
from advisor.encode.windows import SPARSE_TEXTS_AT_ONCE


class Readout(Protocol):
    """The part of a model after its transformer."""

    output: GraphOutput
    """What it needs of the graph."""
    include_prompt: bool = True
    """Whether the prompt's tokens count."""
    pairs: bool = False
    """Whether a text is a pair (`advisor.pairs`)."""
    texts_at_once: int | None = None
    """So many texts' rows are held together at most; None for as many as a window has."""

    def __call__(self, output: Floats, inputs: Inputs, *, prompt_length: int) -> Floats:
        """The graph's output of a batch -> `(batch, width)`; `prompt_length` tokens of each are left out."""


class EmbeddingReadout(Readout):
    """Pooling and what follows it."""

    output = TOKEN_EMBEDDINGS

    def __init__(self, head: Embeddings) -> None:
        self._pooling = head.pooling
        self._stages = load_stages(head.stages)
        self.include_prompt = head.pooling.include_prompt

    def __call__(self, output: Floats, inputs: Inputs, *, prompt_length: int) -> Floats:
        """`(batch, tokens, hidden)` -> `(batch, embedding_dimension)`."""
        embeddings = pool(output, inputs, self._pooling, prompt_length=prompt_length)
        for stage in self._stages:
            embeddings = stage(embeddings)
        return embeddings


class ScoreReadout(Readout):
    """The logits as they are; `predict` applies the activation."""

    output = SCORES
    pairs = True

    def __call__(self, output: Floats, inputs: Inputs, *, prompt_length: int) -> Floats:
        """`(batch, labels)`, a copy: the session's own array is overwritten by its next run."""
        return output.copy()


class SpladeReadout(Readout):
    """Weights of tokens. Every step after the logits grows with them, so the largest logit is all that max needs."""

    output = TOKEN_LOGITS
    texts_at_once = SPARSE_TEXTS_AT_ONCE

    def __init__(self, head: Splade) -> None:
        self._head = head

    def __call__(self, output: Floats, inputs: Inputs, *, prompt_length: int) -> Floats:
        """`(batch, tokens, vocabulary)` -> `(batch, vocabulary)`."""
        pooled = np.empty((len(output), output.shape[2]), np.float32)
        for row, logits in enumerate(output):
            present = logits[_present(inputs.attention_mask[row])] if inputs.padded else logits
            pooled[row] = (
                self._weights(present.max(axis=0, initial=0))
                if self._head.strategy == "max"
                else self._weights(present).sum(axis=0)
            )
        return pooled

    def _weights(self, logits: Floats) -> Floats:
        weights = np.log1p(np.maximum(logits, np.float32(0)))
        return np.log1p(weights) if self._head.twice else weights


def _present(mask: NDArray[np.int64]) -> slice | NDArray[np.bool_]:
    """Where there are tokens: a slice, which copies nothing, where they are together."""
    num, first = int(mask.sum()), int(mask.argmax())
    return slice(first, first + num) if mask[first : first + num].all() else mask.astype(bool)


def readout_of(head: Head) -> Readout:
    """The readout of a model. Raises ModelError where the weights of a stage are damaged."""
    if isinstance(head, Scores):
        return ScoreReadout()
    if isinstance(head, Splade):
        return SpladeReadout(head)
    return EmbeddingReadout(head)
