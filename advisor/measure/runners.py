"""What a race times: whole blocks of texts, or single texts one at a time."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advisor.measure.contestant import Contestant
from advisor.measure.pace import Pace
from advisor.measure.plan import Plan
from advisor.measure.rounds import Lap
from advisor.types import RuntimeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Whom a name in a race stands for: a candidate, with its own settings or with one that is tried."""

    contestant: Contestant
    setting: str = ""
    settings: RuntimeSettings | None = None

    def ready(self, plan: Plan, pace: Pace) -> None:
        """Open the setting in the candidate's worker, if it is not open, and run it over each block once."""
        if self.settings is None or not self.contestant.open_setting(self.setting, self.settings, pace):
            return
        for block in plan.blocks:
            limit_s = pace.load_timeout_s
            self.contestant.connection.time_blocks([block], wake=None, timeout_s=limit_s, setting=self.setting)


class BlockRunner:
    """Throughput: a block's batches, one after the other, after an untimed encode of the plan's probe.

    `blocks` are the plan's, over which everybody was warmed up, unless others are given. A runtime prepares for a shape
    that it sees first: before anyone's first lap over those, the untimed encode is of the block's own first batch.
    """

    def __init__(
        self,
        seats: Mapping[str, Seat],
        plan: Plan,
        pace: Pace,
        *,
        blocks: Sequence[tuple[int, ...]] | None = None,
    ) -> None:
        self._seats = seats
        self._pace = pace
        self._plan = plan
        self._blocks = plan.blocks if blocks is None else blocks
        self._warm = set(seats) if blocks is None else set()

    def run(self, candidate: str, block: int) -> Lap:
        """Seconds for the block."""
        seat = self._seats[candidate]
        seat.ready(self._plan, self._pace)
        batches = self._blocks[block]
        num_texts = sum(self._plan.sizes[batch] for batch in batches)
        limit_s = self._pace.timeout_s(num_texts, seat.contestant.probe_s_per_text)
        wake = self._plan.probe if candidate in self._warm else batches[0]
        self._warm.add(candidate)
        (seconds,) = seat.contestant.connection.time_blocks(
            [batches], wake=wake, timeout_s=limit_s, setting=seat.setting
        )
        return Lap(seconds=seconds)


class SingleRunner:
    """Latency: one encode for each text. A lap is their median: the slowest of them are the machine's, not the
    candidate's, and users are told percentiles."""

    def __init__(self, seats: Mapping[str, Seat], plan: Plan, pace: Pace) -> None:
        self._seats = seats
        self._pace = pace
        self._plan = plan

    def run(self, candidate: str, block: int) -> Lap:
        """The median of the block's texts, and all of them."""
        seat = self._seats[candidate]
        seat.ready(self._plan, self._pace)
        batch = self._plan.singles[block]
        limit_s = self._pace.timeout_s(self._plan.sizes[batch], seat.contestant.probe_s_per_text)
        singles = seat.contestant.connection.latencies(batch, timeout_s=limit_s, setting=seat.setting)
        return Lap(seconds=statistics.median(singles), singles=singles)
