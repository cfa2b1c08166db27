"""Timed rounds of a model at two depths -> what each candidate takes with all layers. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from advisor.measure.race.rounds import Round
from advisor.screen.depths import Depths
from advisor.types import BASELINE, Predicted, ScreenCheck

WHOLE = "whole"

MARGIN = 0.15
"""Where the baseline's own time is missed by more, nothing is foretold: other programs take so much of the machine, or
the line does not hold."""


def seat(candidate: str, depth: int | str) -> str:
    """The name in a round of a candidate that is cut, or of the whole baseline."""
    return f"{candidate}@{depth}"


def predictions(rounds: Sequence[Round], candidates: Iterable[str], depths: Depths) -> dict[str, Predicted]:
    """How many times faster than the whole baseline, which is timed, each candidate would be with all layers.

    Of what each took for the same texts the least counts: a lap over a few layers takes milliseconds, and what else the
    machine does only adds to it. A candidate that was not timed at both depths is left out.
    """
    least = _least(rounds)
    found = {}
    for name in candidates:
        blocks = [
            block for block in least if _is_timed(least[block], name, depths) and seat(BASELINE, WHOLE) in least[block]
        ]
        if blocks:
            baseline_s = sum(least[block][seat(BASELINE, WHOLE)] for block in blocks)
            speedup = baseline_s / sum(_whole_s(least[block], name, depths) for block in blocks)
            found[name] = Predicted(speedup=speedup, depths=(depths.shallow, depths.deep), num_layers=depths.num_layers)
    return found


def check(rounds: Sequence[Round], depths: Depths) -> ScreenCheck:
    """How well the baseline's own time was foretold.

    Raises ValueError where it was not timed whole and at both depths.
    """
    found = predictions(rounds, [BASELINE], depths)
    if not found:
        raise ValueError("no round holds the baseline whole")
    error = 1 / found[BASELINE].speedup - 1
    missed = f"its predicted time misses the measured one of {BASELINE} by {error:+.0%}"
    return ScreenCheck(
        depths=(depths.shallow, depths.deep),
        num_layers=depths.num_layers,
        baseline_error=error,
        fell_back=missed if abs(error) > MARGIN else None,
    )


def _least(rounds: Sequence[Round]) -> dict[int, dict[str, float]]:
    """By block and seat."""
    least: dict[int, dict[str, float]] = {}
    for one in rounds:
        block = least.setdefault(one.block, {})
        for name, seconds in one.seconds.items():
            block[name] = min(seconds, block.get(name, math.inf))
    return least


def _is_timed(seconds: Mapping[str, float], name: str, depths: Depths) -> bool:
    return seat(name, depths.shallow) in seconds and seat(name, depths.deep) in seconds


def _whole_s(seconds: Mapping[str, float], name: str, depths: Depths) -> float:
    """Seconds of all layers over a block's texts. At least the deeper one's: noise can turn the line around."""
    deep_s = seconds[seat(name, depths.deep)]
    return max(depths.whole(seconds[seat(name, depths.shallow)], deep_s), deep_s)
