"""Speed by length of text, where it crosses over, and the settings that were tried: as lines. Pure."""

from __future__ import annotations

from rich.text import Text

from advisor.report import format as fmt
from advisor.report.lengths import crossover, span
from advisor.report.words import words
from advisor.tui.drawing.lines import wrapped
from advisor.types import Outcome, Recommendation
from advisor.whatif import best_by_length


def by_length(rec: Recommendation, width: int) -> list[Text]:
    """Who is best on texts of which length, and in a sentence where that changes."""
    best = best_by_length(rec.candidates, rec.request)
    lines = [Text(line, style="bold") for line in wrapped(crossover(best), width, 2) if line]
    for each in best:
        tied = f", level with {', '.join(each.tied)}" if each.tied else ""
        share = f"{fmt.share(each.share)} of the {words(rec.model).items}"
        where = f"{span(each.min_chars, each.max_chars)} characters ({share})"
        lines += [Text(line) for line in wrapped(f"{where}: {each.candidate}{tied}", width, 2)]
    return lines


def of_outcome(outcome: Outcome, rate: str) -> list[Text]:
    """One candidate's speed by length."""
    lines = []
    for speed in outcome.by_length:
        speedup = "" if speed.speedup is None else f", {fmt.times(speed.speedup.median)}"
        where = f"{span(speed.min_chars, speed.max_chars)} characters"
        lines.append(Text(f"{where}: {fmt.rate(speed.texts_per_s.median)} {rate}{speedup}"))
    return lines


def tuning(rec: Recommendation, width: int) -> list[Text]:
    """All settings that were tried, candidate by candidate."""
    lines = []
    for outcome in rec.candidates:
        for line in settings_of(outcome):
            lines += [Text(part) for part in wrapped(f"{outcome.name}: {line}", width, 2)]
    return lines


def settings_of(outcome: Outcome) -> list[str]:
    """One line a setting that was tried on this candidate."""
    lines = []
    for tried in outcome.tried:
        ci95 = tried.speedup.ci95
        interval = "" if ci95 is None else f" ({fmt.interval(*ci95, like=tried.speedup.median)})"
        kept = "kept" if tried.kept else "not kept"
        lines.append(f"{tried.label}: {fmt.times(tried.speedup.median)}{interval} its default settings, {kept}")
    return lines
