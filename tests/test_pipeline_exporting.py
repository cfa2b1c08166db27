"""Exports keep to their share of the time budget, with a scripted exporter on a fake clock."""

from __future__ import annotations

from pathlib import Path

from advisor import catalogue
from advisor.errors import ChildFailed
from advisor.events import CandidateEnded, ExportFinished, ExportStarted
from advisor.measure import Control
from advisor.pipeline.exporting import EXPORT_LIMIT, EXPORT_SHARE, SLOW_LIMIT, export_all
from advisor.types import Exported, RuntimeSettings, Untried

BUDGET_S = 100.0
NAMES = ("openvino-qint8", "openvino", "onnx", "onnx-qint8")


class Scripted:
    """Exports that take `took[name]` seconds of fake time; those in `ready` take none."""

    def __init__(self, took, *, ready=()):
        self.took = took
        self.ready = ready
        self.now_s = 0.0
        self.limits = {}

    def is_ready(self, candidate):
        return candidate.name in self.ready

    def export(self, candidate, *, within_s):
        self.limits[candidate.name] = within_s
        took = self.took[candidate.name]
        if took == "crash":
            raise ChildFailed("ValueError: cannot export", log="export.log")
        if took > within_s:
            self.now_s += within_s
            raise ChildFailed(f"no answer to export in {within_s:.0f} s", log="export.log", kind="hung")
        self.now_s += took
        return Exported(
            candidate=candidate.name,
            folder=Path("cache"),
            file=candidate.file,
            settings=RuntimeSettings(threads=1),
            export_s=took,
            size_bytes=1,
        )

    def clock(self):
        return self.now_s


def run(exporter, **kwargs):
    told = []
    exports = export_all(
        [catalogue.get(name) for name in NAMES],
        exporter,
        start_s=0.0,
        time_budget_s=BUDGET_S,
        emit=told.append,
        clock=exporter.clock,
        **kwargs,
    )
    return exports, told


def test_all_are_exported_in_order_where_there_is_time():
    exports, told = run(Scripted(dict.fromkeys(NAMES, 5.0)))
    assert [each.candidate for each in exports.ready] == list(NAMES)
    assert exports.ended == ()
    assert [type(event) for event in told] == [ExportStarted, ExportFinished] * len(NAMES)
    assert [event.index for event in told if isinstance(event, ExportStarted)] == [1, 2, 3, 4]


def test_none_is_begun_after_its_share_of_the_budget_unless_the_cache_holds_it():
    exporter = Scripted(
        {"openvino-qint8": 40.0, "openvino": 15.0, "onnx": 1.0, "onnx-qint8": 0.0}, ready=["onnx-qint8"]
    )
    exports, _ = run(exporter)
    assert [each.candidate for each in exports.ready] == ["openvino-qint8", "openvino", "onnx-qint8"]
    (skipped,) = exports.ended
    assert (skipped.name, skipped.status) == ("onnx", "skipped")
    assert skipped.reason == "the time budget left no room to export it (--time-budget)"
    assert skipped.untried == Untried(needs_s=None)
    assert 40.0 < EXPORT_SHARE * BUDGET_S < 55.0


def test_one_that_would_eat_the_time_to_measure_is_given_up_and_says_so():
    exporter = Scripted({"openvino-qint8": 30.0, "openvino": 300.0, "onnx": 1.0, "onnx-qint8": 1.0})
    exports, told = run(exporter)
    assert exporter.now_s == EXPORT_LIMIT * BUDGET_S
    assert [each.candidate for each in exports.ready] == ["openvino-qint8"]
    assert exports.ended[0].reason == "its export took more than the time budget (--time-budget)"
    assert {each.status for each in exports.ended} == {"skipped"}
    assert {each.untried for each in exports.ended} == {Untried(needs_s=None)}
    assert [event.outcome.name for event in told if isinstance(event, CandidateEnded)] == [
        "openvino",
        "onnx",
        "onnx-qint8",
    ]


def test_where_measuring_takes_long_less_of_the_time_goes_into_exports():
    quick = {"openvino-qint8": 28.0, "openvino": 5.0, "onnx": 5.0, "onnx-qint8": 10.0}
    exports, _ = run(Scripted(quick), seconds_per_text=0.19)
    assert [each.candidate for each in exports.ready] == list(NAMES)
    exports, _ = run(Scripted(quick), seconds_per_text=0.21)
    assert [each.candidate for each in exports.ready] == ["openvino-qint8", "openvino"]
    exporter = Scripted(quick | {"openvino": 50.0})
    run(exporter, seconds_per_text=0.21)
    assert exporter.now_s == SLOW_LIMIT * BUDGET_S


def test_the_rules_pick_may_take_as_long_as_it_takes():
    exports, _ = run(Scripted({"openvino-qint8": 500.0, "openvino": 1.0, "onnx": 1.0, "onnx-qint8": 1.0}))
    assert [each.candidate for each in exports.ready] == ["openvino-qint8"]


def test_a_crash_costs_its_candidate_alone():
    exports, _ = run(Scripted({"openvino-qint8": 5.0, "openvino": "crash", "onnx": 5.0, "onnx-qint8": 5.0}))
    assert [each.candidate for each in exports.ready] == ["openvino-qint8", "onnx", "onnx-qint8"]
    (failed,) = exports.ended
    assert (failed.status, failed.reason, failed.log) == (
        "failed",
        "export failed: ValueError: cannot export",
        "export.log",
    )
    assert failed.untried is None


def test_what_the_user_skips_is_not_exported_and_after_a_stop_only_the_cache_is_asked():
    control = Control()
    control.skip("openvino")
    exporter = Scripted(dict.fromkeys(NAMES, 5.0), ready=["onnx-qint8"])
    exporter.export_and_stop = exporter.export

    def export(candidate, *, within_s):
        exported = exporter.export_and_stop(candidate, within_s=within_s)
        control.stop()
        return exported

    exporter.export = export
    exports, _ = run(exporter, control=control)
    assert [each.candidate for each in exports.ready] == ["openvino-qint8", "onnx-qint8"]
    assert {each.name: each.reason for each in exports.ended} == {
        "openvino": "left out by the user",
        "onnx": "the run was stopped before its turn",
    }
    assert {each.name: each.untried for each in exports.ended} == {"openvino": None, "onnx": Untried(needs_s=None)}
