"""What counts as the recorded numbers: close ones, and never NaN, wherever it stands."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.artifact.agreement import Agreement, Cosines, Differences
from advisor.artifact.reference import Reference
from advisor.artifact.verify import Check
from advisor.artifact.verify import _check_outputs as check_outputs

NAN = float("nan")
ROW = np.array([3.0, 4.0], np.float32)
ZEROS = np.zeros(2, np.float32)


def check(agreement: Agreement, found: list[tuple[float, ...]]) -> Check:
    texts = tuple("ab"[: len(found)])
    return check_outputs(found, Reference(texts=texts, embeddings=np.zeros((len(found), 2)), agreement=agreement))


@pytest.mark.parametrize("found", [[1.0, NAN], [NAN, 1.0], [NAN, NAN]])
def test_nan_is_no_cosine_that_is_high_enough(found: list[float]) -> None:
    assert check(Cosines(0.99), [(cosine, 1.0) for cosine in found]) == Check(
        name="embeddings", ok=False, detail="2 reference texts, lowest cosine nan, at least 0.99 asked"
    )


@pytest.mark.parametrize("found", [[0.0, NAN], [NAN, 0.0], [NAN, NAN]])
def test_nan_is_no_difference_that_is_small_enough(found: list[float]) -> None:
    assert check(Differences(0.01), [(difference,) for difference in found]) == Check(
        name="scores", ok=False, detail="2 reference pairs, scores differ by nan at most, 0.01 allowed"
    )


@pytest.mark.parametrize("agreement", [Cosines(0.99), Differences(0.01)], ids=["cosines", "differences"])
def test_one_text_that_is_off_is_enough_and_no_text_at_all_proves_nothing(agreement: Agreement) -> None:
    exact, off = (agreement.of(ROW, other, 4.0) for other in (ROW, -ROW))
    assert agreement.ok([exact, exact])
    assert not agreement.ok([exact, off])
    assert not agreement.ok([off, exact])
    assert not agreement.ok([])


@pytest.mark.parametrize("agreement", [Cosines(0.99), Differences(0.01)], ids=["cosines", "differences"])
def test_zeros_agree_with_zeros_alone(agreement: Agreement) -> None:
    assert agreement.ok([agreement.of(ZEROS, ZEROS, 4.0)])
    for got, expected in ((ZEROS, ROW), (ROW, ZEROS), (ZEROS * NAN, ZEROS), (ZEROS, ZEROS * NAN)):
        found = agreement.of(got, expected, 4.0)
        assert not agreement.ok([found, agreement.of(ROW, ROW, 4.0)])
        assert not agreement.ok([agreement.of(ROW, ROW, 4.0), found])
