"""The answer in sentences: what won, by how much, at what loss, and whether the rules had said so. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from advisor import objectives
from advisor.choose import among_tried
from advisor.gate import within
from advisor.objectives import Objective
from advisor.report import format as fmt
from advisor.report import steps
from advisor.report.lengths import span
from advisor.report.table import note
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
    winner, among = winner_of(rec), among_tried(rec.candidates, _goal(rec))
    if winner is None:
        sentence = "meets the constraints" if among is None else "that there was time for meets the constraints"
        return Headline(name="no candidate", sentence=sentence, source="")
    if among is not None and among not in rec.why:  # something else is in doubt too
        among = None
    if winner.name == rec.baseline:
        sentence = f"nothing within the loss budget {_goal(rec).words.gain}"
        if rec.verdict == "inconclusive":
            sentence = among or "this run cannot tell whether another candidate is better"
        return Headline(name=f"keep {rec.baseline}", sentence=sentence, source=_source(rec))
    gain = improvement(winner, rec)
    if gain is None:
        return Headline(name=winner.name, sentence=rec.why, source="")
    sentence = _compared(gain.median, rec)
    if rec.verdict == "inconclusive" and among is None:
        return Headline(name=winner.name, sentence=f"perhaps {sentence}: this run cannot tell", source=_source(rec))
    if gain.ci95 is not None and gain.median >= 1:
        sentence += f" (95% CI {fmt.interval(*gain.ci95, like=gain.median)})"
    if among is not None:
        sentence += f", {among}"
    return Headline(name=winner.name, sentence=sentence, source=_source(rec))


def figures(rec: Recommendation) -> str:
    """The winner's figure against the baseline's, in the objective's unit; empty where nothing was measured."""
    winner, base = winner_of(rec), rec.outcome(rec.baseline)
    if winner is None or winner.timing is None:
        return ""
    goal = _goal(rec) if _goal(rec).value(winner.timing) is not None else objectives.SPEED
    own = goal.value(winner.timing)
    p95 = None if goal.p95 is None else goal.p95(winner.timing)
    before = None if base is None or base is winner or base.timing is None else goal.value(base.timing)
    assert own is not None  # every candidate that was timed has a speed
    rate = f" {words(rec.model).rate}" if goal.unit == "texts/s" else ""
    text = goal.words.figure.format(fmt.measure(own, goal.unit) + rate)
    if p95 is not None:
        text += f", {fmt.measure(p95, goal.unit)} p95"
    return text if before is None else text + goal.words.against.format(fmt.measure(before, goal.unit))


def accuracy(rec: Recommendation) -> str:
    """The winner's change in accuracy, how it is known, and the budget; empty where there is no winner."""
    winner = winner_of(rec)
    if winner is None:
        return ""
    if winner.name == rec.baseline:
        return "unchanged: it is the baseline"
    budget = f"budget {fmt.percent(rec.request.max_loss)}"
    loss = winner.loss
    if loss is None:
        return f"{fmt.UNKNOWN}, {budget}"
    return f"{_change(loss)}, {_how(loss, builtin=rec.texts.builtin)}, {budget}"


def _how(loss: Fidelity, *, builtin: bool) -> str:
    if loss.method == "checked":
        return "checked on the reference texts"
    if loss.method == "labelled":
        return _on_labels(loss)
    number = "" if loss.num_texts is None else f"{loss.num_texts} " if builtin else f"{loss.num_texts} of "
    return f"estimated on {number}{'built-in' if builtin else 'your'} texts"


def _on_labels(loss: Fidelity) -> str:
    scores = ""
    if loss.score is not None and loss.baseline_score is not None:
        scores = f": {100 * loss.score:.2f} against {100 * loss.baseline_score:.2f}"
    return f"measured on your labels ({loss.metric}{scores})"


def unlabelled(rec: Recommendation) -> str:
    """What would have been estimated without labels, for the winner; empty where there are none."""
    winner = winner_of(rec)
    if winner is None or winner.estimated is None or winner.name == rec.baseline:
        return ""
    if winner.estimated.method == "checked":
        return f"{_change(winner.estimated)} by the check that needs no labels"
    return f"{_change(winner.estimated)} by the estimate that needs no labels"


def neighbours(rec: Recommendation) -> str:
    """What the winner's embeddings do to a search, in plain figures; empty for the baseline."""
    winner = winner_of(rec)
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
    winner = winner_of(rec)
    if winner is None or winner.name == rec.baseline:
        return ""
    checked = next((one for one in (winner.loss, winner.estimated) if one and one.method == "checked"), None)
    if checked is not None and within(checked, max_loss=0):
        return f"vectors of {rec.baseline} may stay beside new ones: they are the same but for rounding"
    if winner.drift is None or winner.drift.mixed is None:
        return ""
    mixed = winner.drift.mixed
    budget = f"budget {fmt.percent(rec.request.max_loss)}"
    figures = f"{_change(mixed)} with half of an index old, {budget}"
    if within(mixed, max_loss=rec.request.max_loss):
        return f"vectors of {rec.baseline} may stay beside new ones: {figures}"
    return f"embed everything anew, do not mix with vectors of {rec.baseline}: {figures}"


def _change(loss: Fidelity) -> str:
    """`-0.08% (95% CI -0.15..-0.02)`."""
    ci95 = "" if loss.ci95 is None else f" (95% CI {fmt.accuracy_interval(*loss.ci95)})"
    return f"{fmt.accuracy_change(loss.value)}{ci95}"


_SAME = 1 - 1e-6


def _cosine(value: float) -> str:
    """Never rounded up to 1."""
    return "1" if value >= 1 else f"{min(value, 0.9999):.4f}"


def losses_by_length(rec: Recommendation) -> str:
    """The winner's estimated loss on texts of each length: `16-31 0.08%`...; empty where lengths are alike."""
    winner = winner_of(rec)
    if winner is None or winner.drift is None or len(winner.drift.by_length) < 2:
        return ""
    parts = [
        f"{span(each.min_chars, each.max_chars)} {fmt.percent_between(each.value, each.ci95)}"
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


def screen(rec: Recommendation) -> str:
    """What was predicted, and how far to trust that; empty where nothing was."""
    check = None if rec.measurement is None else rec.measurement.screen
    num_predicted = sum(each.predicted is not None for each in rec.candidates)
    return "" if check is None else steps.predictions(check, num_predicted)


def improvement(outcome: Outcome, rec: Recommendation) -> Estimate | None:
    """How many times better than the baseline by the objective, with its interval where rounds side by side gave one.

    None where either was not measured.
    """
    goal, base = _goal(rec), rec.outcome(rec.baseline)
    if outcome.timing is None:
        return None
    if outcome.name == rec.baseline:
        return Estimate(median=1.0)
    paired = None if goal.paired is None else goal.paired(outcome.timing)
    if paired is not None or goal.unit == "texts/s":  # texts/s of different minutes are not compared
        return paired
    value = goal.value(outcome.timing)
    reference = None if base is None or base.timing is None else goal.value(base.timing)
    if not value or not reference:
        return None
    return Estimate(median=reference / value if goal.lower_is_better else value / reference)


def axis(rec: Recommendation) -> str:
    """What `improvement` counts: `speedup over torch-fp32`."""
    return f"{_goal(rec).words.axis} {rec.baseline}"


def settings(rec: Recommendation) -> str:
    """The setting that tuning kept for the winner and what it brought; empty where there is none."""
    winner = winner_of(rec)
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


def _compared(factor: float, rec: Recommendation) -> str:
    said = _goal(rec).words
    if factor >= 1:
        return f"{fmt.times(factor)} {said.better} than {rec.baseline}"
    return f"{fmt.times(1 / factor)} {said.worse} than {rec.baseline}"


def winner_of(rec: Recommendation) -> Outcome | None:
    """What won; None where nothing did."""
    return None if rec.winner is None else rec.outcome(rec.winner)


def _goal(rec: Recommendation) -> Objective:
    return objectives.get(rec.request.objective)


def _what_became(other: Decision, rec: Recommendation) -> str:
    outcome = rec.outcome(other.recommendation)
    if outcome is None:
        return "not tried here"
    if outcome.name == rec.winner:
        return "it won"
    if outcome.status != "measured":
        return note(outcome)
    gain = improvement(outcome, rec)
    return "measured here" if gain is None else f"{fmt.times(gain.median)}{_goal(rec).words.by}, measured here"
