"""Which candidates are tried, and what the time budget leaves out."""

from __future__ import annotations

import factories

from advisor import catalogue
from advisor.errors import ChildFailed
from advisor.events import CandidateEnded, Event, ExportFinished, ExportStarted
from advisor.pipeline.exporting import export_all
from advisor.pipeline.plan import plan
from advisor.pipeline.spec import RunSpec
from advisor.types import Exported, Package, RuntimeSettings

PACKAGES = tuple(Package(name=name, version="1") for name in ("torch", "onnx", "onnxruntime", "openvino", "nncf"))


def planned(spec: RunSpec | None = None, pick: str = "openvino-qint8", packages: tuple[Package, ...] = PACKAGES):
    made = plan(spec or RunSpec(model="demo"), factories.decision(pick), factories.hardware(), packages)
    return [each.name for each in made.candidates], {each.name: each.reason for each in made.skipped}


def test_the_pick_comes_first_then_the_baseline_then_the_challengers():
    tried, _ = planned()
    assert tried[:3] == ["openvino-qint8", "torch-fp32", "openvino-bf16"]
    assert len(tried) == len(set(tried))


def test_every_candidate_that_is_not_on_request_is_tried_or_has_a_reason():
    tried, skipped = planned()
    by_default = {name for name in catalogue.names() if not catalogue.get(name).on_request}
    assert set(tried) | set(skipped) == by_default
    assert all(skipped.values())


def test_what_runs_the_same_graph_is_measured_only_where_it_is_named():
    tried, skipped = planned()
    assert {"onnx-O1", "onnx-O2", "onnx-O3"} <= set(skipped)
    tried, _ = planned(RunSpec(model="demo", candidates=("onnx", "onnx-O3")))
    assert "onnx-O3" in tried
    tried, _ = planned(pick="onnx-O3")
    assert tried[0] == "onnx-O3"


def test_only_what_is_asked_for_is_tried_beside_the_baseline():
    tried, skipped = planned(RunSpec(model="demo", candidates=("onnx",)))
    assert tried == ["torch-fp32", "onnx"]
    assert skipped["openvino-qint8"] == "not among --candidates"


def test_what_is_on_request_is_listed_only_then():
    tried, skipped = planned()
    assert "onnx-quint8-avx2" not in {*tried, *skipped}
    tried, _ = planned(RunSpec(model="demo", candidates=("onnx-quint8-avx2",)))
    assert tried == ["torch-fp32", "onnx-quint8-avx2"]


def test_a_skipped_candidate_and_a_missing_package_say_so():
    _, skipped = planned(RunSpec(model="demo", skip=("onnx",)), packages=PACKAGES[:-1])
    assert skipped["onnx"] == "skipped as asked (--skip)"
    assert skipped["openvino-qint8"] == "needs nncf: pip install 'backend-advisor[profile]'"


class FakeExporter:
    """Each export takes ten seconds of the fake clock, unless it is ready."""

    def __init__(self, *, ready: tuple[str, ...] = (), failing: tuple[str, ...] = ()) -> None:
        self.now = 0.0
        self.ready = ready
        self.failing = failing

    def clock(self) -> float:
        return self.now

    def is_ready(self, candidate: catalogue.Candidate) -> bool:
        return candidate.name in self.ready

    def export(self, candidate: catalogue.Candidate) -> Exported:
        if candidate.name not in self.ready:
            self.now += 10.0
        if candidate.name in self.failing:
            raise ChildFailed("no such operator", log="log")
        return Exported(
            candidate=candidate.name,
            folder=factories.model().path,
            file=None,
            settings=RuntimeSettings(threads=1),
            export_s=None,
            size_bytes=1,
        )


def exports(exporter: FakeExporter, *names: str, deadline_s: float):
    events: list[Event] = []
    candidates = [catalogue.get(name) for name in names]
    done = export_all(candidates, exporter, deadline_s=deadline_s, emit=events.append, clock=exporter.clock)  # type: ignore[arg-type] # the seam
    return [each.candidate for each in done.ready], {each.name: each for each in done.ended}, events


def test_after_its_share_of_the_time_no_export_is_begun_but_the_pick_s_always_is():
    ready, ended, events = exports(FakeExporter(), "openvino-qint8", "onnx", "onnx-qint8", deadline_s=5.0)
    assert ready == ["openvino-qint8"]
    assert {each.status for each in ended.values()} == {"skipped"}
    assert ended["onnx"].reason == "the time budget left no room to export it (--time-budget)"
    assert [type(event) for event in events] == [ExportStarted, ExportFinished, CandidateEnded, CandidateEnded]


def test_what_the_cache_holds_is_taken_even_after_that():
    ready, _, _ = exports(FakeExporter(ready=("onnx",)), "openvino-qint8", "onnx-qint8", "onnx", deadline_s=5.0)
    assert ready == ["openvino-qint8", "onnx"]


def test_a_failed_export_costs_its_candidate_only():
    ready, ended, _ = exports(FakeExporter(failing=("onnx",)), "openvino", "onnx", "onnx-qint8", deadline_s=99.0)
    assert ready == ["openvino", "onnx-qint8"]
    assert ended["onnx"].status == "failed"
    assert ended["onnx"].reason == "export failed: no such operator"


def test_whatever_runs_the_same_graph_as_another_does_so_in_the_same_runtime_and_precision():
    twins = [candidate for candidate in catalogue.CATALOGUE if candidate.same_as is not None]
    assert twins
    for twin in twins:
        original = catalogue.get(twin.same_as)
        assert (original.runtime, original.precision) == (twin.runtime, twin.precision)
