"""What each kind of model is for the exporters: the class that loads it, its graph's output and its texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.pairs import split
from advisor.types import ModelKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportKind:
    """One kind of model."""

    class_name: str
    """Sentence Transformers' class."""
    output: str
    """The name of the graph's output, as Optimum and Sentence Transformers know it."""
    axes: tuple[str, ...]
    """The output's axes that vary, from its first one on."""
    pairs: bool = False
    """Whether a text is a pair (`advisor.pairs`)."""

    def texts(self, texts: Sequence[str]) -> list[Any]:
        """The texts as Sentence Transformers' `preprocess` takes them."""
        return [list(split(pair)) for pair in texts] if self.pairs else list(texts)


KINDS: Mapping[ModelKind, ExportKind] = {
    "embedding": ExportKind(
        class_name="SentenceTransformer", output="last_hidden_state", axes=("batch_size", "sequence_length")
    ),
    "cross-encoder": ExportKind(class_name="CrossEncoder", output="logits", axes=("batch_size",), pairs=True),
    "sparse-encoder": ExportKind(class_name="SparseEncoder", output="logits", axes=("batch_size", "sequence_length")),
}
