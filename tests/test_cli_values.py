"""What users type for an option."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor import catalogue
from advisor.cli import values
from advisor.errors import InputError


@pytest.mark.parametrize(
    ("typed", "loss"),
    [
        ("0.4%", 0.004),
        ("0.004", 0.004),
        ("0", 0),
        ("0%", 0),
        (" 1 % ", 0.01),
        ("100%", 1),
        (".5%", 0.005),
        ("4e-3", 0.004),
    ],
)
def test_a_loss_budget_is_a_percentage_or_a_small_fraction(typed: str, loss: float) -> None:
    assert values.max_loss(typed) == pytest.approx(loss)


def test_an_ambiguous_loss_says_both_ways_to_write_it() -> None:
    with pytest.raises(InputError, match=r"--max-loss 0\.4 is ambiguous: write 0\.4% or 0\.004\."):
        values.max_loss("0.4")


@pytest.mark.parametrize("typed", ["", "%", "nan", "inf", "-inf%", "0,4%", "1_0%", "0.4%%", "٣%", "lots", "0x1"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match="is not a number"):
        values.max_loss(typed)


def test_a_negative_loss_and_one_over_a_hundred_percent_are_refused() -> None:
    with pytest.raises(InputError, match="negative"):
        values.max_loss("-0.1%")
    with pytest.raises(InputError, match="over 100%"):
        values.max_loss("101%")
    with pytest.raises(InputError, match="ambiguous"):
        values.max_loss("400")


@given(st.floats(min_value=0, max_value=100))
def test_any_percentage_is_that_share(percentage: float) -> None:
    assert values.max_loss(f"{percentage!r}%") == pytest.approx(percentage / 100)


@given(st.floats(min_value=0, max_value=values.AMBIGUOUS_FROM, exclude_max=True))
def test_any_small_fraction_is_itself(fraction: float) -> None:
    assert values.max_loss(repr(fraction)) == fraction


@given(st.floats(min_value=values.AMBIGUOUS_FROM, allow_infinity=False))
def test_no_larger_bare_number_is_guessed_at(number: float) -> None:
    with pytest.raises(InputError, match="ambiguous"):
        values.max_loss(repr(number))


@given(st.text(alphabet="0123456789.,%e-+ x", max_size=8))
def test_whatever_is_typed_gives_a_share_or_one_sentence(typed: str) -> None:
    try:
        loss = values.max_loss(typed)
    except InputError as error:
        said = str(error)
    else:
        said = "."
        assert 0 <= loss <= 1
    assert said.endswith(".")


def test_candidates_are_split_at_commas_and_kept_in_order() -> None:
    assert values.candidates("openvino, onnx,,openvino", option="--skip") == ("openvino", "onnx")


@given(st.lists(st.sampled_from(catalogue.names()), min_size=1, unique=True))
def test_every_candidate_can_be_named(names: list[str]) -> None:
    assert values.candidates(",".join(names), option="--skip") == tuple(names)


def test_an_unknown_candidate_is_answered_with_close_ones_and_all_of_them() -> None:
    with pytest.raises(InputError, match="--candidates names 'ONNX-o3', which is no candidate: did you mean onnx-O3"):
        values.candidates("ONNX-o3", option="--candidates")
    with pytest.raises(InputError) as raised:
        values.candidates("tensorrt", option="--skip")
    assert all(name in str(raised.value) for name in catalogue.names())


def test_no_candidate_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="--skip names no candidate"):
        values.candidates(" , ", option="--skip")


def test_threads_lie_between_one_and_the_logical_cpus() -> None:
    assert values.threads(4, logical_cpus=4) == 4
    with pytest.raises(InputError, match="less than 1"):
        values.threads(0, logical_cpus=4)
    with pytest.raises(InputError, match="more than the 4 logical CPUs"):
        values.threads(5, logical_cpus=4)


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("90", 90), ("90s", 90), ("3m", 180), ("1m30s", 90), ("1h", 3600), (" 2M ", 120), ("12.5s", 12.5)],
)
def test_a_time_budget_is_typed_as_people_write_durations(typed: str, seconds: float) -> None:
    assert values.time_budget(typed) == seconds


@pytest.mark.parametrize("typed", ["", "s", "soon", "-3m", "3 m", "1d", "nan", "inf", "1e3", "3m1h"])
def test_what_is_no_duration_is_refused_with_what_to_write(typed: str) -> None:
    with pytest.raises(InputError, match=r"write 90s, 3m or 1h|write for example 90s"):
        values.time_budget(typed)


def test_a_time_budget_that_the_baseline_alone_would_need_is_refused() -> None:
    with pytest.raises(InputError, match="--time-budget 5s is under 10 seconds"):
        values.time_budget("5s")
