"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.report import format as fmt


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2579, "2,579"),
        (409, "409"),
        (99.97, "100"),
        (52.34, "52.3"),
        (9.999, "10.0"),
        (3.412, "3.41"),
        (0.0312, "0.03"),
    ],
)
def test_a_rate_has_three_digits_or_more(value: float, text: str) -> None:
    assert fmt.rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6.31, "6.3x"),
        (1.0, "1.0x"),
        (1.04, "1.04x"),
        (0.27, "0.27x"),
        (0.012, "0.012x"),
        (23.4, "23x"),
        (1234, "1,234x"),
    ],
)
def test_a_ratio_keeps_the_digits_that_matter(value: float, text: str) -> None:
    assert fmt.times(value) == text


@given(st.floats(min_value=0.02, max_value=1e6))
def test_rounding_a_ratio_hides_less_than_five_percent_of_it(value: float) -> None:
    assert float(fmt.ratio(value).replace(",", "")) == pytest.approx(value, rel=0.05)


@given(st.floats(min_value=1, max_value=1e9))
def test_rounding_a_rate_hides_less_than_one_percent_of_it(value: float) -> None:
    assert float(fmt.rate(value).replace(",", "")) == pytest.approx(value, rel=0.01)


def test_an_interval_has_the_decimals_of_its_ratio() -> None:
    assert fmt.interval(6.08, 6.52, like=6.3) == "6.1-6.5"
    assert fmt.interval(0.98, 1.1, like=1.04) == "0.98-1.10"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0008, "0.08%"), (0.004, "0.40%"), (-0.0011, "-0.11%"), (0.123, "12.3%"), (-1e-9, "0.00%")]
)
def test_percentages(value: float, text: str) -> None:
    assert fmt.percent(value) == text


def test_a_loss_is_shown_as_a_change_in_accuracy_with_its_sign() -> None:
    assert fmt.accuracy_change(0.0008) == "-0.08%"
    assert fmt.accuracy_change(-0.0011) == "+0.11%"
    assert fmt.accuracy_change(0.0) == "0.00%"
    assert fmt.accuracy_interval(0.0002, 0.0015) == "-0.15..-0.02"


@given(st.floats(min_value=-1, max_value=1))
def test_a_percentage_is_never_a_negative_zero(value: float) -> None:
    assert not fmt.percent(value).startswith("-0.00%")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0%"), (0.0004, "under 1%"), (0.372, "37%"), (0.997, "over 99%"), (1, "100%")]
)
def test_a_few_texts_are_never_called_none_and_most_never_all(value: float, text: str) -> None:
    assert fmt.share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (23_100_000, "23 MB"), (999_600, "1 MB"), (1_200_000_000, "1.2 GB"), (31e9, "31 GB")],
)
def test_sizes_are_in_si_units(value: float, text: str) -> None:
    assert fmt.size(value) == text


def test_memory_is_in_binary_units() -> None:
    assert fmt.memory(22 * 1024**3) == "22 GiB"
    assert fmt.memory(1.5 * 1024**3) == "1.5 GiB"
    assert fmt.memory(296 * 1024**2) == "296 MiB"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.62, "0.6 s"), (41.2, "41 s"), (59.7, "1 min 0 s"), (192, "3 min 12 s"), (3900, "1 h 5 min")],
)
def test_durations(value: float, text: str) -> None:
    assert fmt.duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(41, "0:41"), (-3, "0:00"), (725, "12:05"), (3725, "1:02:05")])
def test_time_still_to_go(value: float, text: str) -> None:
    assert fmt.clock(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.424, "0.42 ms"), (4.13, "4.1 ms"), (127.6, "128 ms")])
def test_latencies(value: float, text: str) -> None:
    assert fmt.milliseconds(value) == text


def test_cores_may_be_fractional() -> None:
    assert [fmt.cores(value) for value in (1, 1.5, 2.0)] == ["1 core", "1.5 cores", "2 cores"]


@pytest.mark.parametrize(
    ("isa", "words"),
    [
        (("avx2", "avx512f", "avx512_vnni", "avx512_bf16"), "AVX-512 VNNI + BF16"),
        (("avx2", "avx_vnni"), "AVX2 VNNI"),
        (("avx2",), "AVX2"),
        (("asimd", "dotprod", "i8mm", "bf16"), "NEON dot product + I8MM + BF16"),
        ((), None),
    ],
)
def test_instruction_sets_in_words(isa: tuple[str, ...], words: str | None) -> None:
    assert fmt.instruction_sets(isa) == words


def test_every_instruction_set_that_the_probe_names_has_words() -> None:
    from advisor.types import ARM_ISA, X86_ISA

    for name in (*ARM_ISA, *X86_ISA):
        assert fmt.instruction_sets((name,)), name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-5, "under 1 min"),
        (59.9, "under 1 min"),
        (60, "1 min"),
        (3599, "59 min"),
        (7200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 d"),
        (1e8, "1,157 d"),
    ],
)
def test_ages(value: float, text: str) -> None:
    assert fmt.age(value) == text
