"""How long things take and may take. The defaults suit a user's machine; tests use shorter ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

WANTED_ROUNDS = 8
"""With fewer a race that the time budget ends has hardly an interval."""

STRETCH = 4.0
"""A block may last this many times what is wanted before its batches get smaller than users' batches are."""

OTHERS_LAP = 0.5
"""A lap of another candidate, as a share of the baseline's, by and large."""

_RACE_SHARE = 0.45
_SHORTEST_BLOCK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Durations of a measurement, in seconds."""

    block_s: float = 0.4
    """How long one block should take the baseline: scheduling noise (about 1 ms) stays small even for a candidate that
    is ten times faster, and a round over ten candidates stays within seconds."""
    latency_block_s: float = 0.1
    """How long one block of single texts should take the baseline."""
    range_s: float = 0.15
    """How long the texts of one range of lengths should take the baseline."""
    load_timeout_s: float = 180.0
    probe_timeout_s: float = 60.0
    shortest_timeout_s: float = 20.0
    """No request over texts times out earlier, whatever the probe foretells: the machine may be busy."""
    slowest: float = 20.0
    """A request may take this many times what the probe foretells before the worker counts as hung."""

    def within(self, time_s: float, *, num_candidates: int) -> Durations:
        """The same with blocks short enough for `WANTED_ROUNDS` of so many candidates in `time_s` seconds.

        Loading takes more than half of the time.
        """
        round_s = _RACE_SHARE * time_s / WANTED_ROUNDS
        lap_s = round_s / (1 + OTHERS_LAP * max(0, num_candidates - 1))
        return replace(self, block_s=min(self.block_s, max(_SHORTEST_BLOCK_S, lap_s / STRETCH)))

    def timeout_s(self, num_texts: float, s_per_text: float | None) -> float:
        """How long a request over `num_texts` texts may take."""
        return max(self.shortest_timeout_s, self.slowest * num_texts * (s_per_text or 0.0))
