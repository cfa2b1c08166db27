"""Where another candidate would be best: speed on each range of lengths by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from advisor.measure.contestant import Contestant
from advisor.measure.race import Entrant, Exit, Limits
from advisor.measure.rounds import Round, estimate, log_speed
from advisor.measure.runners import BlockRunner
from advisor.measure.stages import Stages
from advisor.types import BASELINE, LengthSpeed

_RANGES = Limits(max_rounds=3, cuts=False, straggler_ratio=math.inf)

_RANGE_ENTRANTS = 3
"""So many of the fastest, the cut ones too, are timed on each range of lengths: another one may be best there."""

_BEGINS_BEFORE = 0.9
"""Share of the heat's time after which ranges are left out."""


def speed_by_length(
    stages: Stages,
    contestants: Mapping[str, Contestant],
    rounds: Sequence[Round],
    *,
    on_exit: Callable[[Exit, Sequence[Round]], None],
) -> dict[str, tuple[LengthSpeed, ...]]:
    """Speed on each range of lengths of the baseline and the fastest others; nothing once time is short."""
    if not stages.plan.ranges or stages.control.stopped:
        return {}
    speeds = {}
    for name, contestant in contestants.items():
        speed = estimate(log_speed(rounds, name, BASELINE))
        if name != BASELINE and speed is not None and contestant.may_win(stages.request.max_loss):
            speeds[name] = speed.median
    fastest = sorted(speeds, key=lambda name: -speeds[name])[:_RANGE_ENTRANTS]
    chosen = {name: contestants[name] for name in (BASELINE, *fastest) if name in contestants}
    num_texts = sum(stages.plan.sizes[each.batch] for each in stages.plan.ranges)
    needed_s = _RANGES.max_rounds * num_texts * sum(one.probe_s_per_text or 0.0 for one in chosen.values())
    if not stages.may_begin("range 0", before=_BEGINS_BEFORE, needed_s=needed_s):
        return {}
    found: dict[str, list[LengthSpeed]] = {name: [] for name in chosen}
    for position, each in enumerate(stages.plan.ranges):
        result = stages.race(
            f"range {position}",
            [Entrant(name=name, protected=True) for name in chosen],
            (BlockRunner(stages.seats(chosen), stages.plan, stages.pace, blocks=[(each.batch,)]), 1),
            limits=_RANGES,
            share=0.95,
            on_exit=lambda left, _: on_exit(left, rounds),
        )
        for name in found:
            laps = [one.seconds[name] for one in result.rounds if name in one.seconds]
            rate = estimate([math.log(stages.plan.sizes[each.batch] / seconds) for seconds in laps])
            if rate is not None:
                found[name].append(
                    LengthSpeed(
                        min_chars=each.min_chars,
                        max_chars=each.max_chars,
                        share=each.share,
                        texts_per_s=rate,
                        speedup=None if name == BASELINE else estimate(log_speed(result.rounds, name, BASELINE)),
                    )
                )
    complete = len(stages.plan.ranges)
    return {name: tuple(speeds) for name, speeds in found.items() if len(speeds) == complete}
