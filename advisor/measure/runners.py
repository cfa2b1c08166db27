"""What a race times: whole blocks of texts, or single texts one at a time."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.measure.contestant import Contestant
from advisor.measure.plan import Plan

SLOWEST = 20.0
"""A request may take this many times what the probe foretells before the worker counts as hung."""

SHORTEST_TIMEOUT_S = 20.0
"""Whatever the probe says: the machine may be busy."""


def timeout_s(contestant: Contestant, num_texts: int) -> float:
    """How long a request over `num_texts` texts may take."""
    return max(SHORTEST_TIMEOUT_S, SLOWEST * num_texts * (contestant.probe_s_per_text or 0.0))


class BlockRunner:
    """Throughput: one encode of a group of texts."""

    def __init__(self, contestants: Mapping[str, Contestant], plan: Plan) -> None:
        self._contestants = contestants
        self._plan = plan

    def run(self, candidate: str, block: int) -> float:
        """Seconds for the group."""
        contestant = self._contestants[candidate]
        batch = self._plan.groups[block]
        limit_s = timeout_s(contestant, self._plan.sizes[batch])
        return contestant.connection.time_batches([batch], wake=self._plan.probe, timeout_s=limit_s)[0]


class SingleRunner:
    """Latency: one encode for each text. Keeps every latency with its candidate."""

    def __init__(self, contestants: Mapping[str, Contestant], plan: Plan) -> None:
        self._contestants = contestants
        self._plan = plan

    def run(self, candidate: str, block: int) -> float:
        """Seconds for all of the block's texts."""
        contestant = self._contestants[candidate]
        batch = self._plan.singles[block]
        limit_s = timeout_s(contestant, self._plan.sizes[batch])
        seconds = contestant.connection.latencies(batch, timeout_s=limit_s)
        contestant.latencies_s += seconds
        return sum(seconds)
