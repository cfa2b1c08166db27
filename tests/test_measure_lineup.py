"""In which order candidates are tried, and which need not be made: pure, by what was foretold."""

from __future__ import annotations

import pytest

from advisor import catalogue, objectives
from advisor.catalogue import MIXED
from advisor.measure.lineup import RESCUED, LineUp
from advisor.types import BASELINE, Predicted, ScreenCheck, Screened

NAMES = ("onnx-O3", BASELINE, "onnx", "openvino", RESCUED, MIXED, "torch-bf16")


def line_up(speedups=None, *, names=NAMES, fell_back=None, export_s=None):
    """`speedups` None is a run without a screen."""
    screened = None
    if speedups is not None:
        screened = Screened(
            check=ScreenCheck(depths=(1, 3), num_layers=12, baseline_error=0.01, fell_back=fell_back),
            predicted={
                name: Predicted(speedup=speedup, depths=(1, 3), num_layers=12) for name, speedup in speedups.items()
            },
            export_s=export_s or {},
        )
    return LineUp([catalogue.get(name) for name in names], screened=screened)


def order(made):
    return [each.name for each in made.others()]


def test_without_a_screen_the_order_is_the_rulesets():
    assert order(line_up()) == ["onnx-O3", "onnx", "openvino", RESCUED, MIXED, "torch-bf16"]


def test_after_a_screen_the_fastest_comes_first_and_what_could_not_be_foretold_last():
    found = line_up({"onnx": 1.5, "openvino": 3.0, "torch-bf16": 2.0, RESCUED: 2.5})
    assert order(found) == ["openvino", RESCUED, MIXED, "torch-bf16", "onnx", "onnx-O3"]


def test_a_screen_that_fell_back_changes_no_order():
    speedups = {"onnx": 1.5, "openvino": 3.0, "torch-bf16": 2.0, RESCUED: 2.5}
    assert order(line_up(speedups, fell_back="missed")) == order(line_up())


def test_the_mixed_one_comes_right_after_the_one_that_it_is_made_of():
    names = (MIXED, "openvino", BASELINE, RESCUED, "onnx")
    assert order(line_up(names=names)) == [RESCUED, MIXED, "openvino", "onnx"]
    names = ("onnx", RESCUED, BASELINE, "openvino", MIXED)
    assert order(line_up(names=names)) == ["onnx", RESCUED, MIXED, "openvino"]
    equal = {"onnx": 2.0, "openvino": 2.0, RESCUED: 2.0}
    assert order(line_up(equal, names=names)) == ["onnx", RESCUED, MIXED, "openvino"]
    assert order(line_up({"openvino": 2.0}, names=names)) == ["openvino", "onnx", RESCUED, MIXED]


def test_the_mixed_one_alone_is_one_like_the_others():
    names = ("openvino", BASELINE, MIXED, "onnx")
    assert order(line_up(names=names)) == ["openvino", MIXED, "onnx"]


def test_the_baseline_is_no_other_and_may_be_missing():
    assert line_up().baseline.name == BASELINE
    assert line_up(names=("onnx",)).baseline is None


MARGIN = 1 + objectives.PREDICTION_MARGIN


def test_one_is_hopeless_where_a_rival_is_predicted_to_be_faster_by_more_than_the_margin():
    found = line_up({"onnx": 1.0, "openvino": MARGIN - 0.01, "torch-bf16": MARGIN + 0.01})
    assert found.hopeless("onnx", ["openvino"]) is None
    left = found.hopeless("onnx", ["openvino", "torch-bf16"])
    assert (left.name, left.status, left.rival, left.predicted) == ("onnx", "cut", "torch-bf16", True)
    assert left.reason == "cut: 1.3x slower than torch-bf16, predicted from 1 and 3 of 12 layers"
    assert left.untried is None


def test_the_faster_one_is_not_hopeless_and_none_is_against_itself():
    found = line_up({"onnx": 1.0, "openvino": 3.0})
    assert found.hopeless("openvino", ["onnx", "openvino"]) is None
    assert found.hopeless("onnx", ["onnx"]) is None


@pytest.mark.parametrize(("speedup", "cut"), [(0.5, True), (1 / MARGIN + 0.01, False), (2.0, False)])
def test_the_baseline_is_a_rival_too_and_is_the_unit(speedup, cut):
    left = line_up({"onnx": speedup}).hopeless("onnx", [BASELINE])
    assert (left is not None) is cut
    if cut:
        assert (left.rival, left.reason) == (
            BASELINE,
            "cut: 2.0x slower than torch-fp32, predicted from 1 and 3 of 12 layers",
        )


def test_the_mixed_one_is_foretold_by_the_one_that_it_is_made_of():
    found = line_up({RESCUED: 1.0, "onnx": 2.0})
    assert found.hopeless(MIXED, ["onnx"]).name == MIXED
    assert found.hopeless(MIXED, [RESCUED]) is None


def test_none_is_hopeless_where_nothing_is_known():
    assert line_up().hopeless("onnx", ["openvino", BASELINE]) is None
    assert line_up({"openvino": 3.0}).hopeless("onnx", ["openvino"]) is None
    assert line_up({"onnx": 0.5}).hopeless("onnx", []) is None
    assert line_up({"onnx": 0.5}).hopeless("onnx", ["openvino"]) is None
    slow = {"onnx": 0.1, "openvino": 3.0}
    assert line_up(slow).hopeless("onnx", ["openvino"]) is not None
    assert line_up(slow, fell_back="missed").hopeless("onnx", ["openvino", BASELINE]) is None


def test_the_time_of_an_export_is_known_even_where_the_speeds_were_missed():
    assert line_up({}, export_s={"onnx": 12.0}, fell_back="missed").export_s("onnx") == 12.0
    assert line_up({}, export_s={"onnx": 12.0}).export_s("openvino") is None
    assert line_up().export_s("onnx") is None
