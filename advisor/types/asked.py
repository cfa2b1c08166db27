"""What was asked for: the model, the texts, the labels, and the options."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from advisor import defaults
from advisor.codec import HIDDEN
from advisor.types.words import ExporterName, LabelKind, ModelKind, ObjectiveName, PairSource, Similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """A Sentence Transformers model on disk, read without torch."""

    id: str
    """As the user named it; for a folder, its name alone (never an absolute path)."""
    path: Path = field(default=Path(), metadata=HIDDEN)
    revision: str | None
    content_sha256: str
    architecture: str
    num_parameters: int | None
    weights_bytes: int | None
    embedding_dimension: int | None
    max_seq_length: int | None
    pooling: str
    """`mean`, `cls+max`; for a sparse encoder `splade-max`, and `none` for a cross-encoder."""
    trust_remote_code: bool = field(default=False, metadata=HIDDEN)
    kind: ModelKind = "embedding"
    """What it makes of texts: an embedding of each, a score of each pair, a sparse vector of each."""
    similarity: Similarity = field(default="cosine", metadata=HIDDEN)
    """What its embeddings are compared by (`Pipeline.compared_by`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthStats:
    """Statistics of lengths, in the unit that the holder names."""

    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many of the sampled texts are how long: `counts[i]` of them have `edges[i]` to `edges[i + 1]` (excluded)."""

    unit: Literal["tokens", "characters"]
    edges: tuple[int, ...]
    """Ascending whole numbers, spaced evenly on a logarithmic scale as far as whole numbers allow."""
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextProfile:
    """Where texts came from and how long they are. Holds no text."""

    source: str
    field: str | None
    num_seen: int
    num_sampled: int
    seed: int
    chars: LengthStats
    tokens: LengthStats | None
    truncated_fraction: float | None
    """Share of the sampled texts over the model's maximum length; None without a tokenizer."""
    fraction_under_500_chars: float
    builtin: bool = False
    histogram: Histogram | None = None
    """In tokens where there was a tokenizer, else in characters."""
    pairs: PairSource | None = None
    """Whether the texts are pairs for a cross-encoder, and whether they were given or made of single texts. A pair's
    length is that of both its texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSample:
    """A uniform sample and its profile."""

    texts: tuple[str, ...]
    """Pairs as `advisor.pairs` writes them, where the profile says so."""
    profile: TextProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelProfile:
    """Labelled data that the loss was measured on. Holds no text."""

    source: str
    kind: LabelKind
    num_items: int
    """Pairs, triplets or queries that were used."""
    num_items_seen: int
    """More than `num_items` where the time budget did not allow all of them."""
    num_stored: int
    """Distinct texts that are searched: documents, positives and negatives, the first texts of the pairs."""
    num_stored_seen: int
    num_skipped: int = 0
    """Rows without a text or without a score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for, validated."""

    objective: ObjectiveName = defaults.OBJECTIVE
    max_loss: float = defaults.MAX_LOSS
    threads: int = 1
    seed: int = defaults.SEED
    device: str | None = None
    """What the baseline runs on, as PyTorch names it; None where it has not been decided."""
    exporter: ExporterName = "native"
    candidates: tuple[str, ...] | None = None
    """Only these were to be tried; None for all that fit."""
    skip: tuple[str, ...] = ()
    time_budget_s: float = defaults.TIME_BUDGET_S
    """For exporting and measuring."""
    label_field: str | None = None
    """The columns of the labels, where they were named."""
