"""What a run optimises, one row an objective: what is compared, in which words, how it is raced, and what is tuned.

The race, the choice, the reports, the command line and the app read all of it here. A new objective is a new row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from advisor.types import Against, Estimate, Timing

PREDICTION_MARGIN = 0.25
"""A candidate is not tried where one that may win is predicted to be faster by more. With BERT base on short texts
predictions were off by 11 % at most beside a few other programs (Zen 4, two cores; benchmarks/screen.py)."""

TIE_MARGIN = 0.03
"""Gaps of up to 3 % are ties, in the race and in the choice, even where the intervals are narrower."""

FLOOR_ROUNDS = 3
"""Rounds that are run even when the time is spent: fewer give no interval."""

NUM_LATENCY_BLOCKS = 5
"""Blocks of single texts that a race on latency takes in turn."""

Laps = Literal["throughput", "latency"]
"""What a race times: blocks of texts, or single texts one at a time."""

Unit = Literal["texts/s", "ms", "bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a race may last, and when it may decide."""

    min_rounds: int = 6
    """No candidate is cut by the interval before these, and no winner is settled. It is the fewest for which
    `median_interval` needs no normality. With fewer, a machine that flips between two speeds would cut one of eleven
    equals too often."""
    baseline_rounds: int = 10
    """From these on the baseline rests, if it is slower than the leader. Its laps are the longest, and with so many of
    them a stall in one does not reach the interval of a speedup (`median_interval`)."""
    max_rounds: int = 15
    cuts: bool = True
    """Whether to cut clearly slower candidates and to stop when the winner is settled; else `max_rounds` are run."""
    straggler_ratio: float = 3.0
    """Two laps in a row that took this many times the baseline's end a candidate, whatever the interval says."""
    early_ratio: float = 2.0
    """From `FLOOR_ROUNDS` to `min_rounds`, one that took this many times the leader's in every single round is cut."""
    alpha: float = 0.05
    """Probability that the race cuts its truly fastest candidate, over all looks and all rivals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Races:
    """The two races of a heat. The one on what the objective asks for decides: it cuts, and stops by evidence."""

    decides: Laps
    throughput: Limits
    latency: Limits
    share: float
    """Of the heat's time, after which the deciding race ends, so that there is some left for the rest."""
    hopeless: float
    """A candidate that is this many times slower than the baseline in the probe is not raced: the baseline is."""
    beaten: float | None = None
    """One that is this many times slower in the probe than the fastest so far that may win is not raced either."""

    def limits(self, laps: Laps) -> Limits:
        """Those of the race on `laps`."""
        return self.latency if laps == "latency" else self.throughput


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a result under the objective is said."""

    noun: str
    """`speed`."""
    better: str
    """`1.8x faster than`."""
    worse: str
    gain: str
    """`nothing within the loss budget is faster`."""
    axis: str
    """`speedup over torch-fp32`."""
    compares: str
    """`a is 1.20x the speed of b`, with `{ratio}` of how many times better, or `{inverse}`, its reciprocal."""
    figure: str
    """`4.1 ms p50`, with `{}` of the value."""
    against: str = ", against {}"
    """The baseline's value behind that."""
    by: str = ""
    """`1.8x by latency`; empty for speed."""
    column: str = ""
    """The heading of the objective's own column; empty where speed is all there is to say."""

    @property
    def best(self) -> str:
        """`the fastest of the 4`, or `the best by latency of the 4`."""
        return f"best{self.by}" if self.by else "fastest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One row: see the module."""

    name: str
    unit: Unit
    value: Callable[[Timing], float | None]
    """What is compared, in `unit`; None where it was not measured."""
    lower_is_better: bool
    paired: Callable[[Timing], Estimate | None] | None
    """How many times better than the baseline, from rounds side by side; None where only `value` can be compared."""
    against: Callable[[Against], Estimate | None] | None
    """The same over a rival."""
    p95: Callable[[Timing], float | None] | None = None
    """The 95th percentile of `value`, which is said with it."""
    near_best_speed: float | None = None
    """Only candidates with at least this share of the best speed compete; None lets all of them."""
    words: Wording
    races: Races
    streams: bool = False
    """Whether each thread runs a batch of its own; else all threads work on one batch together."""
    spinning: bool = False
    """Whether ONNX Runtime's threads spin while they wait for each other."""
    tunes: Literal["batches", "threads"] | None = None
    """What other settings are tried: sizes and numbers of batches, or numbers of threads."""


_DECIDES = Limits()
_REPORTS = Limits(max_rounds=FLOOR_ROUNDS, cuts=False)
_LATENCY_REPORTS = Limits(min_rounds=NUM_LATENCY_BLOCKS, max_rounds=NUM_LATENCY_BLOCKS, cuts=False)

_THROUGHPUT = Objective(
    name="throughput",
    unit="texts/s",
    value=lambda timing: timing.texts_per_s.median,
    lower_is_better=False,
    paired=lambda timing: timing.speedup,
    against=lambda pair: pair.speedup,
    words=Wording(
        noun="speed",
        better="faster",
        worse="slower",
        gain="is faster",
        axis="speedup over",
        compares="is {ratio:.2f}x the speed of",
        figure="{}",
        against=" against {}",
    ),
    races=Races(
        decides="throughput", throughput=_DECIDES, latency=_LATENCY_REPORTS, share=0.75, hopeless=2.0, beaten=2.0
    ),
    streams=True,
    tunes="batches",
)
_LATENCY = Objective(
    name="latency",
    unit="ms",
    value=lambda timing: timing.latency_p50_ms,
    lower_is_better=True,
    paired=lambda timing: timing.latency_speedup,
    against=lambda pair: pair.latency_speedup,
    p95=lambda timing: timing.latency_p95_ms,
    words=Wording(
        noun="latency",
        better="lower latency",
        worse="higher latency",
        gain="answers sooner",
        axis="times lower latency than",
        compares="has {inverse:.2f}x the latency of",
        figure="{} p50",
        against=", against {} p50",
        by=" by latency",
        column="p50",
    ),
    races=Races(decides="latency", throughput=_REPORTS, latency=_DECIDES, share=0.85, hopeless=2.0),
    spinning=True,
    tunes="threads",
)
_MEMORY = Objective(
    name="memory",
    unit="bytes",
    value=lambda timing: timing.peak_rss_bytes,
    lower_is_better=True,
    paired=None,
    against=None,
    near_best_speed=0.9,
    words=Wording(
        noun="memory",
        better="less memory",
        worse="more memory",
        gain="needs less memory",
        axis="times less memory than",
        compares="needs {inverse:.2f}x the memory of",
        figure="{} at its peak",
        by=" by memory",
        column="memory",
    ),
    races=Races(
        decides="throughput",
        throughput=Limits(max_rounds=_DECIDES.min_rounds, cuts=False, straggler_ratio=20.0),
        latency=_LATENCY_REPORTS,
        share=0.8,
        hopeless=20.0,  # where memory counts, a slow one may still be wanted
    ),
)

SPEED = _THROUGHPUT
"""What every timed candidate has: it decides where the objective's own figure was measured of none."""

OBJECTIVES: dict[str, Objective] = {row.name: row for row in (_THROUGHPUT, _LATENCY, _MEMORY)}
"""By name, in display order."""


def get(name: str) -> Objective:
    """The row called `name`. Raises KeyError where there is none."""
    return OBJECTIVES[name]
