"""The report as one page that needs nothing else: no network, no scripts, no fonts."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any

from advisor.report import verdict
from advisor.report.flips import flips
from advisor.report.html import candidates, prose
from advisor.report.html.by_length import by_length
from advisor.report.html.flowchart import flowchart
from advisor.report.html.histogram import histogram
from advisor.report.html.markup import Markup, join, tag
from advisor.report.html.pareto import pareto
from advisor.report.html.rounds import rounds
from advisor.report.html.tables import items, paragraph, section
from advisor.report.privacy import redacted
from advisor.report.rulebook import path_alone, ruleset_of
from advisor.rules import Ruleset, layout
from advisor.types import Recommendation

ISLAND = "advisor-recommendation"


def to_html(rec: Recommendation, *, ruleset: Ruleset | None = None) -> str:
    """The report of `rec`: one HTML file of some 100 kB that can be mailed, printed and read offline.

    `ruleset` is the one that made the decision; without it the packaged one of that name is drawn, or the path alone
    where there is none. No text of the user's is in the page and no absolute path: those that reasons, warnings and
    notes name are cut to their last part.
    """
    rec = redacted(rec)
    top = verdict.headline(rec)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{rec.model.id}: {top.name} {top.sentence}"),
        tag("style", Markup(files(__package__).joinpath("style.css").read_text(encoding="utf-8"))),
    )
    said = flips(rec)
    body = tag(
        "body",
        tag(
            "main",
            prose.answer(rec),
            prose.warnings(rec),
            section("plot", "Gain against loss", pareto(rec)),
            section("candidates", "All candidates", candidates.results(rec)),
            section("rules-chart", "What the rules say", _chart(rec, ruleset)),
            section(
                "flips",
                "What would change the answer",
                items(said) or paragraph("No other loss budget, and no other ruleset."),
            ),
            section("texts", "Lengths of the texts", histogram(rec)),
            section("speed-by-length", "Speed by length", by_length(rec)),
            section("time", "Rounds over time", rounds(rec)),
            section("costs", "Size, memory and times", candidates.costs(rec)),
            section("tuning", "Settings that were tried", candidates.tuning(rec)),
            section("environment", "Environment", prose.environment(rec)),
            section("method", "Method and limits", prose.method(rec)),
            section("again", "Reproduce", prose.reproduce(rec)),
            tag("footer", paragraph(_colophon(rec))),
        ),
        tag("script", island(rec), type="application/json", id=ISLAND),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def island(rec: Recommendation) -> Markup:
    """The recommendation's document as JSON that cannot end the element that it stands in."""
    text = json.dumps(_finite(rec.to_dict()), separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _chart(rec: Recommendation, ruleset: Ruleset | None) -> Markup:
    book = ruleset_of(rec.decision, given=ruleset)
    graph = path_alone(rec.decision) if book is None else layout(book, rec.decision)
    book_title = "" if graph.title == rec.decision.ruleset else f" ({graph.title})"
    said = f"{rec.decision.ruleset}{book_title} recommends {rec.decision.recommendation}."
    return join([paragraph(said), flowchart(graph, rec.decision)])


def _colophon(rec: Recommendation) -> str:
    return (
        f"Written by advisor {rec.advisor_version}. This page is one file and loads nothing. It holds "
        f"none of the texts. All of its figures stand in it as JSON too, in the element {ISLAND}."
    )


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN: they are null, which is unknown."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
