"""Token embeddings -> embeddings: pooling, dense layers, normalisation. Numpy, float32.

The formulas are those of sentence_transformers 6.2 (`sentence_transformer/modules/pooling.py`, `base/modules/dense.py`,
`base/modules/normalize.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.encode.pipeline import Activation, Dense, Normalize, Pooling, PoolingMode
from advisor.encode.safetensors import read_tensors
from advisor.encode.tokenize import Inputs
from advisor.errors import ModelError

Floats = NDArray[np.float32]

_NORM_FLOOR = np.float32(1e-12)
"""The eps of torch.nn.functional.normalize."""


def pool(token_embeddings: Floats, inputs: Inputs, pooling: Pooling, *, prompt_length: int = 0) -> Floats:
    """Pool `(batch, tokens, hidden)` into `(batch, hidden x number of modes)`.

    `prompt_length` tokens at the beginning of every text are left out where the model says `include_prompt: false`.
    """
    mask = inputs.attention_mask
    whole = not inputs.padded
    if prompt_length and not pooling.include_prompt:
        mask = np.where(np.arange(mask.shape[1]) < (mask.argmax(axis=1) + prompt_length)[:, None], 0, mask)
        whole = False
    pooled = [_pool(mode, token_embeddings, mask, inputs.attention_mask, whole) for mode in pooling.modes]
    return pooled[0] if len(pooled) == 1 else np.concatenate(pooled, axis=1)


def _pool(
    mode: PoolingMode, tokens: Floats, mask: NDArray[np.int64], original: NDArray[np.int64], whole: bool
) -> Floats:
    pooled: Floats
    rows = np.arange(len(tokens))
    if mode == "cls":
        pooled = tokens[rows, mask.argmax(axis=1)]
    elif mode == "lasttoken":
        last = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
        pooled = tokens[rows, last] * mask[rows, last, None].astype(np.float32)
    elif mode == "max":
        where = True if whole else mask.astype(bool)[:, :, None]
        pooled = np.max(tokens, axis=1, where=where, initial=-np.inf)
    else:
        weights = mask.astype(np.float32)
        if mode == "weightedmean":
            weights *= np.arange(1, mask.shape[1] + 1, dtype=np.float32) - original.argmax(axis=1)[:, None]
        # einsum without BLAS: measured faster than matmul at these shapes, and it leaves no threads spinning.
        pooled = np.einsum("bth,bt->bh", tokens, weights)
        total = np.maximum(weights.sum(axis=1, dtype=np.float32), np.float32(1e-9))[:, None]
        pooled /= np.sqrt(total) if mode == "mean_sqrt_len_tokens" else total
    return pooled


def load_stages(stages: Sequence[Dense | Normalize]) -> list[Callable[[Floats], Floats]]:
    """Functions of `(num_texts, dimension)` float32. Raises ModelError where weights are damaged or do not fit."""
    return [DenseLayer.load(stage) if isinstance(stage, Dense) else normalize for stage in stages]


def normalize(embeddings: Floats) -> Floats:
    """Scale every row to unit length; rows of zeros stay zero."""
    norms = np.sqrt(np.einsum("bh,bh->b", embeddings, embeddings))
    unit: Floats = embeddings / np.maximum(norms, _NORM_FLOOR)[:, None]
    return unit


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLayer:
    """`activation(x @ weight + bias)`, plus the (projected) input where the module is residual."""

    weight: Floats
    """`(in_features, out_features)`."""
    bias: Floats | None
    activation: Activation
    residual: Floats | None
    """`(in_features, out_features)` where the input is projected before it is added."""
    use_residual: bool

    @classmethod
    def load(cls, dense: Dense) -> DenseLayer:
        """Read the layer's weights."""
        tensors = read_tensors(dense.weights)
        weight, bias, residual = (tensors.get(name) for name in ("linear.weight", "linear.bias", "residual.weight"))
        shape = (dense.out_features, dense.in_features)
        needs_projection = dense.use_residual and dense.in_features != dense.out_features
        if (
            weight is None
            or weight.shape != shape
            or (bias is not None and bias.shape != shape[:1])
            or (needs_projection and (residual is None or residual.shape != shape))
        ):
            raise ModelError(f"The weights {dense.weights} do not fit the module's config.json.")
        return cls(
            weight=np.ascontiguousarray(weight.T),
            bias=bias,
            activation=dense.activation,
            residual=np.ascontiguousarray(residual.T) if needs_projection and residual is not None else None,
            use_residual=dense.use_residual,
        )

    def __call__(self, embeddings: Floats) -> Floats:
        """`(num_texts, in_features)` -> `(num_texts, out_features)`."""
        out = embeddings @ self.weight
        if self.bias is not None:
            out += self.bias
        out = activate(out, self.activation)
        if self.use_residual:
            out = out + (embeddings if self.residual is None else embeddings @ self.residual)
        return out


def activate(values: Floats, activation: Activation) -> Floats:
    """Apply an activation function, element by element."""
    match activation:
        case "Identity":
            return values
        case "Tanh":
            return np.tanh(values)
        case "ReLU":
            return np.maximum(values, np.float32(0))
        case "Sigmoid":
            return _sigmoid(values)
        case "SiLU":
            return values * _sigmoid(values)


def _sigmoid(values: Floats) -> Floats:
    # The same as 1 / (1 + exp(-x)), and cannot overflow.
    result: Floats = np.float32(0.5) * (np.float32(1) + np.tanh(np.float32(0.5) * values))
    return result
