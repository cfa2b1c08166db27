"""The drawings: round ticks, places that are true to the figures, labels that do not cover one another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import factories
import html_pages
import pytest
from html_pages import SVG, drawings, label_boxes
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisor.report.html import to_html
from advisor.report.html.flowchart import NODE, PITCH, flowchart, wrapped
from advisor.report.html.histogram import histogram
from advisor.report.html.labels import Spot, place, spread
from advisor.report.html.pareto import HEIGHT, WIDTH, pareto, points
from advisor.report.html.scale import Scale, log_ticks, nice_ticks
from advisor.report.html.svg import Box, text_width
from advisor.rules import available_rulesets, collect_facts, decide, layout, load_ruleset, with_overrides
from advisor.types import BASELINE, Estimate, Histogram, LengthSpeed, LengthStats, Recommendation, Request

Make = Callable[[], Recommendation]
MAKERS: tuple[Make, ...] = (*factories.EVERY_KIND, factories.detailed, html_pages.crowded, html_pages.real_run)


# -- scales ----------------------------------------------------------------------------------------------------


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-6, 1e6), about=st.integers(2, 12))
def test_ticks_cover_the_range_in_equal_round_steps(low: float, width: float, about: int) -> None:
    high = low + width
    if high == low:
        return
    ticks = nice_ticks(low, high, about=about)
    slack = 1e-6 * max(abs(low), abs(high), 1e-9)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 3 * about + 2


def test_ticks_are_numbers_that_people_like_to_read() -> None:
    assert nice_ticks(0, 6.5) == (0, 2, 4, 6, 8)
    assert nice_ticks(0, 0.0052, about=6) == (0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006)
    assert nice_ticks(3, 3)[0] <= 3 <= nice_ticks(3, 3)[-1]
    assert log_ticks(4, 300) == (5, 10, 20, 50, 100, 200)
    assert log_ticks(1, 1e6) == (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)


@given(value=st.floats(1, 100), log=st.booleans())
def test_a_scale_keeps_the_order_and_meets_its_ends(value: float, log: bool) -> None:
    scale = Scale(low=1, high=100, start=10, end=500, log=log)
    assert scale(1) == pytest.approx(10)
    assert scale(100) == pytest.approx(500)
    assert 10 - 1e-6 <= scale(value) <= 500 + 1e-6
    assert scale(value) <= scale(min(100.0, value * 1.01)) + 1e-9


def test_a_scale_of_one_value_puts_it_in_the_middle() -> None:
    assert Scale(low=3, high=3, start=0, end=10)(3) == 5


# -- labels ----------------------------------------------------------------------------------------------------


def overlaps(boxes: list[tuple[str, Box]]) -> list[tuple[str, str]]:
    return [(one, other) for (one, a), (other, b) in itertools.combinations(boxes, 2) if a.overlap(b) > 0]


@pytest.mark.parametrize("make", MAKERS)
def test_no_label_of_any_drawing_covers_another_or_leaves_the_paper(make: Make) -> None:
    found = drawings(to_html(make()))
    assert found
    for drawing in found:
        _, _, width, height = map(float, (drawing.get("viewBox") or "").split())
        boxes = label_boxes(drawing)
        assert overlaps(boxes) == [], drawing.get("aria-labelledby")
        for text, box in boxes:
            assert box.left >= 0, text
            assert box.right <= width, text
            assert box.top >= 0, text
            assert box.bottom <= height, text


@settings(max_examples=40, deadline=None)
@example(figures=[(4051.4375, 0.00390625), (4140.5, 0.015625)], budget=0.0)  # their labels touch, once rounded
@example(figures=[(50.0, 0.0), (62.0, -0.001)], budget=0.001)  # one is better than the baseline by more than all lose
@given(
    figures=st.lists(st.tuples(st.floats(50, 5000), st.floats(-0.001, 0.02)), min_size=2, max_size=8),
    budget=st.sampled_from([0.0, 0.001, 0.004, 0.05]),
)
def test_labels_of_the_pareto_stay_apart_wherever_the_points_lie(
    figures: list[tuple[float, float]], budget: float
) -> None:
    names = ("openvino-qint8", "openvino-bf16", "onnx-qint8", "torch-bf16", "openvino", "onnx", "onnx-O3", "torch-fp16")
    outcomes = [factories.outcome(name, *each) for name, each in zip(names, figures, strict=False)]
    rec = replace(
        factories.confirmed(),
        candidates=(*outcomes, factories.outcome(BASELINE, 409.0)),
        request=Request(max_loss=budget),
        winner=names[0],
    )
    drawn = pareto(rec)
    assert drawn is not None
    (drawing,) = drawings(drawn)
    boxes = label_boxes(drawing)
    assert overlaps(boxes) == []
    width = float((drawing.get("viewBox") or "").split()[2])
    assert all(box.left >= 0 and box.right <= width for _, box in boxes)


def test_labels_on_one_spot_are_moved_apart_and_keep_a_line_to_it() -> None:
    spots = [Spot(text=f"candidate-{index}", x=300, y=200) for index in range(8)]
    placed = place(spots, within=Box(left=0, top=0, right=760, bottom=440), obstacles=[])
    assert overlaps([(each.text, each.box) for each in placed]) == []
    assert any(each.far for each in placed)


@given(
    places=st.lists(st.floats(0, 300), min_size=1, max_size=12),
    gap=st.floats(1, 20),
)
def test_spreading_keeps_the_order_the_distance_and_the_bounds(places: list[float], gap: float) -> None:
    moved = spread(places, gap=gap, low=0, high=300)
    order = sorted(range(len(places)), key=lambda index: places[index])
    for before, after in itertools.pairwise(order):
        assert moved[after] - moved[before] >= gap - 1e-6
    assert min(moved) >= -1e-6
    assert max(moved) <= 300 + 1e-6
    if all(places[b] - places[a] >= gap for a, b in itertools.pairwise(order)):
        assert moved == pytest.approx(places, abs=1e-6)


@given(st.text(max_size=60), st.floats(40, 300))
def test_wrapping_loses_no_word_and_keeps_to_the_width(text: str, width: float) -> None:
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(text_width(line) <= width or len(line) == 1 for line in lines)


# -- the Pareto plot -------------------------------------------------------------------------------------------


def centre(drawing_of: str, kind: str) -> tuple[float, float]:
    """Where the only sign of a kind stands in a drawing."""
    (drawing,) = drawings(drawing_of)
    found = [each for each in drawing.iter() if kind in (each.get("class") or "").split(" ") and each.get("points")]
    corners = [tuple(map(float, pair.split(","))) for pair in (found[0].get("points") or "").split()]
    return sum(x for x, _ in corners) / len(corners), sum(y for _, y in corners) / len(corners)


def test_the_baseline_is_drawn_without_a_loss_and_what_lacks_one_is_named_as_absent() -> None:
    rec = factories.confirmed()
    assert {point.outcome.name: point.loss for point in points(rec)}[BASELINE] == 0.0
    assert "torch-fp16" not in {point.outcome.name for point in points(rec)}
    assert "Not drawn, for the loss was not measured: torch-fp16." in (pareto(rec) or "")


def test_the_winner_is_a_star_and_who_is_out_is_hollow() -> None:
    drawn = pareto(factories.overturned()) or ""
    (drawing,) = drawings(drawn)
    stars = [each for each in drawing.iter(f"{SVG}polygon") if len((each.get("points") or "").split()) == 10]
    assert len(stars) == 2  # the winner's, and the one that explains it
    assert "hollow" in drawn


def test_intervals_are_drawn_to_scale() -> None:
    rec = factories.confirmed()
    (drawing,) = drawings(pareto(rec) or "")
    bars = [each for each in drawing.iter(f"{SVG}line") if "bar" in (each.get("class") or "").split()]
    upright = [abs(float(b.get("y2", 0)) - float(b.get("y1", 0))) for b in bars if b.get("x1") == b.get("x2")]
    longest = max(upright)
    fastest = next(point for point in points(rec) if point.winner)
    low, high = fastest.gain.ci95 or (0.0, 0.0)
    ticks = nice_ticks(0.0, 1.04 * high, about=6)
    paper = HEIGHT - 84.0 - 46.0
    assert longest == pytest.approx((high - low) / ticks[-1] * paper, abs=0.1)
    assert WIDTH == 760.0


def test_one_candidate_that_loses_much_does_not_squeeze_the_others() -> None:
    rec = html_pages.crowded()
    (drawing,) = drawings(pareto(rec) or "")
    said = [text for text, _ in label_boxes(drawing)]
    assert "onnx-qint8-avx512, 13.0% →" in said


@pytest.mark.parametrize(("budget", "said"), [(0.0, "budget 0.00%"), (0.004, "budget 0.40%"), (1.0, "budget 100.0% →")])
def test_the_budget_is_marked_however_far_it_lies(budget: float, said: str) -> None:
    rec = factories.confirmed(request=Request(max_loss=budget, threads=2))
    (drawing,) = drawings(pareto(rec) or "")
    boxes = dict(label_boxes(drawing))
    assert said in boxes
    (far,) = (box for text, box in boxes.items() if text.startswith("onnx-qint8"))
    assert far.left - boxes["openvino-bf16"].right > 20  # the points keep their room


def test_latency_and_memory_have_axes_of_their_own() -> None:
    rec = factories.confirmed(request=Request(objective="latency", threads=2))
    assert "times lower latency than torch-fp32" in (pareto(rec) or "")
    rec = factories.confirmed(request=Request(objective="memory", threads=2))
    assert "times less memory than torch-fp32" in (pareto(rec) or "")


def test_a_paired_latency_ratio_is_drawn_with_its_interval() -> None:
    rec = factories.confirmed(request=Request(objective="latency", threads=2))
    timing = rec.candidates[0].timing
    assert timing is not None
    paired = replace(timing, latency_ms=replace(timing.latency_ms, speedup=Estimate(median=5.5, ci95=(5.1, 5.9))))
    rec = replace(rec, candidates=(replace(rec.candidates[0], timing=paired), *rec.candidates[1:]))
    assert points(rec)[0].gain == Estimate(median=5.5, ci95=(5.1, 5.9))


def test_a_single_candidate_needs_no_plot() -> None:
    assert pareto(replace(factories.confirmed(), candidates=factories.confirmed().candidates[:1])) is None


# -- the histogram ---------------------------------------------------------------------------------------------


def test_columns_are_as_high_as_their_counts() -> None:
    rec = factories.confirmed()
    (drawing,) = drawings(histogram(rec) or "")
    heights = [float(each.get("height", 0)) for each in drawing.iter(f"{SVG}rect") if each.get("class") == "column"]
    assert rec.texts.histogram is not None
    unit = heights[0] / rec.texts.histogram.counts[0]
    assert heights == pytest.approx([unit * count for count in rec.texts.histogram.counts], abs=0.05)


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 50),
    steps=st.lists(st.integers(1, 400), min_size=1, max_size=24),
    maximum=st.integers(1, 100_000),
    data=st.data(),
)
def test_whatever_the_lengths_are_the_labels_stay_apart(
    start: int, steps: list[int], maximum: int, data: st.DataObject
) -> None:
    edges = tuple(itertools.accumulate(steps, initial=start))
    counts = tuple(data.draw(st.integers(0, 500)) for _ in steps)
    p50, p95 = sorted(data.draw(st.integers(edges[0], edges[-1] - 1)) for _ in range(2))
    stats = LengthStats(mean=p50, p50=p50, p90=p95, p95=p95, p99=p95, max=edges[-1])
    rec = factories.confirmed()
    rec = replace(
        rec,
        model=replace(rec.model, max_seq_length=maximum),
        texts=replace(rec.texts, tokens=stats, histogram=Histogram(unit="tokens", edges=edges, counts=counts)),
    )
    drawn = histogram(rec)
    assert (drawn is None) is not any(counts)
    for drawing in drawings(drawn or ""):
        assert overlaps(label_boxes(drawing)) == []
        for text, box in label_boxes(drawing):
            assert box.left >= 0, text
            assert box.right <= 760, text


def test_a_far_maximum_is_told_and_not_drawn() -> None:
    rec = factories.confirmed()
    drawn = histogram(replace(rec, model=replace(rec.model, max_seq_length=8192))) or ""
    assert "The model reads at most 8,192 tokens" in drawn
    assert "model&#x27;s maximum" not in drawn


# -- speed by length, and rounds -------------------------------------------------------------------------------


def test_without_a_baselines_ratio_texts_a_second_are_drawn() -> None:
    rec = factories.detailed()
    bare = tuple(
        replace(each, by_length=tuple(replace(s, speedup=None) for s in each.by_length)) for each in rec.candidates
    )
    source = to_html(replace(rec, candidates=bare))
    assert "One line a candidate, texts a second upward" in source


def test_many_lengths_and_many_candidates_still_have_labels_apart() -> None:
    rec = html_pages.crowded()
    spans = ((0, 31), (32, 63), (64, 127), (128, 255), (256, 1023), (1024, None))
    candidates = []
    for index, each in enumerate(rec.candidates):
        speeds = tuple(
            LengthSpeed(
                min_chars=low,
                max_chars=high,
                share=1 / 6,
                texts_per_s=Estimate(median=1000.0 + index),
                speedup=Estimate(median=3.0 + 0.01 * index + 0.3 * math.sin(low)),
            )
            for low, high in spans
        )
        candidates.append(replace(each, by_length=speeds))
    for drawing in drawings(to_html(replace(rec, candidates=tuple(candidates)))):
        assert overlaps(label_boxes(drawing)) == []


def test_a_candidate_with_one_round_has_no_line() -> None:
    rec = factories.confirmed()
    once = tuple(
        each if each.timing is None else replace(each, timing=replace(each.timing, by_round=each.timing.by_round[:1]))
        for each in rec.candidates
    )
    assert "Rounds over time" not in to_html(replace(rec, candidates=once))


# -- the flowchart ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", available_rulesets())
@pytest.mark.parametrize("overrides", [(), ("gpu.cuda=yes",), ("request.max_loss=0", "cpu.vendor=intel")])
def test_every_packaged_ruleset_can_be_drawn_with_nodes_and_labels_apart(name: str, overrides: tuple[str, ...]) -> None:
    rec = factories.confirmed()
    facts = collect_facts(hardware=rec.hardware, profile=rec.texts, model=rec.model, request=rec.request)
    ruleset = load_ruleset(name)
    decision = decide(ruleset, with_overrides(facts, overrides))
    graph = layout(ruleset, decision)
    (drawing,) = drawings(flowchart(graph, decision))
    boxes = [
        Box(
            left=float(each.get("x", 0)),
            top=float(each.get("y", 0)),
            right=float(each.get("x", 0)) + float(each.get("width", 0)),
            bottom=float(each.get("y", 0)) + float(each.get("height", 0)),
        )
        for each in drawing.iter(f"{SVG}rect")
        if each.get("class") != "paper"
    ]
    assert len(boxes) == len(graph.nodes)
    assert all(one.overlap(other) == 0 for one, other in itertools.combinations(boxes, 2))
    assert overlaps(label_boxes(drawing)) == []
    taken = [each for each in drawing.iter(f"{SVG}g") if "taken" in (each.get("class") or "").split()]
    assert len(taken) == 2 * len(decision.path) + 1
    assert NODE < PITCH
