"""Pictures made of characters."""

from __future__ import annotations

from pathlib import Path

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.rules import available_rulesets, collect_facts, decide, load_ruleset
from advisor.tui.ascii import plain
from advisor.tui.drawing import flowchart, histogram, pareto
from advisor.tui.drawing.histogram import Mark
from advisor.tui.drawing.pareto import Point
from advisor.tui.drawing.spark import spark
from advisor.types import Decision, Histogram

RULESETS = sorted((Path(__file__).parent / "data" / "rules").glob("*.toml"))


def decision_of(name: str) -> Decision:
    rec = factories.confirmed()
    facts = collect_facts(hardware=rec.hardware, profile=rec.texts, model=rec.model, request=rec.request)
    return decide(load_ruleset(name), facts)


# -- the flowchart -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", available_rulesets())
@pytest.mark.parametrize("width", [56, 76, 96, 136])
def test_a_flowchart_names_every_question_and_candidate_and_fits_its_width(name: str, width: int) -> None:
    whole = load_ruleset(name)
    ruleset = whole.for_kind("embedding")  # the flowchart that the decision went through
    drawn = flowchart.draw(whole, decision_of(name), width=width, height=40).plain
    words = " ".join(drawn.translate({ord(sign): " " for sign in "│┃─━┌┐└┘┏┓┗┛├▸"}).split())
    for leaf in ruleset.leaves:
        assert leaf.candidate in words
    if width < 90:
        assert all(node.question in words for node in ruleset.nodes)
    assert max(map(len, drawn.splitlines())) <= width


@pytest.mark.parametrize("name", available_rulesets())
def test_the_taken_path_shows_in_signs_alone_and_carries_its_evidence(name: str) -> None:
    decision = decision_of(name)
    for width in (76, 136):
        drawn = flowchart.draw(load_ruleset(name), decision, width=width, height=60).plain
        assert drawn.count("✓") == 1
        assert drawn.count("= ") == len(decision.path)
        line = next(line for line in drawn.splitlines() if "✓" in line)
        assert decision.recommendation in line
    assert "┏" in drawn
    undecided = flowchart.draw(load_ruleset(name), None, width=136, height=60).plain
    assert not set("┏┓━✓") & set(undecided)


def test_a_width_that_has_no_room_for_boxes_gets_the_tree() -> None:
    ruleset = load_ruleset("sbert-2024")
    assert flowchart.boxes(ruleset, None, width=60) is None
    assert flowchart.boxes(ruleset, None, width=100) is not None
    assert "├─ " in flowchart.draw(ruleset, None, width=100, height=5).plain


def test_a_ruleset_of_the_users_own_is_drawn(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'title = "Mine"\nversion = "1"\nsource = "https://example.org"\nstart = "cores"\n'
        '[nodes.cores]\nquestion = "Many cores?"\nfact = "cpu.usable_cores"\ncomparison = ">="\nvalue = 8\n'
        'yes = "a"\nno = "b"\nanswers = { yes = "many", no = "few" }\n'
        '[leaves.a]\ncandidate = "openvino"\n[leaves.b]\ncandidate = "onnx"\n'
    )
    for width in (40, 120):
        drawn = flowchart.draw(load_ruleset(str(file)), decision_of(str(file)), width=width, height=40).plain
        assert "Many cores?" in drawn
        assert "onnx ✓" in drawn


# -- the histogram -------------------------------------------------------------------------------------------


def test_a_histogram_shows_the_counts_the_edges_the_marks_and_the_maximum() -> None:
    profile = factories.texts()
    assert profile.histogram is not None
    marks = [
        Mark(label="p50", value=11),
        Mark(label="p95", value=31),
        Mark(label="max", value=256, line=True),
    ]
    drawn = histogram.draw(profile.histogram, marks, width=78, height=14).plain
    for said in ("171", "▲ p50 11", "▲ p95 31", "┆max 256", " 4 ", "88"):
        assert said in drawn
    assert len(drawn.splitlines()) <= 14


def test_a_maximum_inside_the_lengths_is_a_line_through_the_columns() -> None:
    lengths = Histogram(unit="tokens", edges=(1, 10, 100, 1000), counts=(5, 5, 5))
    drawn = histogram.draw(lengths, [Mark(label="max", value=100, line=True)], width=60, height=12)
    columns = {line.plain.index("┆") for line in drawn.split("\n") if "┆" in line.plain}
    assert len(columns) == 1


def test_a_length_stands_where_its_logarithm_does() -> None:
    edges = (1, 10, 100)
    assert histogram.place(1, edges) == 0
    assert histogram.place(10, edges) == 1
    assert histogram.place(1000, edges) == 2
    assert histogram.place(100**0.5 * 10**0.5, edges) == pytest.approx(1.5)


@given(
    widths=st.lists(st.integers(1, 500), min_size=1, max_size=40),
    first=st.integers(0, 50),
    counts=st.lists(st.integers(0, 10**6), min_size=40, max_size=40),
    value=st.floats(0, 10**5),
    width=st.integers(40, 140),
    height=st.integers(8, 40),
)
def test_any_histogram_fits_its_room(
    widths: list[int], first: int, counts: list[int], value: float, width: int, height: int
) -> None:
    edges = [first]
    for step in widths:
        edges.append(edges[-1] + step)
    lengths = Histogram(unit="tokens", edges=tuple(edges), counts=tuple(counts[: len(widths)]))
    marks = [Mark(label="p50", value=value), Mark(label="max", value=512, line=True)]
    lines = histogram.draw(lengths, marks, width=width, height=height).plain.splitlines()
    assert len(lines) <= height
    assert max(map(len, lines), default=0) <= width


# -- the plot of speed against loss --------------------------------------------------------------------------


def test_the_plot_shows_each_candidate_with_its_intervals_and_the_budget() -> None:
    rec = factories.overturned()
    points = pareto.points(rec)
    assert [point.key + point.name for point in points] == ["Aopenvino-qint8", "Bopenvino-bf16", "Ctorch-fp32"]
    drawn = pareto.draw(points, max_loss=0.004, width=78, height=14).plain
    lines = drawn.splitlines()
    assert "┄┄┄" in next(line for line in lines if line.strip().startswith("0.40%"))
    rows = {key: next(index for index, line in enumerate(lines) if f"─{key}─" in line) for key in "AB"}
    assert rows["B"] < rows["A"], "the larger loss is lower"
    columns = {key: lines[row].index(f"─{key}─") for key, row in rows.items()}
    assert columns["B"] < columns["A"], "the faster is to the right"
    assert "speedup" in lines[-1]
    assert "openvino-bf16" in drawn


def test_what_has_no_loss_or_no_speed_is_not_plotted() -> None:
    assert pareto.points(factories.nothing_passes()) == tuple(
        point for point in pareto.points(factories.nothing_passes()) if point.name == "openvino-qint8"
    )
    assert "Nothing to plot" in pareto.draw((), max_loss=0.004, width=60, height=10).plain


SPEEDS = st.floats(1e-3, 1e3)
LOSSES = st.floats(-0.05, 1.0)


@given(
    figures=st.lists(st.tuples(SPEEDS, SPEEDS, SPEEDS, LOSSES, LOSSES, LOSSES), min_size=1, max_size=12),
    max_loss=st.floats(0, 0.99),
    width=st.integers(20, 140),
    height=st.integers(3, 40),
)
def test_any_plot_fits_its_room(
    figures: list[tuple[float, float, float, float, float, float]], max_loss: float, width: int, height: int
) -> None:
    points = [
        Point(
            key=chr(65 + index),
            name="openvino-qint8",
            speedup=sorted(each[:3])[1],
            speedup_ci95=(min(each[:3]), max(each[:3])),
            loss=sorted(each[3:])[1],
            loss_ci95=(min(each[3:]), max(each[3:])),
            winner=index == 0,
            passed=True,
        )
        for index, each in enumerate(figures)
    ]
    lines = pareto.draw(points, max_loss=max_loss, width=width, height=height).plain.splitlines()
    assert len(lines) <= max(height, pareto.MIN_HEIGHT)
    assert max(map(len, lines)) <= max(width, pareto.MIN_WIDTH)
    assert points[0].key in "".join(lines)


# -- the rest ------------------------------------------------------------------------------------------------


def test_a_sparkline_shows_the_last_values_between_their_extremes() -> None:
    assert spark([1, 2, 3], 10) == "▁▅█"
    assert spark([5, 5], 10) == "▄▄"
    assert spark([9, 1, 2], 2) == "▁█"
    assert spark([], 5) == ""


@given(text=st.text(max_size=60))
def test_ascii_keeps_the_number_of_signs(text: str) -> None:
    assert plain(text).isascii()
    assert len(plain(text)) == len(text)


def test_pictures_stay_readable_in_ascii() -> None:
    drawn = plain(flowchart.draw(load_ruleset("sbert-2024"), decision_of("sbert-2024"), width=76, height=40).plain)
    assert "?" not in drawn.replace("GPU?", "").replace("characters?", "").replace("able?", "").replace("CPU?", "")
    assert "openvino-qint8 +" in drawn
