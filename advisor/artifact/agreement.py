"""When what an artifact gives is what it gave when it was measured: one class for each kind of number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.types import ModelKind, Precision

MIN_COSINE: Mapping[Precision, float] = {"fp32": 0.9999, "bf16": 0.999, "fp16": 0.999, "int8": 0.99}
"""What `verify` asks of every reference text.

On the machine that wrote the artifact the embeddings come back equal to rounding. Another machine takes other kernels:
half precision rounds at 2^-8 (bf16) or 2^-11 (fp16), and int8 kernels differ by instruction set (u8s8 products saturate
without VNNI, see https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html#when-and-why-do-i-need-to-try-u8u8).
"""

MAX_DIFFERENCE: Mapping[Precision, float] = {"fp32": 1e-3, "bf16": 0.03, "fp16": 0.03, "int8": 0.1}
"""The same for the logits of pairs: the largest difference, as a share of the largest recorded logit, or of 1 where all
are smaller. The angle of `MIN_COSINE` allows as much: a cosine of 0.99 is an error of 14 %, one of 0.999 of 4 %."""


class Agreement(Protocol):
    """How rows of numbers are compared with the recorded ones."""

    @property
    def name(self) -> str:
        """What is compared, for people."""

    def of(self, got: NDArray[np.float32], expected: NDArray[np.float32], scale: float) -> float:
        """How well one text's row agrees; `scale` is the largest magnitude of all recorded numbers."""

    def ok(self, found: Sequence[float]) -> bool:
        """Whether all texts agree well enough; False for NaN."""

    def says(self, found: Sequence[float]) -> str:
        """What was found, for people."""

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""


@dataclass(frozen=True, slots=True)
class Cosines:
    """Of embeddings."""

    min_cosine: float
    name: str = "embeddings"

    def of(self, got: NDArray[np.float32], expected: NDArray[np.float32], scale: float) -> float:
        """The cosine; 1 where both are all zeros, as a sparse encoder's may be, and NaN where only one of them is."""
        if not got.any() and not expected.any():
            return 1.0
        norms = float(np.linalg.norm(got) * np.linalg.norm(expected))
        return float(got @ expected) / norms if norms else float("nan")

    def ok(self, found: Sequence[float]) -> bool:
        """Whether each is high enough."""
        return bool(found) and all(cosine >= self.min_cosine for cosine in found)

    def says(self, found: Sequence[float]) -> str:
        """`8 reference texts, lowest cosine 0.999999, at least 0.9999 asked`."""
        worst = np.min(found) if found else float("nan")  # NaN wherever it stands, unlike min()
        return f"{len(found)} reference texts, lowest cosine {worst:.6f}, at least {self.min_cosine} asked"

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {"min_cosine": self.min_cosine}


@dataclass(frozen=True, slots=True)
class Differences:
    """Of logits, which may be a single number: any two of these have a cosine of 1 or -1."""

    max_difference: float
    name: str = "scores"

    def of(self, got: NDArray[np.float32], expected: NDArray[np.float32], scale: float) -> float:
        """The largest difference over the scale, which is at least 1."""
        return float(np.abs(got - expected).max()) / max(1.0, scale)

    def ok(self, found: Sequence[float]) -> bool:
        """Whether each is small enough."""
        return bool(found) and all(difference <= self.max_difference for difference in found)

    def says(self, found: Sequence[float]) -> str:
        """`8 reference pairs, scores differ by 0.000001 at most, 0.001 allowed`."""
        worst = np.max(found) if found else float("nan")
        return f"{len(found)} reference pairs, scores differ by {worst:.6f} at most, {self.max_difference} allowed"

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {"max_difference": self.max_difference}


def agreement_for(kind: ModelKind, precision: Precision) -> Agreement:
    """What to ask of an artifact of this kind of model whose winner has this precision."""
    if kind == "cross-encoder":
        return Differences(MAX_DIFFERENCE[precision])
    return Cosines(MIN_COSINE[precision])


def read_agreement(reference: Mapping[str, Any]) -> Agreement:
    """From the manifest's `reference` key. Raises KeyError, TypeError or ValueError where it names none."""
    if "max_difference" in reference:
        return Differences(float(reference["max_difference"]))
    return Cosines(float(reference["min_cosine"]))
