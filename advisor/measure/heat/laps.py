"""What a race times: whole blocks of texts, or single texts one at a time."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advisor.measure.contestant import Contestant
from advisor.measure.pool import Pool
from advisor.measure.race.rounds import Lap
from advisor.types import Exported, RuntimeSettings

_LONGEST_WAKE_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What a name in a race stands for: a candidate, with its own files and settings or with others that are named."""

    contestant: Contestant
    setting: str = ""
    settings: RuntimeSettings | None = None
    files: Exported | None = None


def seats_of(contestants: Mapping[str, Contestant]) -> dict[str, Seat]:
    """The candidates with the settings that tuning has kept so far."""
    return {name: Seat(contestant=one, setting=one.setting, settings=one.settings) for name, one in contestants.items()}


class _Laps:
    def __init__(self, seats: Mapping[str, Seat], pool: Pool) -> None:
        self._seats = seats
        self._pool = pool
        self._workload = pool.workload

    def ready(self, candidate: str) -> None:
        """Open the worker and the setting, if they are not open. Raises ChildFailed."""
        seat = self._seats[candidate]
        if seat.settings is None and seat.files is None:
            self._pool.ready(seat.contestant)
        else:
            self._pool.ready_setting(seat.contestant, seat.setting, settings=seat.settings, files=seat.files)

    def _limit_s(self, seat: Seat, num_texts: int) -> float:
        return self._pool.durations.timeout_s(num_texts, seat.contestant.s_per_text)


class BlockLaps(_Laps):
    """Throughput: a block's batches, one after the other, after an untimed encode of the workload's probe. A candidate
    that takes long over the probe has laps of a second, which hardly notice that it was parked: it gets none.

    `blocks` are the workload's, over which every candidate was warmed up, unless others are given. A runtime prepares
    for a shape that it sees first: before a candidate's first lap over those, the untimed encode is of the block's own
    first batch.
    """

    def __init__(
        self, seats: Mapping[str, Seat], pool: Pool, *, blocks: Sequence[tuple[int, ...]] | None = None
    ) -> None:
        super().__init__(seats, pool)
        self._blocks = self._workload.blocks if blocks is None else blocks
        self._warm = set(seats) if blocks is None else set()

    @property
    def num_blocks(self) -> int:
        """How many blocks there are."""
        return len(self._blocks)

    def run(self, candidate: str, block: int) -> Lap:
        """Seconds for the block."""
        wake: int | None = self._workload.probe
        if candidate not in self._warm:
            wake = self._blocks[block][0]
        elif self._workload.size(self._workload.probe) * self._seats[candidate].contestant.s_per_text > _LONGEST_WAKE_S:
            wake = None
        self._warm.add(candidate)
        return Lap(seconds=self._time(candidate, block, wake=wake))

    def _time(self, candidate: str, block: int, *, wake: int | None) -> float:
        seat, batches = self._seats[candidate], self._blocks[block]
        (seconds,) = seat.contestant.connection.time_blocks(
            [batches],
            wake=wake,
            timeout_s=self._limit_s(seat, self._workload.size(*batches)),
            setting=seat.setting,
        )
        return seconds


class SingleLaps(_Laps):
    """Latency: one encode for each text. A lap is their median: the slowest of them are the machine's, not the
    candidate's, and users are shown percentiles."""

    @property
    def num_blocks(self) -> int:
        """How many blocks there are."""
        return len(self._workload.singles)

    def run(self, candidate: str, block: int) -> Lap:
        """The median of the block's texts, and all of them."""
        seat, batch = self._seats[candidate], self._workload.singles[block]
        singles = seat.contestant.connection.latencies(
            batch, timeout_s=self._limit_s(seat, self._workload.size(batch)), setting=seat.setting
        )
        return Lap(seconds=statistics.median(singles), singles=singles)
