"""Where another candidate would be best: speed on each range of lengths by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping

from advisor.measure.contestant import Contestant
from advisor.measure.heat.laps import BlockLaps, seats_of
from advisor.measure.heat.stages import Stages
from advisor.measure.race.race import Entrant
from advisor.measure.race.rounds import estimate, log_speed
from advisor.objectives import Limits
from advisor.types import BASELINE, LengthSpeed

_LIMITS = Limits(max_rounds=3, cuts=False, straggler_ratio=math.inf)

_MAX_RIVALS = 3
"""So many of the fastest are timed on each range of lengths, those that were cut too: another may be best there."""

_BEGINS_BEFORE = 0.9
"""Share of the heat's time after which ranges are left out."""


def speed_by_length(stages: Stages, contestants: Mapping[str, Contestant]) -> None:
    """Time the baseline and the fastest others on each range of lengths; nothing once time is short."""
    ranges = stages.pool.workload.ranges
    if not ranges or stages.control.stopped:
        return
    chosen = _chosen(stages, contestants)
    num_texts = stages.pool.workload.size(*(each.batch for each in ranges))
    needed_s = _LIMITS.max_rounds * num_texts * sum(one.s_per_text for one in chosen.values())
    if not stages.may_begin("range 0", before=_BEGINS_BEFORE, needed_s=needed_s):
        return
    found: dict[str, list[LengthSpeed]] = {name: [] for name in chosen}
    took_s = 0.0
    for position, each in enumerate(ranges):
        if position > 0 and not stages.may_begin(f"range {position}", before=1.0, needed_s=took_s):
            return
        start_s = stages.clock()
        result = stages.race(
            f"range {position}",
            [Entrant(name=name, protected=True) for name in chosen],
            BlockLaps(seats_of(chosen), stages.pool, blocks=[(each.batch,)]),
            limits=_LIMITS,
            share=0.95,
        )
        took_s = stages.clock() - start_s
        stages.note_exits(result)
        num_texts = stages.pool.workload.size(each.batch)
        for name in found:
            laps = [one.seconds[name] for one in result.rounds if name in one.seconds]
            rate = estimate([math.log(num_texts / seconds) for seconds in laps])
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
    for name, speeds in found.items():
        if len(speeds) == len(ranges):
            chosen[name].by_length = tuple(speeds)


def _chosen(stages: Stages, contestants: Mapping[str, Contestant]) -> dict[str, Contestant]:
    """The baseline and the fastest that may win."""
    speeds = {}
    for name, one in contestants.items():
        speed = estimate(log_speed(stages.rounds, name, BASELINE))
        if name != BASELINE and speed is not None and stages.may_win(one):
            speeds[name] = speed.median
    fastest = sorted(speeds, key=lambda name: -speeds[name])[:_MAX_RIVALS]
    return {name: contestants[name] for name in (BASELINE, *fastest) if name in contestants}
