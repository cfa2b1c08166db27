"""What turns texts into embeddings, as data: read from a model's folder by `modules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from advisor.encode.tokenizer_settings import TokenizerSettings

PoolingMode = Literal["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
Activation = Literal["Identity", "Tanh", "ReLU", "Sigmoid", "SiLU"]
Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]


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
class Pipeline:
    """Everything that turns texts into embeddings, but for the transformer itself."""

    folder: Path
    transformer_folder: Path
    """Holds config.json, the tokenizer and the transformer's weights; nearly always `folder`."""
    architecture: str
    tokenizer: TokenizerSettings
    pooling: Pooling
    stages: tuple[Dense | Normalize, ...]
    prompts: Mapping[str, str]
    default_prompt_name: str | None
    similarity: Similarity
    truncate_dim: int | None
    output_dimension: int | None
    """Before `truncate_dim`; None where no configuration says it."""

    @property
    def embedding_dimension(self) -> int | None:
        """The length of an embedding, None where only the graph knows."""
        if self.output_dimension is None or self.truncate_dim is None:
            return self.output_dimension
        return min(self.output_dimension, self.truncate_dim)

    @property
    def max_seq_length(self) -> int | None:
        """The longest text in tokens, special ones included; longer ones are cut. None without a limit."""
        return self.tokenizer.max_length
