"""How many texts a part of the measurement gets: fewer where the model is slow, so that it fits into the time."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.device import CUDA, kind_of

FIRST_PROBE = 2
"""Texts that tell how slow a model is, before anything is sized by it. Two, for a runtime with two streams."""

_FIRST_CUDA_PROBE = 16
"""A GPU takes as long for two texts as for sixteen, and would seem slow by them."""

_PROBE = (16, 8, 4, FIRST_PROBE)
_CUDA_PROBE = (256, 128, 64, 32, *_PROBE)
"""Sixteen texts leave a GPU idle: on an H200 `torch-fp16` embeds 1,800 texts/s in calls of 16 and 13,700 in large ones,
so that a fast candidate would be cut as slow (docs/hardware.md)."""

_PROBE_S = 0.5
"""A lap over the probe may take the baseline so long: every lap of the race begins with one, untimed."""

COMPARED = (32, 64, 128, 256, 512)
"""After so many compared texts it is asked whether the loss is decided. With fewer than 32 there is no interval. With
512 sentences of STSb an int8 model's loss is estimated as 0.19 % with an interval of 0.15 to 0.31 %, with 128 as
0.24 %, 0.13 to 0.86 %."""

_SLOW_S = 2.0
"""What the fewest texts of something may take the baseline; where they take longer, half of them do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the baseline's speed and the time made of the workload. Kept, so that another run takes the same texts."""

    probe: int
    """Texts in the probe."""
    latency_s: float
    """Mean seconds of a single text."""
    block_s: float
    """How long a block should take the baseline."""
    labelled_chars: int | None = None
    """Characters of labelled texts that there is time for; None for all of them."""


def first_probe_size(device: str) -> int:
    """How many texts tell how slow a model is, in a run for `device`."""
    return _FIRST_CUDA_PROBE if kind_of(device) == CUDA else FIRST_PROBE


def probe_size(seconds_per_text: float, *, device: str) -> int:
    """How many texts are probed in a run for `device`, where the baseline takes `seconds_per_text`."""
    sizes = _CUDA_PROBE if kind_of(device) == CUDA else _PROBE
    return next((size for size in sizes if size * seconds_per_text <= _PROBE_S), FIRST_PROBE)


def between(limits: tuple[int, int], wanted: float) -> int:
    """The whole number nearest to `wanted` within `limits`."""
    return max(limits[0], min(limits[1], round(wanted)))


def unless_slow(limits: tuple[int, int], seconds_per_text: float) -> tuple[int, int]:
    """`limits`, the lower of them halved where so many texts take the baseline too long."""
    fewest, most = limits
    return (fewest if fewest * seconds_per_text <= _SLOW_S else max(1, fewest // 2)), most
