"""One rule on the interval says what passes, what is uncertain and what is rejected."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.gate import ENOUGH_TEXTS, NOISE, is_decided, judge, required_budget, within
from advisor.types import BASELINE, Fidelity, LossMethod, Similarity


def loss(
    value: float, low: float | None = None, high: float | None = None, *, method: LossMethod = "labelled"
) -> Fidelity:
    ci95 = None if low is None or high is None else (low, high)
    return Fidelity(value=value, ci95=ci95, method=method, metric="m")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (loss(0.001, 0.0005, 0.004), "passes"),
        (loss(0.001, 0.0005, 0.0041), "uncertain"),
        (loss(0.004, 0.003, 0.005), "uncertain"),
        (loss(0.0041, 0.003, 0.005), "rejected"),
        (loss(-0.001, -0.003, 0.001), "passes"),
        (loss(0.001), "uncertain"),
        (loss(NOISE), "passes"),
        (None, "rejected"),
    ],
)
def test_a_candidate_passes_if_the_upper_end_is_within_the_budget(found: Fidelity | None, expected: str) -> None:
    assert judge("openvino-qint8", "int8", found, max_loss=0.004) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (loss(0.001, 0.0005, 0.0041, method="estimated"), "passes"),
        (loss(0.004, 0.003, 0.005, method="estimated"), "passes"),
        (loss(0.0041, 0.003, 0.005, method="estimated"), "rejected"),
        (loss(0.001, method="estimated"), "uncertain"),
    ],
)
def test_an_estimate_errs_upwards_and_is_its_own_bound(found: Fidelity, expected: str) -> None:
    assert judge("openvino-qint8", "int8", found, max_loss=0.004) == expected


@pytest.mark.parametrize(("by", "expected"), [(None, "passes"), ("cosine", "passes"), ("dot", "uncertain")])
def test_an_estimate_by_another_similarity_than_the_cosine_is_bound_by_its_upper_end(
    by: Similarity | None, expected: str
) -> None:
    found = replace(loss(0.001, 0.0005, 0.0041, method="estimated"), by=by)
    assert judge("openvino-qint8", "int8", found, max_loss=0.004) == expected
    assert judge("openvino-qint8", "int8", found, max_loss=0.0041) == "passes"


@pytest.mark.parametrize(
    ("num_texts", "expected"),
    [(None, "passes"), (512, "passes"), (ENOUGH_TEXTS, "passes"), (ENOUGH_TEXTS - 1, "uncertain"), (32, "uncertain")],
)
def test_an_estimate_from_few_texts_is_bound_by_its_upper_end(num_texts: int | None, expected: str) -> None:
    found = replace(loss(0.001, 0.0005, 0.0041, method="estimated"), num_texts=num_texts)
    assert judge("openvino-qint8", "int8", found, max_loss=0.004) == expected
    assert judge("openvino-qint8", "int8", found, max_loss=0.0041) == "passes"
    assert judge("openvino-qint8", "int8", found, max_loss=0.0009) == "rejected"


@pytest.mark.parametrize(
    ("value", "expected"), [(1e-6, "passes"), (NOISE, "passes"), (2 * NOISE, "uncertain"), (0.5, "rejected")]
)
def test_a_checked_loss_passes_if_it_is_noise(value: float, expected: str) -> None:
    found = replace(loss(value, method="checked"), num_texts=16)
    assert judge("onnx", "fp32", found, max_loss=0.004) == expected


@pytest.mark.parametrize(
    ("found", "max_loss", "expected"),
    [
        (loss(0.001, 0.0005, 0.004), 0.004, True),
        (loss(0.001, 0.0005, 0.0041), 0.004, False),
        (loss(0.005, 0.004, 0.006), 0.004, False),
        (loss(0.005, 0.0041, 0.006), 0.004, True),
        (loss(1e-5, 0.0, NOISE), 0, True),
        (loss(1e-5, 1e-6, 2 * NOISE), 0, False),
        (loss(0.001), 0.004, False),
    ],
)
def test_a_loss_is_decided_where_its_whole_interval_lies_on_one_side(
    found: Fidelity, max_loss: float, expected: bool
) -> None:
    assert is_decided(found, max_loss=max_loss) is expected


def test_a_budget_of_zero_asks_for_what_cannot_be_told_from_fp32() -> None:
    assert judge("openvino-bf16", "bf16", loss(1e-5, 0.0, NOISE), max_loss=0) == "passes"
    assert judge("openvino-bf16", "bf16", loss(1e-5, 0.0, 2 * NOISE), max_loss=0) == "uncertain"
    assert judge("openvino-qint8", "int8", loss(5e-4, 4e-4, 1e-3), max_loss=0) == "rejected"


def test_the_baseline_and_an_fp32_candidate_that_was_not_compared_pass() -> None:
    assert judge(BASELINE, "fp32", loss(0.5, 0.4, 0.6), max_loss=0) == "passes"
    assert judge("onnx", "fp32", None, max_loss=0) == "passes"
    assert judge("onnx", "fp32", loss(0.5, 0.4, 0.6), max_loss=0.1) == "rejected"


fractions = st.floats(-0.5, 1)


@given(fractions, fractions, fractions, st.floats(0, 1), st.floats(0, 1))
def test_whoever_passes_a_budget_passes_every_larger_one(
    value: float, one: float, other: float, small: float, large: float
) -> None:
    found = loss(value, min(one, other, value), max(one, other, value))
    small, large = sorted((small, large))
    if judge("openvino-qint8", "int8", found, max_loss=small) == "passes":
        assert judge("openvino-qint8", "int8", found, max_loss=large) == "passes"
        assert within(found, max_loss=large)


@given(fractions, fractions, fractions, st.floats(0, 1), st.sampled_from([None, 32, 512]))
def test_what_is_decided_is_not_uncertain(
    value: float, one: float, other: float, max_loss: float, num_texts: int | None
) -> None:
    found = loss(value, min(one, other, value), max(one, other, value), method="estimated")
    found = replace(found, num_texts=num_texts)
    if is_decided(found, max_loss=max_loss):
        assert judge("openvino-qint8", "int8", found, max_loss=max_loss) != "uncertain"


@given(fractions, fractions)
def test_the_required_budget_is_the_smallest_that_lets_it_pass(value: float, high: float) -> None:
    found = loss(value, min(value, high), max(value, high))
    needed = required_budget("openvino-qint8", "int8", found)
    assert needed is not None
    assert judge("openvino-qint8", "int8", found, max_loss=needed) == "passes"
    if needed > 0:
        assert judge("openvino-qint8", "int8", found, max_loss=needed * 0.999) != "passes"
