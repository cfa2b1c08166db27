"""An objective is one row: what is added to the table is chosen by, shown and offered everywhere."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import factories
import pytest
from textual.widgets import Select
from tui_support import app_of, until

from advisor import objectives
from advisor.choose import choose
from advisor.cli import main
from advisor.objectives import OBJECTIVES, Objective, Wording
from advisor.pipeline.spec import RunSpec, check
from advisor.report import verdict
from advisor.report.html import to_html
from advisor.report.markdown import to_markdown
from advisor.report.text import full
from advisor.rules import Facts, with_overrides
from advisor.rules.vocabulary import FACTS
from advisor.tui.dialogs.whatif import WhatIf
from advisor.types import Outcome, Recommendation
from advisor.whatif import what_if

SCHEMA = Path(__file__).parent.parent / "docs" / "recommendation.schema.json"

NAME = "steadiness"

ROW = Objective(
    name=NAME,
    unit="ms",
    value=lambda timing: timing.latency_p95_ms,
    lower_is_better=True,
    paired=None,
    against=None,
    words=Wording(
        noun="tail",
        better="shorter tail",
        worse="longer tail",
        gain="has a shorter tail",
        axis="times shorter tail than",
        compares="has {inverse:.2f}x the tail of",
        figure="{} at the tail",
        by=" by tail",
        column="p95",
    ),
    races=objectives.get("latency").races,
)


def tailed(outcome: Outcome, p95_ms: float) -> Outcome:
    timing = outcome.timing
    assert timing is not None
    assert timing.latency_ms is not None
    return replace(outcome, timing=replace(timing, latency_ms=replace(timing.latency_ms, p95=p95_ms)))


@pytest.fixture
def rec(monkeypatch: pytest.MonkeyPatch) -> Recommendation:
    """A run under the added objective, by which a candidate wins that is the best by no other."""
    monkeypatch.setitem(OBJECTIVES, NAME, ROW)
    made = factories.confirmed()
    tails = {"torch-fp32": 12.0, "openvino-qint8": 6.0, "openvino-bf16": 1.5, "onnx-qint8": 8.0}
    outcomes = [tailed(each, tails[each.name]) if each.name in tails else each for each in made.candidates]
    request = replace(made.request, objective=NAME)
    choice = choose(outcomes, decision=made.decision, request=request)
    return replace(
        made,
        candidates=choice.outcomes,
        request=request,
        winner=choice.winner,
        verdict=choice.verdict,
        why=choice.why,
    )


def test_it_is_chosen_by(rec: Recommendation) -> None:
    assert (rec.winner, rec.verdict) == ("openvino-bf16", "overturned")
    assert rec.why.startswith("openvino-bf16 has 0.25x the tail of openvino-qint8, which the rules named")


def test_reports_say_its_words_and_show_its_column(rec: Recommendation) -> None:
    assert verdict.headline(rec).sentence == "8.0x shorter tail than torch-fp32"
    terminal = full(rec, width=120).plain
    assert "  tail      1.5 ms at the tail, against 12.0 ms" in terminal
    assert "p95" in next(line for line in terminal.splitlines() if "candidate" in line).split()
    for document in (to_markdown(rec), to_html(rec)):
        assert "8.0x shorter tail than torch-fp32" in document
        assert "p95" in document
    assert "times shorter tail than torch-fp32" in to_html(rec)


def test_a_winner_that_is_the_baseline_is_said_in_its_words(rec: Recommendation) -> None:
    kept = replace(rec, winner=rec.baseline, verdict="confirmed")
    assert verdict.headline(kept).sentence == "nothing within the loss budget has a shorter tail"


def test_a_what_if_ranks_by_it(rec: Recommendation) -> None:
    by_speed = replace(rec, request=replace(rec.request, objective="throughput"))
    answer = what_if(by_speed, objective=NAME)
    assert answer.choice is not None
    assert answer.choice.winner == "openvino-bf16"


def test_rules_may_ask_for_it(rec: Recommendation) -> None:
    del rec
    facts = with_overrides(Facts(dict.fromkeys(FACTS)), [f"request.objective={NAME}"])
    assert facts["request.objective"] == NAME


def test_the_schema_names_every_objective() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema["properties"]["objective"]["enum"] == list(OBJECTIVES)


def test_a_run_accepts_it(rec: Recommendation) -> None:
    del rec
    check(RunSpec(model="demo", objective=NAME))


def test_the_command_line_accepts_it_and_offers_it(
    rec: Recommendation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from advisor import api

    asked = {}

    def recommend(model: str, **options: object) -> Recommendation:
        asked.update(options, model=model)
        return rec

    monkeypatch.setattr(api, "recommend", recommend)
    assert main(["recommend", "demo", "--objective", NAME]) == 0
    assert asked["objective"] == NAME
    capsys.readouterr()
    assert main(["recommend", "--help"]) == 0
    assert f"|{NAME}]" in "".join(capsys.readouterr().out.split())


def test_the_app_offers_it(rec: Recommendation) -> None:
    async def scenario() -> None:
        app = app_of(opened=rec, objective=NAME)
        async with app.run_test(size=(140, 45)) as pilot:
            assert app.query_one("#field-objective", Select).value == NAME
            await pilot.press("escape", "w")
            await until(pilot, lambda: isinstance(app.screen, WhatIf))
            assert app.screen.query_one("#objective", Select).value == NAME

    asyncio.run(scenario())


def test_the_tie_margin_is_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objectives, "TIE_MARGIN", 0.07)
    page = to_html(factories.detailed())
    assert "Gaps of up to 7%, or within the intervals" in page
    assert "within 7% count as ties" in " ".join(page.split())
    assert "3% count" not in page
