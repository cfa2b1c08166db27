"""Files are made when a candidate's turn comes, in real child processes around a fake encoder: who is never made."""

from __future__ import annotations

import functools
import math

import psutil
import pytest
from fake_workers import CHILDREN, MIDDLE, QUICK, SLOW, measure_fakes

from advisor import objectives
from advisor.errors import ChildFailed
from advisor.events import CandidateEnded
from advisor.measure import Control
from advisor.types import BASELINE, Exported, Predicted, RuntimeSettings, ScreenCheck, Screened, Untried

LATER = 18
"""An encode in the race: see test_measure_session.py."""
LOSSY = {"noise": 5.0}
"""Far over any loss budget, and int8 as well as fp32."""
DIES = {"what": "die", "at_encode": LATER + 14}
"""After its rounds have begun."""


class Scripted:
    """Files that have to be made, but for the baseline's and those in `ready`.

    `fails` gives a ChildFailed by name; `on_make` is called with each name before it is made.
    """

    def __init__(self, folder, *, ready=(), fails=None, on_make=lambda name: None):
        self.folder = folder
        self.ready = {BASELINE, *ready}
        self.fails = fails or {}
        self.on_make = on_make
        self.made = []
        self.within_s = {}
        self.estimates_s = {}
        self.closed = False

    def is_ready(self, candidate):
        return candidate.name in self.ready

    def estimate_s(self, candidate):
        return self.estimates_s.get(candidate.name)

    def make(self, candidate, *, within_s):
        name = candidate.name
        self.on_make(name)
        self.within_s[name] = within_s
        if name in self.fails:
            raise self.fails[name]
        assert not self.closed
        self.made.append(name)
        return Exported(
            candidate=name,
            folder=self.folder,
            file=None,
            settings=RuntimeSettings(threads=1, provider=name),
            export_s=None,
            size_bytes=1000,
        )

    def close(self):
        self.closed = True


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run({candidate: behaviour}, ...)` measures candidates that behave as told; `run.files` makes their files."""
    monkeypatch.setenv("PYTHONPATH", str(CHILDREN))
    return functools.partial(measure_fakes, tmp_path)


@pytest.fixture
def files(tmp_path):
    return Scripted(tmp_path)


@pytest.fixture(autouse=True)
def _no_process_is_left_behind():
    mine = psutil.Process()
    before = {child.pid for child in mine.children(recursive=True)}
    yield
    assert {child.pid for child in mine.children(recursive=True)} <= before


def foretold(fell_back=None, export_s=None, **speedups):
    """A screen; names in `speedups` have `_` for `-`."""
    return Screened(
        check=ScreenCheck(depths=(1, 3), num_layers=12, baseline_error=0.02, fell_back=fell_back),
        predicted={
            name.replace("_", "-"): Predicted(speedup=speedup, depths=(1, 3), num_layers=12)
            for name, speedup in speedups.items()
        },
        export_s=export_s or {},
    )


def status(result):
    return {each.name: each.status for each in result.candidates}


def ended(events):
    return [(event.outcome.name, event.outcome.status) for event in events if isinstance(event, CandidateEnded)]


# -- what the screen foretold --------------------------------------------------------------------------------


def test_one_that_a_faster_one_leaves_no_chance_is_never_made(run, files):
    events = []
    result = run(
        {"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK}},
        files=files,
        events=events,
        screened=foretold(onnx=2.0, openvino=4.0),
    )
    assert files.made == [BASELINE, "openvino"]
    assert status(result) == {BASELINE: "measured", "openvino": "measured", "onnx": "cut"}
    cut = result.of("onnx")
    assert cut.predicted == Predicted(speedup=2.0, depths=(1, 3), num_layers=12)
    assert cut.reason == "cut: 2.0x slower than openvino, predicted from 1 and 3 of 12 layers"
    assert (cut.timing, cut.loss, cut.untried, cut.file) == (None, None, None, None)
    assert ended(events) == [("onnx", "cut")]
    assert result.of("openvino").predicted is None


def test_the_fastest_is_made_first_and_those_near_it_are_raced(run, files):
    result = run(
        {"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": 0.9 * MIDDLE}, "onnx-O3": {"s_per_text": MIDDLE}},
        files=files,
        pick="onnx",
        screened=foretold(onnx=2.0, openvino=2.2, onnx_O3=2.1),
    )
    assert files.made == [BASELINE, "openvino", "onnx-O3", "onnx"]
    assert all(each.timing is not None and each.timing.rounds for each in result.candidates)


def test_the_baseline_cuts_what_is_predicted_to_be_slower_than_it(run, files):
    result = run({"onnx": {}}, files=files, screened=foretold(onnx=0.5))
    assert files.made == [BASELINE]
    assert result.of("onnx").reason == "cut: 2.0x slower than torch-fp32, predicted from 1 and 3 of 12 layers"
    assert status(result) == {BASELINE: "measured", "onnx": "cut"}
    assert result.of(BASELINE).timing.rounds >= objectives.FLOOR_ROUNDS


def test_the_rulesets_pick_may_be_cut_by_a_prediction(run, files):
    result = run(
        {"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK}},
        files=files,
        pick="onnx",
        screened=foretold(onnx=1.0, openvino=4.0),
    )
    assert "onnx" not in files.made
    assert (result.of("onnx").status, result.of("onnx").predicted.speedup) == ("cut", 1.0)


def test_without_a_screen_and_where_it_fell_back_all_are_made(run, tmp_path):
    slow_too = {"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK}}
    for screened in (None, foretold("it missed", onnx=0.1, openvino=4.0)):
        files = Scripted(tmp_path)
        result = run(slow_too, files=files, pick="onnx", screened=screened)
        assert files.made == [BASELINE, "onnx", "openvino"]
        assert all(each.predicted is None for each in result.candidates)


def test_one_that_could_not_be_foretold_is_made_after_the_others(run, files):
    result = run(
        {"onnx-O3": {"s_per_text": 0.9 * QUICK}, "onnx": {}, "openvino": {"s_per_text": QUICK}},
        files=files,
        screened=foretold(onnx=1.0, openvino=4.0),
    )
    assert files.made == [BASELINE, "openvino", "onnx-O3"]
    assert result.of("onnx-O3").timing.rounds >= objectives.FLOOR_ROUNDS


def test_where_the_rival_fails_in_the_race_the_one_that_it_cut_is_made_and_raced(run, files):
    events = []
    result = run(
        {"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK, **DIES}},
        files=files,
        events=events,
        screened=foretold(onnx=2.0, openvino=4.0),
    )
    assert files.made == [BASELINE, "openvino", "onnx"]
    assert status(result) == {BASELINE: "measured", "openvino": "failed", "onnx": "measured"}
    assert "in round" in result.of("openvino").reason
    assert result.of("onnx").timing.speedup.ci95 is not None
    assert result.of("onnx").predicted is None
    assert ended(events) == [("onnx", "cut"), ("openvino", "failed")]
    assert [each.name for each in result.candidates].count("onnx") == 1
    assert any("failed for which others had been left out" in warning for warning in result.warnings)


def test_after_a_rival_failed_another_one_may_cut_in_its_place(run, files):
    """Of the two that the failed one had cut, the faster one is raced, and the slower one stays cut."""
    result = run(
        {"onnx": {"s_per_text": SLOW}, "onnx-O3": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK, **DIES}},
        files=files,
        screened=foretold(onnx=1.0, onnx_O3=2.0, openvino=4.0),
    )
    assert files.made == [BASELINE, "openvino", "onnx-O3"]
    assert status(result)["onnx-O3"] == "measured"
    assert result.of("onnx").reason.startswith("cut: 2.0x slower than onnx-O3")


def test_a_faster_one_that_loses_too_much_cuts_none(run, files):
    result = run(
        {"onnx": {"s_per_text": MIDDLE}, "onnx-qint8": {"s_per_text": QUICK, **LOSSY}},
        files=files,
        screened=foretold(onnx=2.0, onnx_qint8=4.0),
    )
    assert files.made == [BASELINE, "onnx-qint8", "onnx"]
    assert result.of("onnx-qint8").loss.value > 0.004
    assert result.of("onnx").status == "measured"


def test_a_faster_one_that_does_not_load_cuts_none(run, files):
    result = run(
        {"onnx": {"s_per_text": MIDDLE}, "openvino": {"what": "raise", "at_encode": 1}},
        files=files,
        screened=foretold(onnx=2.0, openvino=4.0),
    )
    assert files.made == [BASELINE, "openvino", "onnx"]
    assert status(result) == {BASELINE: "measured", "openvino": "failed", "onnx": "measured"}


# -- files that cannot be made -------------------------------------------------------------------------------


def test_a_file_that_cannot_be_made_costs_its_candidate_alone(run, files):
    events = []
    files.fails = {"openvino": ChildFailed("ValueError: no such operator", log="export.log")}
    result = run({"openvino": {}, "onnx": {"s_per_text": MIDDLE}}, files=files, pick="openvino", events=events)
    assert files.made == [BASELINE, "onnx"]
    assert status(result) == {BASELINE: "measured", "onnx": "measured", "openvino": "failed"}
    failed = result.of("openvino")
    assert (failed.reason, failed.log, failed.untried, failed.predicted) == (
        "export failed: ValueError: no such operator",
        "export.log",
        None,
        None,
    )
    assert ended(events) == [("openvino", "failed")]


@pytest.mark.parametrize("ready", [False, True])
def test_files_that_would_bring_nothing_skip_the_candidate_with_that_reason(run, files, ready):
    """Also where an earlier run found that out, and nothing has to be made."""
    files.fails = {"onnx": ChildFailed("plain int8 keeps to the budget", kind="unneeded")}
    files.ready |= {"onnx"} if ready else set()
    result = run({"onnx": {}, "openvino": {"s_per_text": MIDDLE}}, files=files)
    assert (result.of("onnx").status, result.of("onnx").reason) == (
        "skipped",
        "skipped: plain int8 keeps to the budget",
    )
    assert result.of("onnx").untried is None
    assert result.of("openvino").status == "measured"


def test_what_is_ready_is_taken_before_the_baseline_is_timed_and_the_rest_after_it(run, files):
    files.ready |= {"openvino"}
    run({"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": MIDDLE}}, files=files, pick="onnx")
    assert files.made == [BASELINE, "openvino", "onnx"]
    assert files.within_s["openvino"] == math.inf
    assert 0 < files.within_s["onnx"] < 60


# -- time ----------------------------------------------------------------------------------------------------


def test_an_export_that_takes_longer_than_the_budget_leaves_is_not_begun(run, files):
    result = run(
        {"onnx": {}, "openvino": {"s_per_text": MIDDLE}},
        files=files,
        time_budget_s=60,
        screened=foretold(onnx=2.0, openvino=2.0, export_s={"onnx": 50.0, "openvino": 1.0}),
    )
    assert files.made == [BASELINE, "openvino"]
    late = result.of("onnx")
    assert (late.status, late.reason) == (
        "skipped",
        "skipped: the time budget left no room to export it (--time-budget)",
    )
    assert 50 < late.untried.needs_s < 60
    assert result.of("openvino").status == "measured"


def test_how_long_an_export_takes_is_of_no_matter_where_the_files_are_there(run, files):
    files.ready |= {"onnx"}
    result = run({"onnx": {"s_per_text": MIDDLE}}, files=files, screened=foretold(onnx=2.0, export_s={"onnx": 5000.0}))
    assert result.of("onnx").status == "measured"


@pytest.mark.parametrize("known", [True, False])
def test_once_the_time_is_over_none_is_begun_not_even_the_pick(run, files, known):
    files.ready |= {"onnx"}
    result = run(
        {"onnx": {"s_per_text": MIDDLE}, "openvino": {}},
        files=files,
        pick="onnx",
        time_budget_s=0.01,
        screened=foretold("it missed", export_s={"openvino": 7.0}) if known else None,
    )
    assert status(result) == {BASELINE: "measured", "onnx": "skipped", "openvino": "skipped"}
    assert result.of("onnx").reason == "skipped: the time budget left no room to load it (--time-budget)"
    assert result.of("onnx").untried.needs_s > 0
    needs_s = result.of("openvino").untried.needs_s
    assert needs_s is None if not known else needs_s > 7


def test_without_a_screen_what_exports_take_elsewhere_tells_which_of_them_fit(run, files):
    files.estimates_s = {"onnx": 50.0, "openvino": 1.0}
    result = run({"onnx": {}, "openvino": {"s_per_text": MIDDLE}}, files=files)
    assert files.made == [BASELINE, "openvino"]
    assert result.of("onnx").reason == "skipped: the time budget left no room to export it (--time-budget)"
    assert result.of("onnx").untried.needs_s > 50


def test_the_pick_may_take_more_of_the_budget_than_others(run, files):
    """As long as a short race still fits."""
    files.estimates_s = {"onnx": 45.0, "openvino": 45.0}
    run({"onnx": {"s_per_text": MIDDLE}, "openvino": {}}, files=files, pick="onnx")
    assert files.made == [BASELINE, "onnx"]


def test_an_export_that_hung_until_the_time_was_over_is_untried_and_one_that_hung_before_failed(run, files):
    files.fails = {
        "openvino": ChildFailed("no answer to export in 9 s", kind="hung"),
        "onnx": ChildFailed("no answer to export in 9 s", kind="hung"),
    }

    control = _Late()
    files.on_make = lambda name: control.spend() if name == "onnx" else None
    result = run({"openvino": {}, "onnx": {}, "onnx-O3": {}}, files=files, control=control)
    assert (result.of("openvino").status, result.of("openvino").untried) == ("failed", None)
    assert result.of("openvino").reason == "export failed: no answer to export in 9 s"
    late = result.of("onnx")
    assert (late.status, late.reason, late.untried) == (
        "skipped",
        "skipped: its export took more than the time budget (--time-budget)",
        Untried(needs_s=None),
    )
    assert result.of("onnx-O3").untried == Untried(needs_s=None)
    assert status(result)[BASELINE] == "measured"


class _Late(Control):
    """After `spend`, all of the time budget is over: the measurement's clock leaves pauses out, and this is a negative
    one."""

    paused_s = 0.0

    def spend(self):
        self.paused_s = -1000.0


# -- the user ------------------------------------------------------------------------------------------------


def test_what_the_user_skips_is_not_made(run, files):
    control = Control()
    control.skip("onnx")
    result = run({"onnx": {}, "openvino": {"s_per_text": MIDDLE}}, files=files, control=control)
    assert files.made == [BASELINE, "openvino"]
    assert (result.of("onnx").status, result.of("onnx").reason) == ("skipped", "skipped: left out by the user")
    assert result.of("onnx").untried is None


def test_after_a_stop_nothing_more_is_made_and_what_is_left_is_untried(run, files):
    control = Control()
    files.on_make = lambda name: control.stop() if name == "openvino" else None
    result = run({"openvino": {"s_per_text": MIDDLE}, "onnx": {}}, files=files, pick="openvino", control=control)
    assert files.made == [BASELINE, "openvino"]
    assert (result.of("onnx").status, result.of("onnx").untried) == ("skipped", Untried(needs_s=None))
    assert "stopped before its turn" in result.of("onnx").reason


# -- the mixed candidate -------------------------------------------------------------------------------------

PLAIN, MIXED = "openvino-qint8", "openvino-qint8-mixed"


def test_the_mixed_one_is_made_where_plain_int8_loses_too_much_and_is_much_faster(run, files):
    result = run(
        {PLAIN: {"s_per_text": QUICK / 2, **LOSSY}, MIXED: {"s_per_text": QUICK}, "onnx": {"s_per_text": MIDDLE}},
        files=files,
        screened=foretold(openvino_qint8=8.0, onnx=2.0),
    )
    assert files.made[:3] == [BASELINE, PLAIN, MIXED]
    assert result.of(MIXED).timing.rounds >= objectives.FLOOR_ROUNDS


def test_the_mixed_one_is_not_needed_where_plain_int8_keeps_to_the_budget(run, files):
    result = run({PLAIN: {"s_per_text": QUICK}, MIXED: {}}, files=files, max_loss=0.5)
    assert files.made == [BASELINE, PLAIN]
    assert (result.of(MIXED).status, result.of(MIXED).reason) == (
        "skipped",
        f"skipped: not needed: {PLAIN} keeps to the loss budget",
    )
    assert result.of(MIXED).untried is None


def test_the_mixed_one_is_not_made_where_plain_int8_is_hardly_faster_than_the_best_that_passes(run, files):
    result = run(
        {"onnx": {"s_per_text": MIDDLE}, PLAIN: {"s_per_text": 0.9 * MIDDLE, **LOSSY}, MIXED: {}},
        files=files,
        pick="onnx",
    )
    assert files.made == [BASELINE, "onnx", PLAIN]
    assert result.of(MIXED).status == "skipped"
    assert result.of(MIXED).reason.endswith("as fast as onnx, and a rescue costs that much")


def test_the_mixed_one_is_not_made_where_there_was_no_time_for_plain_int8(run, files):
    """Its own export would begin with that file."""
    files.estimates_s = {PLAIN: 500.0, MIXED: 0.1}
    result = run({"onnx": {"s_per_text": MIDDLE}, PLAIN: {}, MIXED: {}}, files=files)
    assert files.made == [BASELINE, "onnx"]
    assert result.of(MIXED).reason == result.of(PLAIN).reason
    assert result.of(MIXED).untried is not None


def test_the_mixed_one_is_not_made_where_plain_int8_failed(run, files):
    files.fails = {PLAIN: ChildFailed("ValueError: no such operator", log="export.log")}
    result = run({"onnx": {"s_per_text": MIDDLE}, PLAIN: {}, MIXED: {}}, files=files)
    assert files.made == [BASELINE, "onnx"]
    assert status(result)[MIXED] == "failed"


@pytest.mark.parametrize("screened", [True, False])
def test_the_mixed_one_is_cut_with_plain_int8(run, files, screened):
    """By a prediction, or in the probe."""
    result = run(
        {"onnx": {"s_per_text": QUICK}, PLAIN: {"s_per_text": 4 * QUICK}, MIXED: {}},
        files=files,
        pick="onnx",
        screened=foretold(onnx=4.0, openvino_qint8=1.0) if screened else None,
    )
    assert files.made == ([BASELINE, "onnx"] if screened else [BASELINE, "onnx", PLAIN])
    assert status(result)[PLAIN] == status(result)[MIXED] == "cut"
    assert result.of(MIXED).reason == result.of(PLAIN).reason
    assert (result.of(MIXED).predicted is not None) is screened
    assert (result.of(PLAIN).predicted is not None) is screened


@pytest.fixture
def quiet(monkeypatch):
    """Whatever else this machine does meanwhile is not what this is about."""
    monkeypatch.setattr("advisor.measure.measurement.warnings", lambda *_, **__: ())
    monkeypatch.setattr("advisor.measure.measurement.disturbed", lambda *_, **__: None)


# -- the journal ---------------------------------------------------------------------------------------------


def test_a_repeated_run_cuts_the_same_ones_again_and_makes_nothing_that_it_does_not_need(run, quiet, tmp_path):
    behaviours = {"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK}}
    screened = foretold(onnx=2.0, openvino=4.0)
    first, second = Scripted(tmp_path), Scripted(tmp_path, ready=["openvino"])
    one = run(behaviours, files=first, screened=screened, journal=tmp_path / "rounds")
    two = run(behaviours, files=second, screened=screened, journal=tmp_path / "rounds")
    assert second.made == [BASELINE, "openvino"]
    assert status(one) == status(two)
    assert two.of("onnx") == one.of("onnx")
    assert two.measurement.num_reused > 0
