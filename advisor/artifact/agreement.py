"""When what an artifact gives is what it gave when it was measured: one class for each kind of number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.types import ModelKind, Precision

MIN_COSINE: Mapping[Precision, float] = {"fp32": 0.9999, "bf16": 0.999, "fp16": 0.999, "int8": 0.99}
"""What `verify` asks of every reference text.

On the machine that wrote the artifact the embeddings come back equal to rounding. Another machine takes other kernels:
half precision rounds at 2^-8 (bf16) or 2^-11 (fp16), and int8 kernels differ by instruction set (u8s8 products saturate
without VNNI, see https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html#when-and-why-do-i-need-to-try-u8u8).
"""

MAX_DIFFERENCE: Mapping[Precision, float] = {"fp32": 1e-3, "bf16": 3e-2, "fp16": 3e-2, "int8": 0.1}
"""The same for the logits of pairs: the largest difference, as a share of the largest recorded logit, or of 1 where all
are smaller. The angle of `MIN_COSINE` allows as much: a cosine of 0.99 is an error of 14 %, one of 0.999 of 4 %."""


class Agreement(Protocol):
    """How rows of numbers are compared with the recorded ones."""

    name: ClassVar[str]
    """What is compared, for people."""

    def of(self, got: NDArray[np.float32], expected: NDArray[np.float32], scale: float) -> tuple[float, ...]:
        """How well one text's row agrees; `scale` is the largest magnitude of all recorded numbers."""

    def ok(self, found: Sequence[Sequence[float]]) -> bool:
        """Whether all texts agree well enough; False for NaN."""

    def says(self, found: Sequence[Sequence[float]]) -> str:
        """What was found, for people."""

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""


@dataclass(frozen=True, slots=True)
class Cosines:
    """Of embeddings: their directions, and their lengths, which a dot product depends on as much."""

    min_cosine: float
    name: ClassVar[str] = "embeddings"

    @property
    def min_length(self) -> float:
        """How long the shorter of both must be, as a share of the longer: an error in length may be as large as the
        one in direction that `min_cosine` allows."""
        return 1.0 - math.sqrt(2.0 * (1.0 - self.min_cosine))

    def of(self, got: NDArray[np.float32], expected: NDArray[np.float32], scale: float) -> tuple[float, ...]:
        """The cosine, and the shorter's length as a share of the longer's; both 1 of two rows of zeros."""
        lengths = [float(np.linalg.norm(each)) for each in (got, expected)]
        if lengths == [0.0, 0.0]:
            return 1.0, 1.0
        if not all(length > 0.0 for length in lengths):  # zeros against others, or NaN
            return math.nan, math.nan
        return float(got @ expected) / (lengths[0] * lengths[1]), min(lengths) / max(lengths)

    def ok(self, found: Sequence[Sequence[float]]) -> bool:
        """Whether the lowest are high enough."""
        return bool(found) and all(cosine >= self.min_cosine and length >= self.min_length for cosine, length in found)

    def says(self, found: Sequence[Sequence[float]]) -> str:
        """`8 reference texts, lowest cosine 0.999999, at least 0.9999 asked`, and lengths where they are off."""
        cosine, length = np.min(found, axis=0) if found else (math.nan, math.nan)
        seen = f"{len(found)} reference texts, lowest cosine {cosine:.6f}, at least {self.min_cosine} asked"
        if length >= self.min_length or math.isnan(length):
            return seen
        return f"{seen}, and lengths that differ by {1 - length:.1%}, at most {1 - self.min_length:.1%} allowed"

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {"min_cosine": self.min_cosine}


@dataclass(frozen=True, slots=True)
class Differences:
    """Of logits, which may be a single number: any two of these have a cosine of 1 or -1."""

    max_difference: float
    name: ClassVar[str] = "scores"

    def of(self, got: NDArray[np.float32], expected: NDArray[np.float32], scale: float) -> tuple[float, ...]:
        """The largest difference over the scale, which is at least 1."""
        return (float(np.abs(got - expected).max()) / max(1.0, scale),)

    def ok(self, found: Sequence[Sequence[float]]) -> bool:
        """Whether the largest is small enough."""
        return bool(found) and all(difference <= self.max_difference for (difference,) in found)

    def says(self, found: Sequence[Sequence[float]]) -> str:
        """`8 reference pairs, scores differ by 0.000001 at most, 0.001 allowed`."""
        worst = float(np.max(found)) if found else math.nan
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
