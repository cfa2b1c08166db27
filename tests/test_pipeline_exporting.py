"""Files are made when the measurement asks for them, and events say so: a scripted exporter on a fake clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor import catalogue
from advisor.errors import ChildFailed
from advisor.events import ExportFinished, ExportStarted, StageStarted
from advisor.pipeline import exporting
from advisor.pipeline.exporting import Making
from advisor.types import Exported, RuntimeSettings


class Scripted:
    """Each export takes a second of fake time; those in `ready` are there, those in `fails` cannot be made."""

    def __init__(self, *, ready=(), fails=(), folder=Path("cache")):
        self.ready = set(ready)
        self.fails = fails
        self.folder = folder
        self.now_s = 0.0
        self.within_s = []

    def is_ready(self, candidate):
        return candidate.name in self.ready

    def export(self, candidate, *, within_s):
        self.within_s.append(within_s)
        self.now_s += 0 if candidate.name in self.ready else 1
        if candidate.name in self.fails:
            raise ChildFailed("ValueError: cannot export", log="export.log")
        self.ready.add(candidate.name)
        return Exported(
            candidate=candidate.name,
            folder=self.folder / candidate.name,
            file=candidate.file,
            settings=RuntimeSettings(threads=1),
            export_s=1.0,
            size_bytes=1,
        )

    def close(self):
        self.closed = True

    def clock(self):
        return self.now_s


def making(exporter, *, total=5):
    told = []
    return Making(exporter, total=total, emit=told.append, clock=exporter.clock), told


def said(told):
    """The events in short: a stage, or a candidate with its number."""
    short = []
    for event in told:
        match event:
            case StageStarted():
                short.append(event.stage)
            case ExportStarted():
                short.append(f"{event.candidate} {event.index}/{event.total}")
            case ExportFinished():
                short.append(f"{event.exported.candidate} made")
    return short


def test_what_has_to_be_made_is_a_stage_of_its_own_and_the_measurement_goes_on_after_it():
    exporter = Scripted()
    files, told = making(exporter)
    exported = files.make(catalogue.get("onnx"), within_s=30.0)
    assert exported.candidate == "onnx"
    assert exporter.within_s == [30.0]
    assert said(told) == ["export", "onnx 1/5", "onnx made", "measure"]
    assert [event.elapsed_s for event in told] == [0.0, 0.0, 1.0, 1.0]


def test_what_is_there_begins_no_stage_and_is_said_all_the_same():
    files, told = making(Scripted(ready=["torch-fp32", "onnx"]))
    assert files.is_ready(catalogue.get("onnx"))
    assert not files.is_ready(catalogue.get("openvino"))
    for name in ("torch-fp32", "onnx"):
        files.make(catalogue.get(name), within_s=30.0)
    assert said(told) == ["torch-fp32 1/5", "torch-fp32 made", "onnx 2/5", "onnx made"]


def test_exports_are_counted_as_they_are_made_whatever_fails_between_them():
    files, told = making(Scripted(ready=["torch-fp32"], fails=["onnx"]), total=3)
    files.make(catalogue.get("torch-fp32"), within_s=30.0)
    with pytest.raises(ChildFailed, match="cannot export"):
        files.make(catalogue.get("onnx"), within_s=30.0)
    files.make(catalogue.get("openvino"), within_s=30.0)
    assert said(told) == [
        *("torch-fp32 1/3", "torch-fp32 made"),
        *("export", "onnx 2/3", "measure"),
        *("export", "openvino 2/3", "openvino made", "measure"),
    ]
    assert list(files.made) == ["torch-fp32", "openvino"]


def test_after_a_failure_the_measurement_goes_on_too_and_its_reason_is_passed_on():
    files, told = making(Scripted(fails=["onnx"]))
    with pytest.raises(ChildFailed) as caught:
        files.make(catalogue.get("onnx"), within_s=30.0)
    assert (caught.value.message, caught.value.log) == ("ValueError: cannot export", "export.log")
    assert said(told) == ["export", "onnx 1/5", "measure"]
    assert files.made == {}


def test_what_was_made_is_known_by_its_candidate():
    files, _ = making(Scripted(ready=["onnx"]))
    exported = files.make(catalogue.get("onnx"), within_s=30.0)
    assert files.made == {"onnx": exported}


def test_once_no_more_files_are_needed_the_exporter_is_closed():
    exporter = Scripted()
    files, _ = making(exporter)
    files.close()
    assert exporter.closed


def test_release_lets_go_of_every_folder_that_was_made_and_may_be_repeated(tmp_path, monkeypatch):
    released = []
    monkeypatch.setattr(exporting, "release", released.append)
    files, _ = making(Scripted(ready=["onnx"], fails=["onnx-O3"], folder=tmp_path))
    files.release()
    assert released == []
    for name in ("onnx", "openvino"):
        files.make(catalogue.get(name), within_s=30.0)
    with pytest.raises(ChildFailed):
        files.make(catalogue.get("onnx-O3"), within_s=30.0)
    files.release()
    assert released == [tmp_path / "onnx", tmp_path / "openvino"]
