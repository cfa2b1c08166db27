"""Timed rounds of a model at two depths -> what each candidate takes with all layers. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

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

    Pairs inside a round, so that a machine that is slower for a while slows both. A candidate that ran no round is left
    out.
    """
    found = {}
    for name in candidates:
        ratios = [
            math.log(baseline / own)
            for one in rounds
            if (own := _whole_s(one, name, depths)) is not None
            and (baseline := one.seconds.get(seat(BASELINE, WHOLE))) is not None
        ]
        if ratios:
            speedup = math.exp(statistics.median(ratios))
            found[name] = Predicted(speedup=speedup, depths=(depths.shallow, depths.deep), num_layers=depths.num_layers)
    return found


def check(rounds: Sequence[Round], depths: Depths) -> ScreenCheck:
    """How well the baseline's own time was foretold, in rounds that timed it whole, too.

    Raises ValueError where there is none.
    """
    ratios = [
        foretold / one.seconds[seat(BASELINE, WHOLE)]
        for one in rounds
        if seat(BASELINE, WHOLE) in one.seconds and (foretold := _whole_s(one, BASELINE, depths)) is not None
    ]
    if not ratios:
        raise ValueError("no round holds the baseline whole")
    error = statistics.median(ratios) - 1
    missed = f"its predicted time misses the measured one of {BASELINE} by {error:+.0%}"
    return ScreenCheck(
        depths=(depths.shallow, depths.deep),
        num_layers=depths.num_layers,
        baseline_error=error,
        fell_back=missed if abs(error) > MARGIN else None,
    )


def _whole_s(one: Round, name: str, depths: Depths) -> float | None:
    """Seconds of all layers over the round's texts; None where the round does not hold both depths.

    At least the deeper one's: noise can turn the line around.
    """
    shallow, deep = (one.seconds.get(seat(name, depth)) for depth in (depths.shallow, depths.deep))
    return None if shallow is None or deep is None else max(depths.whole(shallow, deep), deep)
