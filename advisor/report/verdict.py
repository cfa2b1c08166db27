"""The answer in sentences: what won, by how much, at what loss, and whether the rules had said so. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.gate import within
from advisor.report import format as fmt
from advisor.report.lengths import span
from advisor.report.table import note, objective_value
from advisor.report.words import words
from advisor.types import Decision, Estimate, Fidelity, Outcome, Recommendation


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The first line of the answer. `source` says where its numbers come from; empty where it has none."""

    name: str
    sentence: str
    source: str


def headline(rec: Recommendation) -> Headline:
    """What to run, and how much that gains."""
    winner = None if rec.winner is None else rec.outcome(rec.winner)
    if winner is None:
        return Headline(name="no candidate", sentence="meets the constraints", source="")
    if winner.name == rec.baseline:
        gain = {"throughput": "is faster", "latency": "answers sooner", "memory": "needs less memory"}
        sentence = f"nothing within the loss budget {gain[rec.request.objective]}"
        if rec.verdict == "inconclusive":
            sentence = "this run cannot tell whether another candidate is better"
        return Headline(name=f"keep {rec.baseline}", sentence=sentence, source=_source(rec))
    factor = improvement(winner, rec)
    if factor is None:
        return Headline(name=winner.name, sentence=rec.why, source="")
    sentence = _gain(factor, rec)
    if rec.verdict == "inconclusive":
        return Headline(name=winner.name, sentence=f"perhaps {sentence}: this run cannot tell", source=_source(rec))
    paired = paired_gain(winner, rec)
    if paired is not None and paired.ci95 is not None and factor >= 1:
        sentence += f" (95% CI {fmt.interval(*paired.ci95, like=factor)})"
    return Headline(name=winner.name, sentence=sentence, source=_source(rec))


def figures(rec: Recommendation) -> str:
    """The winner's figure against the baseline's, in the objective's unit; empty where nothing was measured."""
    winner = None if rec.winner is None else rec.outcome(rec.winner)
    if winner is None or winner.timing is None:
        return ""
    base = rec.outcome(rec.baseline)
    base_timing = None if base is None or base is winner else base.timing
    timing = winner.timing
    if rec.request.objective == "latency" and timing.latency_p50_ms is not None:
        text = f"{fmt.milliseconds(timing.latency_p50_ms)} p50"
        if timing.latency_p95_ms is not None:
            text += f", {fmt.milliseconds(timing.latency_p95_ms)} p95"
        if base_timing is not None and base_timing.latency_p50_ms is not None:
            text += f", against {fmt.milliseconds(base_timing.latency_p50_ms)} p50"
        return text
    if rec.request.objective == "memory" and timing.peak_rss_bytes is not None:
        text = f"{fmt.memory(timing.peak_rss_bytes)} at its peak"
        if base_timing is not None and base_timing.peak_rss_bytes is not None:
            text += f", against {fmt.memory(base_timing.peak_rss_bytes)}"
        return text
    text = f"{fmt.rate(timing.texts_per_s.median)} {words(rec.model).rate}"
    return text if base_timing is None else f"{text} against {fmt.rate(base_timing.texts_per_s.median)}"


def accuracy(rec: Recommendation) -> str:
    """The winner's change in accuracy, how it is known, and the budget; empty where there is no winner."""
    winner = None if rec.winner is None else rec.outcome(rec.winner)
    if winner is None:
        return ""
    if winner.name == rec.baseline:
        return "unchanged: it is the baseline"
    budget = f"budget {fmt.percent(rec.request.max_loss)}"
    loss = winner.loss
    if loss is None:
        return f"{fmt.UNKNOWN}, {budget}"
    text = fmt.accuracy_change(loss.value)
    if loss.ci95 is not None:
        text += f" (95% CI {fmt.accuracy_interval(*loss.ci95)})"
    texts = "built-in texts" if rec.texts.builtin else "your texts"
    how = f"estimated on {texts}" if loss.method == "estimated" else _on_labels(loss)
    return f"{text}, {how}, {budget}"


def _on_labels(loss: Fidelity) -> str:
    scores = ""
    if loss.score is not None and loss.baseline_score is not None:
        scores = f": {100 * loss.score:.2f} against {100 * loss.baseline_score:.2f}"
    return f"measured on your labels ({loss.metric}{scores})"


def unlabelled(rec: Recommendation) -> str:
    """What would have been estimated without labels, for the winner; empty where there are none."""
    winner = None if rec.winner is None else rec.outcome(rec.winner)
    if winner is None or winner.estimated is None or winner.name == rec.baseline:
        return ""
    loss = winner.estimated
    ci95 = "" if loss.ci95 is None else f" (95% CI {fmt.accuracy_interval(*loss.ci95)})"
    return f"{fmt.accuracy_change(loss.value)}{ci95} by the estimate that needs no labels"


def neighbours(rec: Recommendation) -> str:
    """What the winner's embeddings do to a search, in plain figures; empty for the baseline."""
    winner = None if rec.winner is None else rec.outcome(rec.winner)
    if winner is None or winner.drift is None or winner.name == rec.baseline:
        return ""
    drift = winner.drift
    k = min(10, drift.num_texts - 1)
    text = (
        f"{drift.top10_overlap:.1%} of the {k} nearest neighbours stay on average, and 19 of 20 texts keep "
        f"{round(k * drift.top10_overlap_p05)} or more; cosine to the baseline's embedding "
        f"{_cosine(drift.cosine_median)} in the middle, {_cosine(drift.cosine_min)} at worst"
    )
    if drift.batch_cosine_min is not None and drift.batch_cosine_min < _SAME:
        text += f"; alone or in a batch, a text's embeddings differ (cosine {_cosine(drift.batch_cosine_min)} at worst)"
    return text


def reindexing(rec: Recommendation) -> str:
    """Whether vectors that the baseline made may stay in an index; empty where there are none or nothing is known."""
    winner = None if rec.winner is None else rec.outcome(rec.winner)
    if winner is None or winner.drift is None or winner.drift.mixed is None or winner.name == rec.baseline:
        return ""
    mixed = winner.drift.mixed
    ci95 = "" if mixed.ci95 is None else f" (95% CI {fmt.accuracy_interval(*mixed.ci95)})"
    budget = f"budget {fmt.percent(rec.request.max_loss)}"
    figures = f"{fmt.accuracy_change(mixed.value)}{ci95} with half of an index old, {budget}"
    if within(mixed, max_loss=rec.request.max_loss):
        return f"vectors of {rec.baseline} may stay beside new ones: {figures}"
    return f"embed everything anew, do not mix with vectors of {rec.baseline}: {figures}"


_SAME = 1 - 1e-6


def _cosine(value: float) -> str:
    """Never rounded up to 1."""
    return "1" if value >= 1 else f"{min(value, 0.9999):.4f}"


def losses_by_length(rec: Recommendation) -> str:
    """The winner's estimated loss on texts of each length: `16-31 0.08%`...; empty where lengths are alike."""
    winner = None if rec.winner is None else rec.outcome(rec.winner)
    if winner is None or winner.drift is None or len(winner.drift.by_length) < 2:
        return ""
    parts = [
        f"{span(each.min_chars, each.max_chars)} {fmt.percent(each.value)}"
        + ("" if each.ci95 is None else f" ({fmt.percent(each.ci95[0])} to {fmt.percent(each.ci95[1])})")
        for each in winner.drift.by_length
    ]
    return f"characters {', '.join(parts)}"


def rules(rec: Recommendation) -> str:
    """Whether the ruleset's pick held, and why not if it did not."""
    if rec.verdict == "confirmed":
        return f"confirmed: {rec.decision.ruleset} picks it too"
    return f"{rec.verdict}: {rec.why}" if rec.why else rec.verdict


def disagreements(rec: Recommendation) -> tuple[str, ...]:
    """One sentence for each other ruleset that picks something else, with what was measured of its pick."""
    return tuple(
        f"{other.ruleset} picks {other.recommendation} instead: {_what_became(other, rec)}"
        for other in rec.alternatives
        if other.recommendation != rec.decision.recommendation
    )


def improvement(outcome: Outcome, rec: Recommendation) -> float | None:
    """How many times better than the baseline by the objective; None where either was not measured."""
    base = rec.outcome(rec.baseline)
    paired = paired_gain(outcome, rec)
    if paired is not None or rec.request.objective == "throughput":
        return None if paired is None else paired.median
    value = objective_value(outcome, rec.request.objective)
    reference = None if base is None else objective_value(base, rec.request.objective)
    return None if not value or not reference else reference / value


def paired_gain(outcome: Outcome, rec: Recommendation) -> Estimate | None:
    """The ratio to the baseline from rounds side by side: of speeds, or of latencies; None where there is none."""
    if outcome.timing is None or rec.request.objective == "memory":
        return None
    return outcome.timing.speedup if rec.request.objective == "throughput" else outcome.timing.latency_speedup


def settings(rec: Recommendation) -> str:
    """The setting that tuning kept for the winner and what it brought; empty where there is none."""
    winner = None if rec.winner is None else rec.outcome(rec.winner)
    kept = next((tried for tried in winner.tried if tried.kept), None) if winner is not None else None
    if kept is None:
        return ""
    gain = f"{kept.speedup.median - 1:.0%} faster than the default settings"
    return f"{kept.label}: {gain}; advisor.load uses it"


def larger_batches(rec: Recommendation) -> str:
    """What the baseline gains by larger batches alone, and what the winner gains beyond that; empty where nothing."""
    baseline = rec.outcome(rec.baseline)
    gained = [tried for tried in (() if baseline is None else baseline.tried) if _beyond_doubt(tried.speedup)]
    if not gained:
        return ""
    best = max(gained, key=lambda tried: tried.speedup.median)
    times = fmt.times(best.speedup.median)
    sentence = f"{rec.baseline} with batch_size={best.settings.batch_size} is {times} as fast as with its default"
    winner = None if rec.winner in (None, rec.baseline) else rec.outcome(str(rec.winner))
    gain = None if winner is None or winner.timing is None else winner.timing.speedup
    if winner is None or gain is None:
        return sentence
    return f"{sentence}; {winner.name} is {fmt.times(gain.median / best.speedup.median)} as fast as that"


def _beyond_doubt(speedup: Estimate) -> bool:
    return speedup.ci95 is not None and speedup.ci95[0] > 1


def _source(rec: Recommendation) -> str:
    """`measured here`, and when, where no round is of this run."""
    how = rec.measurement
    if how is None or how.num_reused < how.num_rounds or not how.num_rounds:
        return "measured here"
    return f"measured here at {how.started[:16].replace('T', ' ')} UTC"


def _gain(factor: float, rec: Recommendation) -> str:
    better, worse = {
        "throughput": ("faster", "slower"),
        "latency": ("lower latency", "higher latency"),
        "memory": ("less memory", "more memory"),
    }[rec.request.objective]
    if factor >= 1:
        return f"{fmt.times(factor)} {better} than {rec.baseline}"
    return f"{fmt.times(1 / factor)} {worse} than {rec.baseline}"


def _what_became(other: Decision, rec: Recommendation) -> str:
    outcome = rec.outcome(other.recommendation)
    if outcome is None:
        return "not tried here"
    if outcome.name == rec.winner:
        return "it won"
    if outcome.status != "measured":
        return note(outcome)
    factor = improvement(outcome, rec)
    if factor is None:
        return "measured here"
    unit = {"throughput": "", "latency": " by latency", "memory": " by memory"}[rec.request.objective]
    return f"{fmt.times(factor)}{unit}, measured here"
