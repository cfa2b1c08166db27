"""The parent's side, with a worker that needs no torch: the cache, failures, crashes, a full disk, Ctrl+C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from export_support import AVX512, PACKAGES, exporter, profile

from advisor import catalogue
from advisor.errors import AdvisorError, ChildFailed
from advisor.export import Exporter
from advisor.export.plan import steps_for, typical_s
from advisor.types import Package

TESTS = Path(__file__).parent
TEXTS = ("one text", "ein anderer Text")


class Bench:
    """A cache, a fake worker's instructions, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.logs = folder / "logs"
        self.model = folder / "model"
        self.model.mkdir()
        (self.model / "model.safetensors").write_bytes(b"12345")
        self.behaviour = folder / "behaviour.json"
        self.will({})

    def will(self, behaviour: dict[str, str]) -> None:
        self.behaviour.write_text(json.dumps(behaviour))

    def exporter(self, **change) -> Exporter:
        arguments = {
            "hardware": AVX512,
            "packages": PACKAGES,
            "texts": TEXTS,
            "threads": 2,
            "cache_dir": self.cache,
            "log_dir": self.logs,
            "worker": "fake_export_worker",
        }
        model = change.pop("model", profile(self.model))
        return exporter(model, **{**arguments, **change})

    def calls(self) -> list[dict]:
        calls = Path(f"{self.behaviour}.calls")
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    def made(self) -> list[str]:
        return [call["file"] for call in self.calls()]

    def unfinished(self) -> list[Path]:
        return list((self.cache / "exports").glob(".building*"))


@pytest.fixture
def bench(tmp_path, monkeypatch):
    bench = Bench(tmp_path)
    monkeypatch.setenv("FAKE_EXPORT", str(bench.behaviour))
    monkeypatch.setenv("PYTHONPATH", str(TESTS / "children"))
    return bench


def get(name: str):
    return catalogue.get(name)


def test_a_torch_candidate_is_the_models_own_folder_and_starts_no_process(bench):
    with bench.exporter() as exporter:
        exported = exporter.export(get("torch-bf16"))
    assert (exported.folder, exported.file, exported.export_s) == (bench.model, None, None)
    assert exported.size_bytes == 5
    assert exported.settings.dtype == "bfloat16"
    assert bench.calls() == []


def test_a_candidates_file_is_where_exported_says(bench):
    with bench.exporter() as exporter:
        exported = exporter.export(get("onnx-O3"))
    assert exported.file == "onnx/model_O3.onnx"
    assert (exported.folder / exported.file).read_text() == "whole onnx/model_O3.onnx"
    assert (exported.export_s, exported.cached, exported.notes) == (1.5, False, ("A note.",))
    assert exported.size_bytes == len("whole onnx/model_O3.onnx")


def test_a_file_that_several_candidates_start_from_is_made_once_by_one_process(bench):
    with bench.exporter() as exporter:
        for name in ("onnx", "onnx-O1", "onnx-qint8", "openvino", "openvino-bf16"):
            exporter.export(get(name))
    assert bench.made() == [
        "onnx/model.onnx",
        "onnx/model_O1.onnx",
        "onnx/model_qint8_avx512_vnni.onnx",
        "openvino/openvino_model.xml",
    ]
    assert len({call["pid"] for call in bench.calls()}) == 1


def test_an_estimate_goes_by_what_is_still_to_be_made_and_by_how_long_this_run_took(bench):
    model = replace(profile(bench.model), weights_bytes=440 * 10**6)
    with bench.exporter(model=model) as exporter:
        before_s = exporter.estimate_s(get("onnx-qint8"))
        assert before_s > exporter.estimate_s(get("onnx")) > 0
        exporter.export(get("onnx"))  # which the fake makes in 1.5 s
        pace = 1.5 / typical_s(steps_for(get("onnx"), AVX512)[0], weights_bytes=440 * 10**6)
        int8 = steps_for(get("onnx-qint8"), AVX512)[-1]
        assert exporter.estimate_s(get("onnx-qint8")) == pytest.approx(
            pace * typical_s(int8, weights_bytes=440 * 10**6)
        )
        assert exporter.estimate_s(get("onnx")) == 0
        assert exporter.estimate_s(get("torch-bf16")) == 0
        assert exporter.estimate_s(get("onnx-O3")) is None


def test_layers_are_taken_back_by_the_losses_of_the_models_own_similarity(bench):
    for similarity in ("cosine", "dot", "dot"):
        with bench.exporter(model=replace(profile(bench.model), similarity=similarity), max_loss=0.004) as exporter:
            exporter.export(get("openvino-qint8-mixed"))
    mixed = [call for call in bench.calls() if call["recipe"] == "openvino-rescue"]
    assert [call["similarity"] for call in mixed] == ["cosine", "dot"]
    assert len(bench.calls()) == len(mixed) + 2  # the plain file and its int8 form are the same for both


def test_the_second_run_takes_everything_from_the_cache_and_starts_no_process(bench):
    with bench.exporter() as exporter:
        first = exporter.export(get("openvino-qint8"))
    calls = len(bench.calls())
    with bench.exporter() as exporter:
        second = exporter.export(get("openvino-qint8"))
    assert len(bench.calls()) == calls
    assert second == replace(first, cached=True)


@pytest.mark.parametrize("damage", ["half", ""])
def test_a_damaged_file_in_the_cache_is_made_again(bench, damage):
    with bench.exporter() as exporter:
        exported = exporter.export(get("onnx"))
    (exported.folder / exported.file).write_text(damage)
    with bench.exporter() as exporter:
        again = exporter.export(get("onnx"))
    assert not again.cached
    assert (again.folder / again.file).read_text() == "whole onnx/model.onnx"


def test_fresh_makes_everything_again_once(bench):
    with bench.exporter() as exporter:
        exporter.export(get("onnx-O1"))
    with bench.exporter(fresh=True) as exporter:
        assert not exporter.export(get("onnx-O1")).cached
        exporter.export(get("onnx-O2"))
    assert bench.made().count("onnx/model.onnx") == 2


def key_of_change(bench: Bench, name: str, **change) -> Path:
    with bench.exporter(**change) as exporter:
        return exporter.export(get(name)).folder


def test_the_key_follows_the_model_the_versions_that_matter_and_nothing_else(bench):
    def versions(name: str) -> tuple[Package, ...]:
        return tuple(replace(package, version="2.0") if package.name == name else package for package in PACKAGES)

    plain = key_of_change(bench, "onnx")
    assert key_of_change(bench, "onnx", texts=("other",), threads=1) == plain
    assert key_of_change(bench, "onnx", packages=versions("nncf")) == plain
    assert key_of_change(bench, "onnx", packages=versions("torch")) != plain
    assert key_of_change(bench, "onnx", model=profile(bench.model, content_sha256="1" * 64)) != plain
    assert key_of_change(bench, "openvino-qint8", texts=("other",)) != key_of_change(bench, "openvino-qint8")


def test_the_calibration_texts_reach_the_worker_and_do_not_stay(bench):
    with bench.exporter() as exporter:
        folder = exporter.export(get("openvino-qint8")).folder
    plain, calibrated = bench.calls()
    assert plain["calibration_texts"] is None
    assert calibrated["source"].endswith("openvino/openvino_model.xml")
    assert not Path(calibrated["calibration_texts"]).exists()
    kept = b"".join(path.read_bytes() for path in bench.cache.rglob("*") if path.is_file())
    assert all(text.encode() not in kept for text in TEXTS)
    assert sorted(path.name for path in folder.iterdir()) == ["export.json", "openvino"]


def test_a_reason_is_passed_on_as_it_is_and_the_child_lives_on(bench):
    bench.will({"onnx/model.onnx": "fail"})
    with bench.exporter() as exporter:
        with pytest.raises(ChildFailed, match=r"^the operator Foo is not supported$") as caught:
            exporter.export(get("onnx"))
        exporter.export(get("openvino"))
    assert caught.value.log == str(bench.logs / "export.log")
    assert len({call["pid"] for call in bench.calls()}) == 1
    assert bench.unfinished() == []


def test_candidates_that_start_from_a_failed_file_fail_with_its_reason_and_without_a_second_attempt(bench):
    bench.will({"onnx/model.onnx": "fail"})
    with bench.exporter() as exporter:
        for name in ("onnx-O1", "onnx-qint8"):
            with pytest.raises(ChildFailed, match=r"onnx/model\.onnx, .* could not be made: the operator Foo"):
                exporter.export(get(name))
    assert bench.made() == ["onnx/model.onnx"]


def test_a_killed_child_costs_its_candidate_and_the_next_one_gets_a_new_child(bench):
    bench.will({"onnx/model.onnx": "killed"})
    with bench.exporter() as exporter:
        with pytest.raises(ChildFailed, match="SIGKILL") as caught:
            exporter.export(get("onnx"))
        assert exporter.export(get("openvino")).file == "openvino/openvino_model.xml"
        bench.will({})
        assert exporter.export(get("onnx")).file == "onnx/model.onnx"
    assert caught.value.kind == "killed"
    assert len({call["pid"] for call in bench.calls()}) == 2
    assert bench.unfinished() == []


def test_a_raising_worker_costs_its_candidate_only(bench):
    bench.will({"onnx/model.onnx": "raise"})
    with bench.exporter() as exporter:
        with pytest.raises(ChildFailed, match=r"^ValueError: "):
            exporter.export(get("onnx"))
        exporter.export(get("openvino"))
    assert bench.unfinished() == []


def test_a_full_disk_is_one_sentence_for_the_whole_run_and_leaves_nothing_half_written(bench):
    bench.will({"onnx/model.onnx": "disk full"})
    with (
        bench.exporter() as exporter,
        pytest.raises(AdvisorError, match=r"^The disk that holds .* is full: onnx/model\.onnx") as caught,
    ):
        exporter.export(get("onnx"))
    assert not isinstance(caught.value, ChildFailed)
    assert "ADVISOR_CACHE" in caught.value.hint
    assert bench.unfinished() == []


def test_a_cache_that_cannot_be_written_is_one_sentence(bench):
    bench.cache.write_text("a file where the folder should be")
    with (
        bench.exporter() as exporter,
        pytest.raises(AdvisorError, match=r"^The export cache .* cannot be written") as caught,
    ):
        exporter.export(get("onnx"))
    assert not isinstance(caught.value, ChildFailed)


def test_closing_ends_the_child_and_can_be_done_twice(bench):
    exporter = bench.exporter()
    exporter.export(get("onnx"))
    pid = bench.calls()[0]["pid"]
    exporter.close()
    exporter.close()
    assert not psutil.pid_exists(pid)


@pytest.mark.usefixtures("ctrl_c")
def test_interrupting_an_export_kills_the_child_and_leaves_nothing_half_written(bench):
    bench.will({"onnx/model.onnx": "hang"})
    code = f"""
        from pathlib import Path
        from export_support import exporter, profile
        from advisor import catalogue
        root = Path({str(bench.cache.parent)!r})
        where = {{"cache_dir": root / "cache", "log_dir": root / "logs"}}
        with exporter(profile(root / "model"), **where, worker="fake_export_worker") as made:
            made.export(catalogue.get("onnx"))
    """
    path = os.pathsep.join((str(TESTS), str(TESTS / "children")))
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 300
    while not bench.calls() and time.monotonic() < deadline:
        time.sleep(0.05)
    child = bench.calls()[0]["pid"]
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=600)
    assert b"KeyboardInterrupt" in stderr
    assert not psutil.pid_exists(child)
    assert list((bench.cache / "exports").iterdir()) == []


def test_what_is_ready_needs_no_work_and_fresh_makes_it_anew(bench):
    with bench.exporter() as exporter:
        assert exporter.is_ready(get("torch-bf16"))
        assert not exporter.is_ready(get("onnx-O3"))
        exporter.export(get("onnx-O3"))
        assert exporter.is_ready(get("onnx-O3"))
    with bench.exporter() as exporter:
        assert exporter.is_ready(get("onnx-O3"))
    with bench.exporter(fresh=True) as exporter:
        assert not exporter.is_ready(get("onnx-O3"))
    assert bench.made().count("onnx/model_O3.onnx") == 1


def test_a_cached_file_is_taken_even_where_its_source_is_gone(bench):
    with bench.exporter() as exporter:
        source = exporter.export(get("onnx")).folder
        exporter.export(get("onnx-O3"))
    for path in sorted(source.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    source.rmdir()
    with bench.exporter() as exporter:
        assert exporter.export(get("onnx-O3")).cached
    assert bench.made() == ["onnx/model.onnx", "onnx/model_O3.onnx"]


def test_the_record_names_the_model_and_no_path_of_this_machine(bench):
    with bench.exporter() as exporter:
        folder = exporter.export(get("onnx")).folder
    record = (folder / "export.json").read_text()
    assert json.loads(record)["model"] == "model"
    assert str(bench.model.parent) not in record
