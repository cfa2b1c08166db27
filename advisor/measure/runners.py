"""What a race times: whole blocks of texts, or single texts one at a time."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.measure.contestant import Contestant
from advisor.measure.pace import Pace
from advisor.measure.plan import Plan


class BlockRunner:
    """Throughput: a block's batches, one after the other."""

    def __init__(self, contestants: Mapping[str, Contestant], plan: Plan, pace: Pace) -> None:
        self._contestants = contestants
        self._pace = pace
        self._plan = plan

    def run(self, candidate: str, block: int) -> float:
        """Seconds for the block."""
        contestant = self._contestants[candidate]
        limit_s = self._pace.timeout_s(self._plan.block_sizes[block], contestant.probe_s_per_text)
        blocks = [self._plan.blocks[block]]
        return contestant.connection.time_blocks(blocks, wake=self._plan.probe, timeout_s=limit_s)[0]


class SingleRunner:
    """Latency: one encode for each text. Keeps every latency with its candidate."""

    def __init__(self, contestants: Mapping[str, Contestant], plan: Plan, pace: Pace) -> None:
        self._contestants = contestants
        self._pace = pace
        self._plan = plan

    def run(self, candidate: str, block: int) -> float:
        """Seconds for all of the block's texts."""
        contestant = self._contestants[candidate]
        batch = self._plan.singles[block]
        limit_s = self._pace.timeout_s(self._plan.sizes[batch], contestant.probe_s_per_text)
        seconds = contestant.connection.latencies(batch, timeout_s=limit_s)
        contestant.latencies_s += seconds
        return sum(seconds)
