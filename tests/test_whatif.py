"""What would the answer be for another budget, objective or machine, and for texts of one length?"""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import factories
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.rules import collect_facts, decide, load_ruleset
from advisor.types import Estimate, Latency, LengthSpeed, ObjectiveName, Outcome, Recommendation, Request
from advisor.whatif import best_by_length, what_if

LOSSES = {"openvino-qint8": 0.0008, "onnx-qint8": 0.0026}
"""The measured losses of `factories.confirmed` that a budget can be moved across."""


def rec() -> Recommendation:
    return factories.confirmed()


# -- another budget or objective: the real measurements, ranked again ------------------------------------------


def test_moving_the_budget_across_a_measured_loss_changes_the_winner_at_once() -> None:
    over, under = what_if(rec(), max_loss=0.0008), what_if(rec(), max_loss=0.0007)
    assert over.choice is not None
    assert under.choice is not None
    assert (over.choice.winner, under.choice.winner) == ("openvino-qint8", "openvino-bf16")
    assert not over.simulated
    assert not under.simulated


def test_a_smaller_budget_is_asked_of_the_rules_too() -> None:
    assert what_if(rec(), max_loss=0.002).decision.recommendation == "onnx"
    assert what_if(rec(), max_loss=0.004).decision.recommendation == "openvino-qint8"


def test_a_candidate_over_the_budget_comes_back_under_a_larger_one() -> None:
    measured = factories.overturned()
    assert measured.outcome("openvino-qint8").status == "rejected"  # type: ignore[union-attr] # it is in the factory
    choice = what_if(measured, max_loss=0.02).choice
    assert choice is not None
    assert choice.winner == "openvino-qint8"
    assert {each.name: each.status for each in choice.outcomes}["openvino-qint8"] == "measured"


def test_a_what_if_over_a_run_that_had_no_time_for_all_claims_no_more_than_the_run() -> None:
    for max_loss in (0.004, 0.0005, 0.0):
        choice = what_if(factories.unfinished(), max_loss=max_loss).choice
        assert choice is not None
        assert choice.verdict == "inconclusive"
        assert choice.why.endswith("that there was time for; onnx was not tried (about 40 s more: --time-budget 11m).")


def test_nothing_changed_gives_the_real_answer() -> None:
    same = what_if(rec())
    assert same.choice is not None
    assert same.choice.winner == rec().winner
    assert not same.simulated


@settings(max_examples=30, deadline=None)
@given(budget=st.floats(0, 1))
def test_every_flip_is_where_the_winner_changes(budget: float) -> None:
    for flip in what_if(rec(), max_loss=budget).flips:
        below = what_if(rec(), max_loss=max(0.0, flip.max_loss * (1 - 1e-9) - 1e-12)).choice
        above = what_if(rec(), max_loss=flip.max_loss).choice
        assert below is not None
        assert above is not None
        assert below.winner != above.winner
        assert flip.winner == (below if flip.below else above).winner


def test_flips_are_counted_from_the_budget_that_was_asked_about() -> None:
    flips = what_if(rec(), max_loss=0.0001).flips
    assert [(flip.below, flip.max_loss, flip.winner) for flip in flips] == [
        (False, 0.0008, "openvino-qint8"),
    ]


@pytest.mark.parametrize("objective", ["throughput", "latency", "memory"])
def test_another_objective_ranks_the_same_measurements(objective: ObjectiveName) -> None:
    answer = what_if(rec(), objective=objective)
    assert answer.choice is not None
    assert not answer.simulated
    by_name = {each.name: each.timing for each in rec().candidates}
    assert all(
        each.timing is by_name[each.name] or each.timing == by_name[each.name] for each in answer.choice.outcomes
    )


def test_memory_prefers_what_needs_less_of_it() -> None:
    lean = rec().candidates[1]
    assert lean.name == "openvino-bf16"
    assert lean.timing is not None
    nearly_as_fast = replace(
        lean,
        timing=replace(
            lean.timing,
            speedup=Estimate(median=6.1, ci95=(6.0, 6.2)),
            peak_rss_bytes=100_000_000,
            latency_ms=Latency(p50=9.0),
        ),
    )
    measured = replace(rec(), candidates=(rec().candidates[0], nearly_as_fast, *rec().candidates[2:]))
    choice = what_if(measured, objective="memory").choice
    assert choice is not None
    assert choice.winner == "openvino-bf16"


def test_a_request_given_as_an_override_is_the_request() -> None:
    typed, given = what_if(rec(), overrides=["request.max_loss=0.07%"]), what_if(rec(), max_loss=0.0007)
    assert (typed.choice, typed.flips, typed.simulated) == (given.choice, given.flips, False)
    typed, given = what_if(rec(), overrides=["request.objective=latency"]), what_if(rec(), objective="latency")
    assert (typed.choice, typed.flips, typed.simulated) == (given.choice, given.flips, False)


# -- another machine or other texts: the rules alone -----------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "max_loss", "answers", "pick"),
    [
        (["cpu.vendor=intel"], 0.001, ("CPU", "0.4% loss not acceptable", "Intel CPU"), "openvino"),
        (["cpu.vendor=intel"], None, ("CPU", "0.4% loss acceptable"), "openvino-qint8"),
        (["gpu.cuda=yes", "texts.fraction_under_500_chars=90%"], None, ("GPU", "short texts"), "onnx-O4"),
        (["gpu.cuda=yes", "texts.fraction_under_500_chars=10%"], None, ("GPU", "long texts"), "torch-fp16"),
    ],
    ids=["intel-no-loss", "intel", "gpu-short-texts", "gpu-long-texts"],
)
def test_other_hardware_shows_the_flowcharts_answer_simulated_and_without_speed(
    overrides: list[str], max_loss: float | None, answers: tuple[str, ...], pick: str
) -> None:
    answer = what_if(rec(), overrides=overrides, max_loss=max_loss, ruleset="sbert-2024")
    assert tuple(step.answer for step in answer.decision.path) == answers
    assert answer.decision.recommendation == pick
    assert answer.simulated
    assert answer.choice is None
    assert answer.flips == ()


def test_a_simulated_answer_has_no_number_of_a_measurement_in_it() -> None:
    said = repr(what_if(rec(), overrides=["cpu.vendor=intel"]))
    assert "Timing" not in said
    assert "Estimate" not in said


def test_repeating_what_was_read_simulates_nothing() -> None:
    same = what_if(rec(), overrides=["cpu.vendor=amd", "gpu.cuda=no"])
    assert not same.simulated
    assert same.choice == what_if(rec()).choice


def test_another_number_of_threads_was_not_measured() -> None:
    assert what_if(rec(), overrides=["request.threads=8"]).simulated


def test_another_ruleset_gives_its_own_decision_and_ranks_the_same_measurements() -> None:
    answer = what_if(rec(), ruleset="sbert-2026")
    assert answer.decision.ruleset == "sbert-2026"
    assert answer.choice is not None
    assert answer.choice.winner == rec().winner


def test_the_decision_is_the_one_that_the_rules_give_for_the_same_facts() -> None:
    facts = collect_facts(hardware=rec().hardware, profile=rec().texts, model=rec().model, request=rec().request)
    assert what_if(rec()).decision == decide(load_ruleset("sbert-2024"), facts)


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        (["cpu.vendr=intel"], "cpu.vendor"),
        (["cpu.vendor=sparc"], "intel"),
        (["cpu.vendor"], "NAME=VALUE"),
        (["gpu.compute_capability=8.0"], "gpu.cuda=yes"),
        (["request.max_loss=0.4"], "0.4%"),
    ],
)
def test_bad_overrides_are_refused_with_what_to_type(overrides: list[str], names: str) -> None:
    with pytest.raises(InputError, match=names):
        what_if(rec(), overrides=overrides)


@pytest.mark.parametrize("budget", [-0.1, 1.5, float("nan")])
def test_a_budget_that_is_no_fraction_is_refused(budget: float) -> None:
    with pytest.raises(InputError, match="not between 0 and 1"):
        what_if(rec(), max_loss=budget)


def test_an_unknown_objective_or_ruleset_is_refused() -> None:
    with pytest.raises(InputError, match="throughput, latency, memory"):
        what_if(rec(), objective="joy")  # type: ignore[arg-type] # what a user might type
    with pytest.raises(InputError, match="There is no ruleset called 'nobody'"):
        what_if(rec(), ruleset="nobody")


def test_an_answer_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        what_if(rec()).simulated = True  # type: ignore[misc] # that it cannot be is the point


# -- by length -------------------------------------------------------------------------------------------------


BUCKETS = ((0, 63), (64, 127), (128, None))


def by_length(
    name: str,
    speedups: tuple[float, ...],
    *,
    half: float = 0.01,
    loss: float | None = 0.0,
    overall: float | None = None,
) -> Outcome:
    """An outcome with one speedup a bucket; `half` is an interval's half-width relative to its median."""
    whole = overall if overall is not None else sum(speedups) / len(speedups)
    measured = factories.outcome(name, 100 * whole, None if name == "torch-fp32" else loss, baseline=100.0)
    assert measured.timing is not None
    speeds = tuple(
        LengthSpeed(
            min_chars=low,
            max_chars=high,
            share=1 / 3,
            texts_per_s=Estimate(median=100 * each, ci95=(100 * each * (1 - half), 100 * each * (1 + half))),
            speedup=None
            if name == "torch-fp32"
            else Estimate(median=each, ci95=(each * (1 - half), each * (1 + half))),
        )
        for (low, high), each in zip(BUCKETS, speedups, strict=True)
    )
    return replace(measured, by_length=speeds)


BASE = by_length("torch-fp32", (1.0, 1.0, 1.0))


def best(*outcomes: Outcome, max_loss: float = 0.004) -> list[str]:
    return [each.candidate for each in best_by_length((BASE, *outcomes), Request(max_loss=max_loss))]


def test_one_that_was_cut_may_be_the_best_on_texts_of_one_length() -> None:
    cut = replace(by_length("onnx", (1, 1, 4)), status="cut")
    lossy = replace(by_length("onnx-qint8", (9, 9, 9), loss=0.5), status="cut")
    assert best(by_length("openvino-qint8", (6, 6, 3)), cut, lossy) == ["openvino-qint8", "openvino-qint8", "onnx"]


def test_each_length_names_who_is_clearly_fastest_there() -> None:
    found = best(by_length("openvino-qint8", (6, 6, 3)), by_length("openvino-bf16", (3, 4, 5)))
    assert found == ["openvino-qint8", "openvino-qint8", "openvino-bf16"]


def test_the_buckets_come_ascending_with_their_ends_and_shares() -> None:
    found = best_by_length((by_length("onnx", (2, 2, 2)), BASE), Request())
    assert [(each.min_chars, each.max_chars, each.share) for each in found] == [
        (0, 63, 1 / 3),
        (64, 127, 1 / 3),
        (128, None, 1 / 3),
    ]


def test_who_is_within_the_tie_margin_does_not_make_a_crossover() -> None:
    found = best_by_length(
        (BASE, by_length("openvino-qint8", (6, 6, 5)), by_length("openvino-bf16", (3, 4, 5.1))), Request()
    )
    assert [each.candidate for each in found] == ["openvino-qint8"] * 3
    assert found[2].tied == ("openvino-bf16",)


def test_intervals_that_overlap_do_not_make_a_crossover_either() -> None:
    found = best(by_length("openvino-qint8", (6, 6, 5), half=0.2), by_length("openvino-bf16", (3, 4, 6), half=0.2))
    assert found == ["openvino-qint8"] * 3


def test_who_is_over_the_budget_is_not_compared() -> None:
    fast = by_length("openvino-qint8", (9, 9, 9), loss=0.01)
    slow = by_length("openvino-bf16", (3, 3, 3))
    assert best(fast, slow) == ["openvino-bf16"] * 3
    assert best(fast, slow, max_loss=0.02) == ["openvino-qint8"] * 3


def test_the_baseline_can_be_best_at_a_length() -> None:
    assert best(by_length("openvino-bf16", (3, 2, 0.5))) == ["openvino-bf16", "openvino-bf16", "torch-fp32"]


def test_without_speed_by_length_there_is_nothing_to_say() -> None:
    flat = tuple(replace(each, by_length=()) for each in rec().candidates)
    assert best_by_length(flat, Request()) == ()
    assert best_by_length((), Request()) == ()


@given(
    table=st.lists(st.tuples(*[st.floats(0.2, 20) for _ in BUCKETS]), min_size=1, max_size=4),
    half=st.floats(0, 0.5),
)
def test_the_named_one_is_never_clearly_beaten(table: list[tuple[float, ...]], half: float) -> None:
    names = ("openvino-qint8", "openvino-bf16", "onnx", "torch-bf16")
    outcomes = [by_length(name, speeds, half=half) for name, speeds in zip(names, table, strict=False)]
    for index, found in enumerate(best_by_length((BASE, *outcomes), Request())):
        speeds = {"torch-fp32": (1.0, 1.0, 1.0)} | dict(zip(names, table, strict=False))
        fastest = max(each[index] for each in speeds.values())
        chosen = speeds[found.candidate][index]
        assert chosen * 1.03 >= fastest * (1 - 1e-9) or chosen * (1 + half) >= fastest * (1 - half) * (1 - 1e-9)
        assert found.candidate not in found.tied
