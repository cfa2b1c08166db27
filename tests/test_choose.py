"""Which candidate wins, what the verdict is, and what a person is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor import catalogue, objectives
from advisor.choose import Flip, choose, nearest_flips
from advisor.gate import NOISE
from advisor.types import (
    BASELINE,
    Against,
    Choice,
    Decision,
    Estimate,
    Fidelity,
    Findings,
    Latency,
    ObjectiveName,
    Outcome,
    Predicted,
    Request,
    Timing,
    Untried,
)


def outcome(
    name: str,
    speedup: float = 1.0,
    *,
    half: float | None = 0.01,
    loss: float | None = None,
    loss_ci95: tuple[float, float] | None = None,
    rounds: int = 8,
    latency: float | None = None,
    rss: int | None = None,
) -> Outcome:
    """A measured outcome; `half` is the interval's half-width relative to the median, None for no interval.

    The interval of its loss is as narrow as can be, unless `loss_ci95` says otherwise.
    """
    ci95 = None if half is None else (speedup * (1 - half), speedup * (1 + half))
    return Outcome(
        name=name,
        status="measured",
        reason="",
        precision=catalogue.get(name).precision,
        timing=Timing(
            texts_per_s=Estimate(median=400 * speedup, ci95=None if ci95 is None else (400 * ci95[0], 400 * ci95[1])),
            speedup=Estimate(median=speedup, ci95=None if name == BASELINE else ci95),
            latency_ms=None if latency is None else Latency(p50=latency),
            peak_rss_bytes=rss,
            rounds=rounds,
        ),
        findings=Findings(
            loss=None
            if loss is None
            else Fidelity(value=loss, ci95=loss_ci95 or (loss, loss), method="estimated", metric="1 - rho")
        ),
    )


BASE = outcome(BASELINE)


def picking(name: str) -> Decision:
    return Decision(ruleset="sbert-2024", path=(), recommendation=name, challengers=())


def run(
    *outcomes: Outcome, pick: str = "openvino-qint8", max_loss: float = 0.004, objective: ObjectiveName = "throughput"
) -> Choice:
    return choose(outcomes, decision=picking(pick), request=Request(max_loss=max_loss, objective=objective))


def status(choice: Choice, name: str) -> tuple[str, str]:
    found = next(each for each in choice.outcomes if each.name == name)
    return found.status, found.reason


# -- who passes ----------------------------------------------------------------------------------------------


def test_a_candidate_over_the_budget_is_rejected_with_value_interval_and_budget() -> None:
    choice = run(BASE, outcome("openvino-qint8", 6, loss=0.0062, loss_ci95=(0.0055, 0.007)))
    assert status(choice, "openvino-qint8") == (
        "rejected",
        "loses 0.62% (95% CI 0.55% to 0.70%), over the budget of 0.40%",
    )
    assert choice.winner == BASELINE


def test_a_rejection_says_when_the_interval_reaches_into_the_budget() -> None:
    choice = run(BASE, outcome("openvino-qint8", 6, loss=0.0045, loss_ci95=(0.0035, 0.0055)))
    assert status(choice, "openvino-qint8")[1].endswith("over the budget of 0.40%, though the interval reaches into it")


def test_a_rejection_shows_enough_digits_to_tell_the_loss_from_the_budget() -> None:
    choice = run(BASE, outcome("openvino-qint8", 6, loss=0.00400012))
    assert (
        status(choice, "openvino-qint8")[1]
        == "loses 0.40001% (95% CI 0.40001% to 0.40001%), over the budget of 0.40000%"
    )


def test_a_loss_of_just_the_budget_passes() -> None:
    assert run(BASE, outcome("openvino-qint8", 6, loss=0.004)).winner == "openvino-qint8"


@pytest.mark.parametrize("loss", [None, float("nan")])
def test_a_lossy_candidate_whose_accuracy_is_unknown_is_rejected(loss: float | None) -> None:
    choice = run(BASE, outcome("openvino-bf16", 4, loss=loss))
    assert status(choice, "openvino-bf16") == ("rejected", "its accuracy could not be checked")


def test_an_fp32_candidate_passes_with_an_unknown_loss_and_with_rounding_noise_but_not_with_more() -> None:
    assert run(BASE, outcome("onnx", 2), max_loss=0).winner == "onnx"
    assert run(BASE, outcome("onnx", 2, loss=NOISE), max_loss=0).winner == "onnx"
    assert run(BASE, outcome("onnx", 2, loss=0.3)).winner == BASELINE


def test_a_budget_of_zero_takes_the_fastest_that_cannot_be_told_from_fp32() -> None:
    outcomes = (
        BASE,
        outcome("onnx", 2, loss=0.0),
        outcome("openvino-bf16", 4, loss=1e-5, loss_ci95=(0, NOISE)),
        outcome("openvino-qint8", 6, loss=5e-4, loss_ci95=(4e-4, 1e-3)),
    )
    assert run(*outcomes, max_loss=0).winner == "openvino-bf16"
    assert run(*outcomes, max_loss=1e-3).winner == "openvino-qint8"


def test_an_interval_that_reaches_over_the_budget_is_uncertain_and_does_not_pass() -> None:
    labelled = Fidelity(value=0.0018, ci95=(0.0012, 0.0045), method="labelled", metric="nDCG@10")
    choice = run(BASE, replace(outcome("openvino-qint8", 6), findings=Findings(loss=labelled)))
    assert status(choice, "openvino-qint8") == (
        "rejected",
        "uncertain: loses 0.18% (95% CI 0.12% to 0.45%), and the interval reaches over the budget of 0.40%; 1.6 times "
        "as many labels might tell",
    )
    assert choice.winner == BASELINE


def test_an_estimate_within_the_budget_passes_though_its_interval_reaches_over_it() -> None:
    choice = run(BASE, outcome("openvino-qint8", 6, loss=0.0018, loss_ci95=(0.0012, 0.0045)))
    assert choice.winner == "openvino-qint8"


def test_an_uncertain_loss_on_labels_says_how_many_labels_might_tell() -> None:
    wide = Fidelity(value=0.001, ci95=(-0.005, 0.007), method="labelled", metric="nDCG@10")
    choice = run(BASE, replace(outcome("openvino-qint8", 6), findings=Findings(loss=wide)))
    assert status(choice, "openvino-qint8")[1].endswith("; 4 times as many labels might tell")


def test_too_few_texts_for_an_interval_show_nothing() -> None:
    bare = Fidelity(value=0.001, ci95=None, method="estimated", metric="m")
    choice = run(BASE, replace(outcome("openvino-qint8", 6), findings=Findings(loss=bare)))
    assert "from too few texts for an interval" in status(choice, "openvino-qint8")[1]


def test_an_estimate_from_too_few_texts_does_not_pass_where_its_interval_reaches_over_the_budget() -> None:
    few = Fidelity(value=0.0018, ci95=(0.0012, 0.0045), method="estimated", metric="m", num_texts=64)
    choice = run(BASE, replace(outcome("openvino-qint8", 6), findings=Findings(loss=few)))
    assert status(choice, "openvino-qint8") == (
        "rejected",
        "uncertain: loses 0.18% (95% CI 0.12% to 0.45%), from too few texts (64), and the interval reaches over the "
        "budget of 0.40%",
    )
    assert choice.winner == BASELINE


def test_a_checked_loss_that_is_more_than_noise_is_called_one() -> None:
    checked = Fidelity(value=0.001, ci95=None, method="checked", metric="largest difference on the reference texts")
    choice = run(BASE, replace(outcome("onnx", 6), findings=Findings(loss=checked)))
    assert status(choice, "onnx")[1] == (
        "uncertain: loses 0.10% by its largest difference on the reference texts, which would be next to nothing if it "
        "computed what torch-fp32 computes"
    )


def test_the_baseline_is_never_rejected() -> None:
    lost = Fidelity(value=0.9, ci95=None, method="labelled", metric="m")
    assert run(replace(BASE, findings=Findings(loss=lost))).winner == BASELINE


def test_failed_skipped_and_cut_candidates_keep_their_status_and_never_win() -> None:
    out = [
        replace(outcome("openvino-qint8", 9, loss=0.0), status="failed", reason="it crashed"),
        replace(outcome("onnx", 9), status="cut", reason="cut after 3 rounds: 2x slower than openvino"),
        Outcome(name="onnx-O4", status="skipped", reason="needs a CUDA GPU", precision="fp16"),
    ]
    choice = run(BASE, *out)
    assert list(choice.outcomes[1:]) == out
    assert choice.winner == BASELINE


def test_an_outcome_that_is_called_measured_without_a_timing_failed() -> None:
    choice = run(BASE, replace(outcome("onnx", 2), timing=None))
    assert status(choice, "onnx") == ("failed", "it was not timed")


def test_a_rejected_outcome_is_measured_again_under_a_wider_budget() -> None:
    first = run(BASE, outcome("openvino-qint8", 6, loss=0.006))
    assert first.winner == BASELINE
    again = run(*first.outcomes, max_loss=0.01)
    assert status(again, "openvino-qint8") == ("measured", "")
    assert again.winner == "openvino-qint8"


def test_a_rejected_outcome_that_was_never_timed_stays_rejected() -> None:
    untimed = replace(outcome("openvino-qint8", loss=0.006), timing=None, status="rejected", reason="loses 0.60%")
    assert status(run(BASE, untimed, max_loss=0.5), "openvino-qint8") == ("rejected", "loses 0.60%")


def test_without_any_candidate_there_is_no_winner() -> None:
    failed = replace(BASE, status="failed", timing=None, reason="it crashed")
    choice = run(failed, outcome("openvino-qint8", 6, loss=0.02))
    assert (choice.winner, choice.verdict) == (None, "inconclusive")
    assert choice.why == "No candidate could be measured within a loss budget of 0.40%."
    assert run().winner is None


# -- verdicts ------------------------------------------------------------------------------------------------


def test_confirmed_when_the_pick_is_clearly_the_fastest() -> None:
    choice = run(BASE, outcome("openvino-qint8", 6, loss=0.001), outcome("onnx", 2))
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "confirmed")
    assert choice.why == "openvino-qint8, which the rules named, is 3.00x the speed of onnx, the next."


@pytest.mark.parametrize("rival_speedup", [1.99, 2.01])
def test_a_tie_does_not_turn_on_whose_median_is_better(rival_speedup: float) -> None:
    choice = run(BASE, outcome("openvino", 2), outcome("onnx-O3", rival_speedup), pick="openvino")
    assert (choice.winner, choice.verdict) == ("openvino", "tie")
    assert choice.why == (
        "openvino, which the rules named, and onnx-O3 are within noise; openvino is kept as the simpler."
    )


def test_confirmed_when_nothing_else_passed() -> None:
    choice = run(outcome("openvino-qint8", 6, loss=0.001))
    assert (choice.verdict, choice.why) == (
        "confirmed",
        "openvino-qint8, which the rules named, is the only one that passed.",
    )


def test_overturned_when_another_is_clearly_faster() -> None:
    choice = run(BASE, outcome("openvino-qint8", 2.84, loss=0.001), outcome("onnx", 2), pick="onnx")
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "overturned")
    assert choice.why == (
        "openvino-qint8 is 1.42x the speed of onnx, which the rules named, with no more loss than allowed."
    )


def test_overturned_when_the_baseline_is_clearly_faster_than_the_pick() -> None:
    choice = run(BASE, outcome("onnx", 0.5), pick="onnx")
    assert (choice.winner, choice.verdict) == (BASELINE, "overturned")
    assert choice.why == "torch-fp32 is 2.00x the speed of onnx, which the rules named."


@pytest.mark.parametrize(
    ("pick", "what"),
    [
        (
            outcome("openvino-qint8", 6, loss=0.02),
            "was rejected: loses 2.00% (95% CI 2.00% to 2.00%), over the budget of 0.40%.",
        ),
        (
            replace(outcome("openvino-qint8"), status="failed", timing=None, reason="the process crashed."),
            "failed: the process crashed.",
        ),
        (
            replace(outcome("openvino-qint8"), status="skipped", timing=None, reason="needs nncf"),
            "was skipped: needs nncf.",
        ),
        (
            replace(outcome("openvino-qint8"), status="skipped", timing=None, reason="skipped: left out by the user"),
            "was skipped: left out by the user.",
        ),
        (
            replace(outcome("openvino-qint8"), status="cut", reason="cut after 3 rounds: 2x slower than onnx"),
            "was cut after 3 rounds: 2x slower than onnx.",
        ),
        (replace(outcome("openvino-qint8"), status="failed", timing=None), "failed."),
        (outcome("onnx-O3", 0.5), "was not tried."),
    ],
)
def test_overturned_when_the_pick_did_not_pass_with_the_reason(pick: Outcome, what: str) -> None:
    choice = run(BASE, outcome("openvino", 2), pick)
    assert (choice.winner, choice.verdict) == ("openvino", "overturned")
    assert choice.why == f"openvino is the best that passed; openvino-qint8, which the rules named, {what}"


def test_a_tie_keeps_the_simpler_of_pick_and_fastest() -> None:
    choice = run(BASE, outcome("openvino-qint8", 4.0, loss=0.001), outcome("openvino-bf16", 3.95, loss=0.0001))
    assert (choice.winner, choice.verdict) == ("openvino-bf16", "tie")
    assert choice.why == (
        "openvino-qint8, which the rules named, and openvino-bf16 are within noise; openvino-bf16 is kept as the "
        "simpler."
    )


def test_a_tie_keeps_a_simpler_pick_behind_the_fastest() -> None:
    choice = run(BASE, outcome("onnx", 2.0), outcome("onnx-O3", 2.04), pick="onnx")
    assert (choice.winner, choice.verdict) == ("onnx", "tie")
    assert choice.why == "onnx, which the rules named, and onnx-O3 are within noise; onnx is kept as the simpler."


def test_a_tie_of_equally_simple_ones_keeps_the_more_accurate_then_the_better_median() -> None:
    close = (outcome("openvino-qint8", 4.0, loss=0.003), outcome("onnx-qint8", 3.95, loss=0.001))
    choice = run(BASE, *close)
    assert (choice.winner, choice.verdict) == ("onnx-qint8", "tie")
    assert choice.why.endswith("onnx-qint8 is kept as the more accurate.")
    choice = run(BASE, outcome("onnx", 2.0), outcome("openvino", 2.03), pick="onnx")
    assert choice.winner == "openvino"
    assert choice.why.endswith("openvino is kept as the better by its median.")


def test_of_equally_simple_ones_that_tie_the_likelier_is_kept_beyond_the_margin_and_not_the_more_accurate() -> None:
    fast, accurate = (
        outcome("openvino-qint8", 4.0, half=0.1, loss=0.003),
        outcome("onnx-qint8", 3.5, half=0.1, loss=0.001),
    )
    choice = run(BASE, fast, accurate)
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "tie")
    assert choice.why.endswith("openvino-qint8 is kept as the better by its median.")


def test_a_gain_in_accuracy_is_no_merit_in_a_tie() -> None:
    choice = run(BASE, outcome("onnx-qint8", 4.0, loss=-0.001), outcome("openvino-qint8", 4.01, loss=0.0))
    assert choice.winner == "openvino-qint8"


def test_a_gap_is_a_tie_up_to_the_margin_and_not_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = (BASE, outcome("onnx", 2.0, half=0.001), outcome("onnx-O3", 2.08, half=0.001))
    args = {"decision": picking("onnx"), "request": Request()}
    assert choose(outcomes, **args).verdict == "overturned"
    monkeypatch.setattr(objectives, "TIE_MARGIN", 0.05)
    assert choose(outcomes, **args).verdict == "tie"


def test_overlapping_intervals_are_a_tie_however_large_the_gap() -> None:
    choice = run(BASE, outcome("onnx", 2.0, half=0.15), outcome("onnx-O3", 2.5, half=0.15), pick="onnx")
    assert (choice.winner, choice.verdict) == ("onnx", "tie")


def test_a_noisy_candidate_does_not_pull_a_clearly_slower_one_into_the_lead() -> None:
    noisy = outcome("openvino-qint8", 2.2, half=0.2, loss=0.001)
    choice = run(BASE, outcome("onnx", 2.0), outcome("torch-bf16", 1.8, loss=0.0), noisy, pick="onnx")
    assert choice.winner == "onnx"  # torch-bf16 is simpler and ties with the noisy one, but onnx beats it


def test_inconclusive_with_fewer_than_three_rounds_or_without_an_interval() -> None:
    few = run(BASE, outcome("openvino-qint8", 6, loss=0.001, rounds=2))
    assert (few.winner, few.verdict) == ("openvino-qint8", "inconclusive")
    assert few.why == "Only 2 rounds of openvino-qint8 could be timed, so openvino-qint8 is only the likeliest."
    none = run(BASE, outcome("openvino-qint8", 6, loss=0.001, half=None))
    assert none.why.startswith("The speed of openvino-qint8 has no confidence interval, ")
    assert none.verdict == "inconclusive"


def test_a_pick_with_too_few_rounds_cannot_be_overturned_by_speed() -> None:
    choice = run(BASE, outcome("openvino-qint8", 6, loss=0.001), outcome("onnx", 2, rounds=1), pick="onnx")
    assert choice.verdict == "inconclusive"
    assert choice.why.startswith("Only 1 round of onnx could be timed")


def test_inconclusive_when_wide_intervals_leave_several_contenders() -> None:
    choice = run(BASE, outcome("openvino-qint8", 1.5, half=0.4, loss=0.001))
    assert choice.verdict == "inconclusive"
    assert choice.why == (
        "The speeds of torch-fp32 and openvino-qint8 compare to ±40% only, too wide to tell them apart, so "
        "openvino-qint8 is only the likeliest."
    )


def test_a_wide_interval_that_touches_no_other_is_conclusive() -> None:
    assert run(BASE, outcome("openvino-qint8", 6, half=0.4, loss=0.001)).verdict == "confirmed"


def test_the_likeliest_wins_where_the_simpler_one_cannot_be_told_from_a_pick_that_is_beaten() -> None:
    choice = run(
        BASE,
        outcome("torch-bf16", 2.0, half=0.22, loss=0.0),
        outcome("onnx", 2.1, half=0.01),
        outcome("openvino-qint8", 2.4, half=0.02, loss=0.001),
        pick="onnx",
    )
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "overturned")


def test_without_a_baseline_texts_per_second_are_compared() -> None:
    def bare(each: Outcome) -> Outcome:
        assert each.timing is not None
        return replace(each, timing=replace(each.timing, speedup=None))

    failed = replace(BASE, status="failed", timing=None)
    choice = run(failed, bare(outcome("openvino-qint8", 6, loss=0.001)), bare(outcome("onnx", 2)))
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "confirmed")


# -- objectives ----------------------------------------------------------------------------------------------


def test_latency_asks_for_the_smallest_median_latency() -> None:
    choice = run(
        outcome(BASELINE, latency=10.0),
        outcome("openvino-qint8", 6, loss=0.001, latency=4.0),
        outcome("onnx", 3, latency=2.0),
        objective="latency",
    )
    assert (choice.winner, choice.verdict) == ("onnx", "overturned")
    assert choice.why == "onnx has 0.50x the latency of openvino-qint8, which the rules named."


def test_latencies_borrow_the_relative_interval_of_the_speed() -> None:
    noisy = [
        outcome("openvino-qint8", 6, half=0.2, loss=0.001, latency=4.0),
        outcome("onnx", 3, half=0.2, latency=3.6),
    ]
    assert run(outcome(BASELINE, latency=10.0), *noisy, objective="latency").verdict == "tie"


def test_memory_asks_for_the_smallest_peak_among_those_near_the_best_speed() -> None:
    outcomes = (
        outcome(BASELINE, rss=100),
        outcome("openvino-qint8", 4.0, loss=0.001, rss=900),
        outcome("openvino-bf16", 3.7, loss=0.001, rss=450),
        outcome("onnx-qint8", 3.5, loss=0.001, rss=300),
    )
    choice = run(*outcomes, objective="memory")
    assert (choice.winner, choice.verdict) == ("openvino-bf16", "overturned")
    assert choice.why == (
        "openvino-bf16 needs 0.50x the memory of openvino-qint8, which the rules named, with no more loss than allowed."
    )
    slow = run(*outcomes, objective="memory", pick="onnx-qint8")
    assert slow.why.endswith("onnx-qint8, which the rules named, is more than 10% slower than the fastest.")


def test_a_pick_without_the_measure_that_the_objective_needs_is_overturned() -> None:
    choice = run(outcome(BASELINE, latency=10.0), outcome("onnx", 3), pick="onnx", objective="latency")
    assert choice.winner == BASELINE
    assert choice.why.endswith("onnx, which the rules named, has no measured latency.")


def beside(one: Outcome, rival: str, speedup: float, half: float) -> Outcome:
    """`one`, with what it was beside `rival` in the rounds that both ran."""
    assert one.timing is not None
    pair = Estimate(median=speedup, ci95=(speedup * (1 - half), speedup * (1 + half)))
    against = (*one.timing.against, Against(rival=rival, speedup=pair, latency_speedup=None))
    return replace(one, timing=replace(one.timing, against=against))


def test_what_was_seen_side_by_side_counts_more_than_two_intervals_against_a_noisy_baseline() -> None:
    """The baseline stalled, so that both intervals are wide; yet in every round one of the two was ahead."""
    ahead = beside(outcome("openvino-qint8", 4.0, half=0.2, loss=0.001), "onnx", 1.33, 0.02)
    behind = beside(outcome("onnx", 3.0, half=0.2), "openvino-qint8", 0.75, 0.02)
    choice = run(BASE, ahead, behind)
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "confirmed")
    assert choice.why.startswith("openvino-qint8, which the rules named, is 1.33x the speed of onnx")


def test_side_by_side_within_the_margin_or_within_noise_is_a_tie_whatever_the_baseline_says() -> None:
    for speedup, half in ((1.02, 0.001), (1.1, 0.2)):
        one = beside(outcome("openvino-qint8", 4.0, loss=0.001), "onnx", speedup, half)
        other = beside(outcome("onnx", 3.0), "openvino-qint8", 1 / speedup, half)
        assert run(BASE, one, other).verdict == "tie"


def test_side_by_side_too_widely_apart_to_tell_is_inconclusive() -> None:
    one = beside(outcome("openvino-qint8", 4.0, loss=0.001), "onnx", 1.3, 0.4)
    other = beside(outcome("onnx", 3.0), "openvino-qint8", 1 / 1.3, 0.3)
    choice = run(BASE, one, other)
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "inconclusive")
    assert "compare to ±3" in choice.why


def test_a_disturbed_measurement_carries_no_verdict() -> None:
    clear = (BASE, outcome("openvino-qint8", 6, loss=0.001), outcome("onnx", 2))
    asked = Request(max_loss=0.004, objective="throughput")
    choice = choose(clear, decision=picking("openvino-qint8"), request=asked, disturbed="The host was busy")
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "inconclusive")
    assert choice.why == "The host was busy, so openvino-qint8 is only the likeliest."


def test_without_enough_rounds_the_likeliest_wins_and_not_the_simplest() -> None:
    wide = (
        outcome("openvino-qint8", 4.0, half=2.0, loss=0.001, rounds=3),
        outcome("onnx", 2.0, half=2.0, rounds=3),
    )
    choice = run(BASE, *wide)
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "inconclusive")


def test_a_circle_of_pairs_leaves_the_best_by_its_median() -> None:
    names = ("onnx", "openvino", "onnx-O2")
    one, two, three = (outcome(name, 2 + index / 10) for index, name in enumerate(names))
    field = (beside(one, "openvino", 1.2, 0.01), beside(two, "onnx-O2", 1.2, 0.01), beside(three, "onnx", 1.2, 0.01))
    assert run(BASE, *field, pick="onnx-O2").winner == "onnx-O2"


def quick(name: str, latency: float, speedup: float, half: float = 0.01, loss: float | None = None) -> Outcome:
    """An outcome with paired latencies: `speedup` over the baseline's, that need not be the ratio of the two p50."""
    made = outcome(name, loss=loss, latency=latency)
    assert made.timing is not None
    paired = Estimate(median=speedup, ci95=(speedup * (1 - half), speedup * (1 + half)))
    return replace(made, timing=replace(made.timing, latency_ms=replace(made.timing.latency_ms, speedup=paired)))


def test_latency_is_judged_by_the_ratios_inside_the_rounds_and_by_their_own_intervals() -> None:
    """The p50 of all texts favours `onnx`, but side by side `openvino` was the quicker one."""
    both = (quick("onnx", 2.0, 4.0), quick("openvino", 2.1, 5.0))
    choice = run(outcome(BASELINE, latency=10.0), *both, pick="openvino", objective="latency")
    assert (choice.winner, choice.verdict) == ("openvino", "confirmed")
    wide = (quick("onnx", 2.0, 4.0, half=0.2), quick("openvino", 2.1, 4.4, half=0.2))
    assert run(outcome(BASELINE, latency=10.0), *wide, pick="onnx", objective="latency").verdict == "tie"


@pytest.mark.parametrize("objective", ["latency", "memory"])
def test_speed_decides_provisionally_where_nobody_has_the_measure(objective: ObjectiveName) -> None:
    choice = run(BASE, outcome("onnx", 3), objective=objective)
    assert (choice.winner, choice.verdict) == ("onnx", "inconclusive")
    assert choice.why == f"onnx is judged by its speed alone, for no candidate has a measured {objective}."


# -- what there was no time for ------------------------------------------------------------------------------


def untried(name: str, needs_s: float | None = None) -> Outcome:
    return Outcome(
        name=name,
        status="skipped",
        reason="skipped: the time budget left no room to load it",
        precision=catalogue.get(name).precision,
        untried=Untried(needs_s=needs_s),
    )


PASSED = (BASE, outcome("openvino-qint8", 6, loss=0.001), outcome("openvino-bf16", 4, loss=0.0))


def test_a_verdict_covers_what_was_tried_and_else_the_missing_are_named_with_their_time_and_the_command() -> None:
    assert run(*PASSED).verdict == "confirmed"
    choice = run(*PASSED, untried("openvino", 30.0), untried("onnx", 37.0))
    assert (choice.winner, choice.verdict) == ("openvino-qint8", "inconclusive")
    assert choice.why == (
        "openvino-qint8 is the fastest of the 3 that there was time for; onnx and openvino were not tried (about 70 s "
        "more: --time-budget 12m)."
    )


@pytest.mark.parametrize(
    "passed",
    [
        (BASE, outcome("openvino-qint8", 6, loss=0.001)),
        (BASE, outcome("openvino-qint8", 3, loss=0.001), outcome("onnx-qint8", 6, loss=0.001)),
        (BASE, outcome("openvino-qint8", 4, loss=0.001), outcome("openvino-bf16", 3.95, loss=0.0)),
    ],
    ids=["confirmed", "overturned", "tie"],
)
def test_one_that_there_was_no_time_for_leaves_no_verdict_standing(
    passed: tuple[Outcome, ...], request: pytest.FixtureRequest
) -> None:
    assert run(*passed).verdict == request.node.callspec.id
    assert run(*passed, untried("onnx", 20.0)).verdict == "inconclusive"


def test_what_was_left_out_for_another_reason_than_time_is_no_obstacle() -> None:
    reasons = {
        "onnx": "skipped as asked (--skip)",
        "openvino": "not among --candidates",
        "onnx-O4": "needs a CUDA GPU",
        "onnx-O3": "left out by the user",
    }
    left_out = [
        Outcome(name=name, status="skipped", reason=reason, precision=catalogue.get(name).precision)
        for name, reason in reasons.items()
    ]
    assert run(*PASSED, *left_out).verdict == "confirmed"


@pytest.mark.parametrize(
    ("needs", "budget_s", "said"),
    [
        ((12.0,), 90.0, "onnx was not tried (about 20 s more: --time-budget 2m)."),
        ((30.0,), 90.0, "onnx was not tried (about 30 s more: --time-budget 2m)."),
        ((400.0,), 90.0, "onnx was not tried (about 7 min more: --time-budget 9m)."),
        ((None,), 90.0, "onnx was not tried (a larger --time-budget tries it)."),
        ((12.0, None), 90.0, "onnx and openvino were not tried (a larger --time-budget tries them)."),
        (
            (1.0, 2.0, 3.0),
            20.0,
            "torch-bf16, onnx and openvino were not tried (about 10 s more: --time-budget 1m).",
        ),
        ((12.0,), None, "onnx was not tried (about 20 s more: the same command goes on)."),
        ((None,), None, "onnx was not tried (the same command goes on)."),
        ((12.0,), float("inf"), "onnx was not tried (about 20 s more: the same command goes on)."),
    ],
)
def test_what_to_type_depends_on_what_is_known(
    needs: tuple[float | None, ...], budget_s: float | None, said: str
) -> None:
    missing = [untried(name, each) for name, each in zip(("onnx", "openvino", "torch-bf16"), needs, strict=False)]
    asked: dict[str, Any] = {"time_budget_s": budget_s}
    choice = choose((*PASSED, *missing), decision=picking("openvino-qint8"), request=Request(**asked))
    assert choice.why == f"openvino-qint8 is the fastest of the 3 that there was time for; {said}"


def test_those_over_the_budget_are_not_counted_for_they_may_be_faster_and_those_that_were_cut_are() -> None:
    cut = replace(outcome("onnx-O3"), status="cut", timing=None, reason="1.6x slower than openvino-qint8")
    choice = run(*PASSED, cut, outcome("onnx-qint8", 9, loss=0.02), untried("onnx"))
    assert choice.why.startswith("openvino-qint8 is the fastest of the 4 that there was time for; ")


def test_a_baseline_that_is_all_there_was_time_for_is_not_called_the_best() -> None:
    choice = run(BASE, untried("openvino-qint8"), untried("onnx"))
    assert (choice.winner, choice.verdict) == (BASELINE, "inconclusive")
    assert choice.why == (
        "torch-fp32 is the only one that passed in time; onnx and openvino-qint8 were not tried (a larger "
        "--time-budget tries them)."
    )


def test_the_likeliest_wins_where_not_all_were_tried_and_not_the_simplest() -> None:
    passed = (
        BASE,
        outcome("openvino", 2.0, half=0.1),
        outcome("openvino-qint8", 2.2, half=0.1, loss=0.001),
    )
    assert run(*passed, pick="openvino").winner == "openvino"
    assert run(*passed, untried("onnx"), pick="openvino").winner == "openvino-qint8"


def test_another_doubt_is_said_first_and_then_what_was_not_tried() -> None:
    clear = (*PASSED, untried("onnx", 20.0))
    choice = choose(clear, decision=picking("openvino-qint8"), request=Request(), disturbed="The host was busy")
    assert choice.why == (
        "The host was busy, so openvino-qint8 is only the likeliest; onnx was not tried (about 20 s more: "
        "--time-budget 11m)."
    )
    few = run(BASE, outcome("openvino-qint8", 6, loss=0.001, rounds=2), untried("onnx"))
    assert few.why.startswith(
        "Only 2 rounds of openvino-qint8 could be timed, so openvino-qint8 is only the likeliest; "
    )
    assert few.why.endswith("; onnx was not tried (a larger --time-budget tries it).")
    nothing = run(outcome("openvino-qint8", 6, loss=0.02), untried("onnx"))
    assert (nothing.winner, nothing.verdict) == (None, "inconclusive")
    assert nothing.why.startswith("No candidate could be measured within a loss budget of 0.40%; onnx was not tried (")
    by_speed = run(BASE, outcome("onnx", 3), untried("openvino"), objective="latency")
    assert "for no candidate has a measured latency; openvino was not tried (" in by_speed.why


@pytest.mark.parametrize(("objective", "best"), [("latency", "best by latency"), ("memory", "best by memory")])
def test_what_is_best_is_said_in_the_objectives_words(objective: ObjectiveName, best: str) -> None:
    timed = (
        outcome(BASELINE, latency=10.0, rss=900),
        outcome("openvino-qint8", 6, loss=0.001, latency=2.0, rss=300),
    )
    choice = run(*timed, untried("onnx"), objective=objective)
    assert choice.why.startswith(f"openvino-qint8 is the {best} of the 2 that there was time for; ")


def predicted(name: str, reason: str = "1.6x slower than onnx, predicted from 1 and 3 of 12 layers") -> Outcome:
    return Outcome(
        name=name,
        status="cut",
        reason=reason,
        precision=catalogue.get(name).precision,
        predicted=Predicted(speedup=1.2, depths=(1, 3), num_layers=12),
    )


@pytest.mark.parametrize("prefix", ["", "cut: "])
def test_a_pick_that_a_prediction_cut_is_overturned_with_the_figure_and_its_origin(prefix: str) -> None:
    made = predicted("openvino-qint8")
    assert made.predicted is not None
    assert made.reason.endswith(made.predicted.origin)
    choice = run(BASE, outcome("onnx", 2), replace(made, reason=prefix + made.reason))
    assert (choice.winner, choice.verdict) == ("onnx", "overturned")
    assert choice.why == (
        "onnx is the best that passed; openvino-qint8, which the rules named, was cut: 1.6x slower than onnx, "
        "predicted from 1 and 3 of 12 layers."
    )


def test_others_that_a_prediction_cut_leave_the_verdict_standing() -> None:
    assert run(*PASSED, predicted("onnx")).verdict == "confirmed"
    flips = nearest_flips((*PASSED, predicted("onnx")), picking("openvino-qint8"), Request())
    assert flips == nearest_flips(PASSED, picking("openvino-qint8"), Request())


# -- flips ---------------------------------------------------------------------------------------------------


def test_flips_name_the_budgets_where_another_wins_the_nearest_first() -> None:
    outcomes = (
        BASE,
        outcome("openvino-qint8", 6, loss=0.0008),
        outcome("openvino-bf16", 4, loss=0.0003),
        outcome("onnx-qint8", 9, loss=0.006),
        outcome("torch-fp16", 1.5, loss=0.009),
    )
    assert nearest_flips(outcomes, picking("openvino-qint8"), Request()) == (
        Flip(max_loss=0.006, below=False, winner="onnx-qint8"),
        Flip(max_loss=0.0008, below=True, winner="openvino-bf16"),
        Flip(max_loss=0.0003, below=True, winner=BASELINE),
    )


def test_there_are_no_flips_where_the_budget_changes_nothing() -> None:
    assert nearest_flips((BASE, outcome("onnx", 2)), picking("onnx"), Request()) == ()
    assert nearest_flips((), picking("onnx"), Request()) == ()


def test_in_a_disturbed_run_flips_speak_of_the_likeliest_as_the_answer_does() -> None:
    outcomes = (BASE, outcome("onnx", 2.0, half=0.15), outcome("openvino-qint8", 2.4, half=0.15, loss=0.001))
    args = {"decision": picking("onnx"), "request": Request()}
    assert choose(outcomes, disturbed="The host was busy", **args).winner == "openvino-qint8"
    (flip,) = nearest_flips(outcomes, picking("onnx"), Request(), disturbed="The host was busy")
    assert (flip.below, flip.winner) == (True, "onnx")
    assert nearest_flips(outcomes, picking("onnx"), Request()) == ()


def test_a_flip_may_leave_nothing() -> None:
    only = (outcome("openvino-qint8", 6, loss=0.002),)
    assert nearest_flips(only, picking("onnx"), Request()) == (Flip(max_loss=0.002, below=True, winner=None),)


# -- any outcomes --------------------------------------------------------------------------------------------

_BUDGETS = st.floats(0, 0.05)


@st.composite
def any_outcome(draw: st.DrawFn, name: str) -> Outcome:
    made = outcome(
        name,
        1.0 if name == BASELINE else draw(st.floats(0.05, 20)),
        half=draw(st.none() | st.floats(0, 0.6)),
        loss=draw(st.none() | st.floats(-0.01, 0.05)),
        rounds=draw(st.integers(0, 20)),
        latency=draw(st.none() | st.floats(0.1, 1000)),
        rss=draw(st.none() | st.integers(1, 10**10)),
    )
    status = draw(st.sampled_from(["measured", "measured", "measured", "rejected", "failed", "cut", "skipped"]))
    untimed = status == "skipped" or (status in {"measured", "rejected"} and draw(st.integers(0, 9)) == 0)
    late = status == "skipped" and draw(st.booleans())
    missing = Untried(needs_s=draw(st.none() | st.floats(0.1, 1000))) if late else None
    return replace(made, status=status, timing=None if untimed else made.timing, untried=missing)


@st.composite
def any_outcomes(draw: st.DrawFn) -> tuple[Outcome, ...]:
    names = draw(st.lists(st.sampled_from(catalogue.names()), max_size=8, unique=True))
    return tuple(draw(any_outcome(name)) for name in names)


_PICKS = st.sampled_from(catalogue.names())
_OBJECTIVES = st.sampled_from(["throughput", "latency", "memory"])


@given(any_outcomes(), _PICKS, _OBJECTIVES, _BUDGETS)
def test_the_winner_was_measured_and_is_within_the_budget(
    outcomes: tuple[Outcome, ...], pick: str, objective: ObjectiveName, max_loss: float
) -> None:
    choice = run(*outcomes, pick=pick, objective=objective, max_loss=max_loss)
    assert [each.name for each in choice.outcomes] == [each.name for each in outcomes]
    measured = {each.name: each for each in choice.outcomes if each.status == "measured"}
    assert (choice.winner is None) == (not measured)
    if choice.winner is not None:
        won = measured[choice.winner]
        assert won.timing is not None
        if won.name != BASELINE and won.loss is not None:
            assert won.loss.ci95 is not None
            assert won.loss.value <= max(max_loss, NOISE)
    assert all(each.reason for each in choice.outcomes if each.status == "rejected" and each.timing is not None)
    assert choice.why.endswith(".")


@given(any_outcomes(), _PICKS, _OBJECTIVES, st.randoms(use_true_random=False))
def test_the_order_of_the_outcomes_does_not_matter(
    outcomes: tuple[Outcome, ...], pick: str, objective: ObjectiveName, random: object
) -> None:
    shuffled = list(outcomes)
    random.shuffle(shuffled)
    one, other = run(*outcomes, pick=pick, objective=objective), run(*shuffled, pick=pick, objective=objective)
    assert (one.winner, one.verdict, one.why) == (other.winner, other.verdict, other.why)
    assert sorted(one.outcomes, key=lambda each: each.name) == sorted(other.outcomes, key=lambda each: each.name)


@given(any_outcomes(), _PICKS, _OBJECTIVES, _BUDGETS)
def test_choosing_again_from_the_outcomes_that_a_choice_gave_changes_nothing(
    outcomes: tuple[Outcome, ...], pick: str, objective: ObjectiveName, max_loss: float
) -> None:
    first = run(*outcomes, pick=pick, objective=objective, max_loss=max_loss)
    assert run(*first.outcomes, pick=pick, objective=objective, max_loss=max_loss) == first


def _estimate(choice: Choice) -> Estimate:
    timing = next(each.timing for each in choice.outcomes if each.name == choice.winner)
    assert timing is not None
    assert timing.speedup is not None
    return Estimate(median=1.0, ci95=(1.0, 1.0)) if choice.winner == BASELINE else timing.speedup


def _clearly_faster(one: Estimate, other: Estimate) -> bool:
    apart = one.ci95 is None or other.ci95 is None or one.ci95[0] > other.ci95[1]
    return apart and one.median > other.median * (1 + objectives.TIE_MARGIN)


@given(any_outcomes(), _BUDGETS, _BUDGETS)
def test_a_wider_budget_never_makes_the_winner_clearly_slower(
    outcomes: tuple[Outcome, ...], one: float, other: float
) -> None:
    narrow, wide = run(*outcomes, max_loss=min(one, other)), run(*outcomes, max_loss=max(one, other))
    if narrow.winner is not None:
        assert wide.winner is not None
        assert not _clearly_faster(_estimate(narrow), _estimate(wide))


@given(any_outcomes(), _BUDGETS, _BUDGETS)
def test_a_wider_budget_never_makes_the_winner_slower_where_intervals_leave_no_ties(
    outcomes: tuple[Outcome, ...], one: float, other: float
) -> None:
    def sharp(each: Outcome) -> Outcome:
        if each.timing is None or each.timing.speedup is None:
            return each
        median = each.timing.speedup.median
        return replace(each, timing=replace(each.timing, speedup=Estimate(median=median, ci95=(median, median))))

    def at(max_loss: float) -> Choice:
        made = [sharp(each) for each in outcomes]
        request = Request(max_loss=max_loss)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(objectives, "TIE_MARGIN", 0.0)
            return choose(made, decision=picking("onnx"), request=request)

    narrow, wide = at(min(one, other)), at(max(one, other))
    if narrow.winner is not None:
        assert _estimate(wide).median >= _estimate(narrow).median


@given(any_outcomes(), _PICKS)
def test_with_the_objective_memory_the_winner_is_near_the_best_speed(outcomes: tuple[Outcome, ...], pick: str) -> None:
    choice = run(*outcomes, pick=pick, objective="memory")
    share = objectives.get("memory").near_best_speed or 0.0
    passed = [each for each in choice.outcomes if each.status == "measured"]
    if choice.winner is None or not choice.why.startswith(f"{choice.winner} is judged by its speed alone"):
        speeds = [_estimate(replace(choice, winner=each.name)).median for each in passed]
        assert choice.winner is None or _estimate(choice).median >= share * max(speeds)


@given(any_outcomes(), _PICKS)
def test_a_verdict_agrees_with_its_words(outcomes: tuple[Outcome, ...], pick: str) -> None:
    choice = run(*outcomes, pick=pick)
    missing = [each.name for each in outcomes if each.untried is not None]
    if missing:
        assert choice.verdict == "inconclusive"
        assert all(name in choice.why for name in missing)
        assert "the best that passed" not in choice.why
    assert ("not tried (" in choice.why) == bool(missing)
    if choice.verdict == "confirmed":
        assert choice.winner == pick
    if choice.verdict == "overturned":
        assert choice.winner != pick
    if choice.verdict == "tie":
        assert pick in {each.name for each in choice.outcomes if each.status == "measured"}
        assert "within noise" in choice.why


@given(any_outcomes(), _PICKS, _OBJECTIVES, _BUDGETS, _BUDGETS)
def test_flips_foretell_the_winner_at_any_other_budget(
    outcomes: tuple[Outcome, ...], pick: str, objective: ObjectiveName, max_loss: float, other: float
) -> None:
    request = Request(max_loss=max_loss, objective=objective)
    flips = nearest_flips(outcomes, picking(pick), request)
    expected = run(*outcomes, pick=pick, objective=objective, max_loss=max_loss).winner
    for flip in reversed(flips):  # the farthest flip that applies is the last word
        crossed = other < flip.max_loss if flip.below else other >= flip.max_loss
        if crossed:
            expected = flip.winner
            break
    assert run(*outcomes, pick=pick, objective=objective, max_loss=other).winner == expected
    assert [abs(flip.max_loss - max_loss) for flip in flips] == sorted(abs(flip.max_loss - max_loss) for flip in flips)
