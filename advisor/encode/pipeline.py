"""What a model makes of texts besides its transformer, as data: read from a model's folder by `modules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from advisor.encode.tokenizer_settings import TokenizerSettings
from advisor.types import ModelKind, Similarity

PoolingMode = Literal["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
Activation = Literal["Identity", "Tanh", "ReLU", "Sigmoid", "SiLU"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """Token embeddings -> one embedding a text. Several modes are concatenated."""

    modes: tuple[PoolingMode, ...]
    include_prompt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """A linear layer with an activation. `weights` is its safetensors file."""

    in_features: int
    out_features: int
    activation: Activation
    use_residual: bool
    weights: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalize:
    """Scale every embedding to unit length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """Token embeddings, pooled: what a bi-encoder gives."""

    kind: ClassVar[ModelKind] = "embedding"
    pooling: Pooling
    stages: tuple[Dense | Normalize, ...]

    @property
    def ends_normalized(self) -> bool:
        """Whether all embeddings have length 1."""
        return bool(self.stages) and isinstance(self.stages[-1], Normalize)

    @property
    def pooling_name(self) -> str:
        """For people."""
        return "+".join(self.pooling.modes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The logits of a sequence classifier that reads two texts together: what a cross-encoder gives."""

    kind: ClassVar[ModelKind] = "cross-encoder"
    pooling_name: ClassVar[str] = "none"
    num_labels: int
    activation: Activation
    """What `predict` applies to the logits by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splade:
    """The logits of a masked language model, pooled into weights of tokens: what a sparse encoder gives.

    `log(1 + relu(logit))` of each token of the vocabulary, over the text's tokens the largest or the sum.
    """

    kind: ClassVar[ModelKind] = "sparse-encoder"
    strategy: Literal["max", "sum"]
    twice: bool
    """Whether the logarithm is taken twice (`log1p_relu`)."""

    @property
    def pooling_name(self) -> str:
        """For people."""
        return f"splade-{self.strategy}"


Head = Embeddings | Scores | Splade
"""What comes after the transformer; each decides what the exported graph gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Everything that a model does with texts, but for the transformer itself."""

    folder: Path
    transformer_folder: Path
    """Holds config.json, the tokenizer and the transformer's weights; nearly always `folder`."""
    architecture: str
    tokenizer: TokenizerSettings
    head: Head
    prompts: Mapping[str, str]
    default_prompt_name: str | None
    similarity: Similarity
    truncate_dim: int | None
    output_dimension: int | None
    """Before `truncate_dim`; None where no configuration says it, and for a cross-encoder."""

    max_active_dims: int | None = None
    """Of a sparse encoder: how many weights of each text are kept; None for all."""

    @property
    def kind(self) -> ModelKind:
        """What the model makes of texts."""
        return self.head.kind

    @property
    def embedding_dimension(self) -> int | None:
        """The length of an embedding, None where only the graph knows."""
        if self.output_dimension is None or self.truncate_dim is None:
            return self.output_dimension
        return min(self.output_dimension, self.truncate_dim)

    @property
    def compared_by(self) -> Similarity:
        """What ranks embeddings as the model's similarity does: the cosine where all have length 1, else itself.

        Of such embeddings, dot products and Euclidean distances say what cosines say.
        """
        unit = self.truncate_dim is None and isinstance(self.head, Embeddings) and self.head.ends_normalized
        return "cosine" if unit and self.similarity != "manhattan" else self.similarity

    @property
    def max_seq_length(self) -> int | None:
        """The longest text in tokens, special ones included; longer ones are cut. None without a limit."""
        return self.tokenizer.max_length
