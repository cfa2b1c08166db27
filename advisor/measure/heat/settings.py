"""Other ways to run the same file that are worth a try, and when one of them is kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from advisor import objectives
from advisor.device import CUDA, kind_of
from advisor.encode.batching import DEFAULT_TOKENS_PER_BATCH
from advisor.export.plan import CUDA_TEXTS_PER_BATCH
from advisor.types import Estimate, ObjectiveName, Runtime, RuntimeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Settings to try."""

    label: str
    settings: RuntimeSettings


def variants(settings: RuntimeSettings, *, runtime: Runtime, objective: ObjectiveName) -> tuple[Variant, ...]:
    """At most three variants of `settings`, by what the objective tunes.

    Batches: half and twice the tokens a batch, and half as many streams. Threads: half of them and one, for a short
    text may be done before many threads have met, and for ONNX Runtime threads that do not spin. PyTorch keeps Sentence
    Transformers' own way, but for larger batches on a CUDA GPU.
    """
    tunes = objectives.get(objective).tunes
    if tunes is None:
        return ()
    if runtime == "torch":
        if tunes != "batches" or kind_of(settings.device) != CUDA:
            return ()
        sizes = (CUDA_TEXTS_PER_BATCH // 2, CUDA_TEXTS_PER_BATCH, 2 * CUDA_TEXTS_PER_BATCH)
        return tuple(
            Variant(label=f"{size} texts a batch", settings=replace(settings, batch_size=size))
            for size in sizes
            if size != settings.batch_size
        )
    if tunes == "threads":
        fewer = dict.fromkeys(count for count in (settings.threads // 2, 1) if 0 < count < settings.threads)
        found = [
            Variant(label=f"{count} thread{'s' if count > 1 else ''}", settings=replace(settings, threads=count))
            for count in fewer
        ]
        if settings.spinning:
            found.append(Variant(label="threads that do not spin", settings=replace(settings, spinning=False)))
        return tuple(found)
    tokens = settings.tokens_per_batch or DEFAULT_TOKENS_PER_BATCH[runtime]
    found = [
        Variant(label=f"{count:,} tokens a batch", settings=replace(settings, tokens_per_batch=count))
        for count in (tokens // 2, 2 * tokens)
    ]
    streams = settings.num_streams or 1
    if streams > 1:
        fewer_streams = streams // 2
        label = f"{fewer_streams} stream{'s' if fewer_streams > 1 else ''}"
        found.append(Variant(label=label, settings=replace(settings, num_streams=fewer_streams)))
    return tuple(found)


def best_of(tried: Sequence[tuple[Variant, Estimate]]) -> Variant | None:
    """The variant to keep, None for the candidate's own settings.

    Kept is the fastest of those that gain what they must in the median and are faster beyond doubt: the 95 % interval
    of their speedup lies above 1.
    """
    able = [
        (speedup.median, variant)
        for variant, speedup in tried
        if speedup.median >= 1 + objectives.TIE_MARGIN and speedup.ci95 is not None and speedup.ci95[0] > 1
    ]
    return max(able, key=lambda each: each[0])[1] if able else None
