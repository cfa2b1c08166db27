"""Other ways to run the same file that are worth a try, and when one of them is kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from advisor.encode.batching import DEFAULT_TOKENS_PER_BATCH
from advisor.measure.race import TIE_MARGIN
from advisor.types import Estimate, Objective, Runtime, RuntimeSettings

_STREAMS_GAIN = 0.1
"""What streams must bring: a single text only ever runs in one of them, and took 1.4 to 1.6 times as long with two
(all-MiniLM-L6-v2, two cores)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Settings to try. `min_gain` is a share: it must be that much faster than the candidate's own settings."""

    label: str
    settings: RuntimeSettings
    min_gain: float = TIE_MARGIN


def variants(settings: RuntimeSettings, *, runtime: Runtime, objective: Objective) -> tuple[Variant, ...]:
    """At most three variants of `settings`.

    Throughput: half and twice the tokens a batch, and for OpenVINO two streams. Latency: half the threads
    and one, for a short text may be done before many threads have met. PyTorch keeps Sentence Transformers' own way:
    it is what users compare with. Where memory counts nothing is tried, for all of these take more of it.
    """
    if runtime == "torch" or objective == "memory":
        return ()
    if objective == "latency":
        fewer = dict.fromkeys(count for count in (settings.threads // 2, 1) if 0 < count < settings.threads)
        return tuple(
            Variant(label=f"{count} thread{'s' if count > 1 else ''}", settings=replace(settings, threads=count))
            for count in fewer
        )
    tokens = settings.tokens_per_batch or DEFAULT_TOKENS_PER_BATCH
    found = [
        Variant(label=f"{count:,} tokens a batch", settings=replace(settings, tokens_per_batch=count))
        for count in (tokens // 2, 2 * tokens)
    ]
    if runtime == "openvino" and settings.threads > 1 and (settings.num_streams or 1) == 1:
        two = replace(settings, num_streams=2)
        found.append(Variant(label="2 streams", settings=two, min_gain=_STREAMS_GAIN))
    return tuple(found)


def best_of(tried: Sequence[tuple[Variant, Estimate]]) -> Variant | None:
    """The variant to keep, None for the candidate's own settings.

    Kept is the fastest of those that gain what they must in the median and are faster beyond doubt: the 95 % interval
    of their speedup lies above 1.
    """
    able = [
        (speedup.median, variant)
        for variant, speedup in tried
        if speedup.median >= 1 + variant.min_gain and speedup.ci95 is not None and speedup.ci95[0] > 1
    ]
    return max(able, key=lambda each: each[0])[1] if able else None
