"""The whole way, with real exports, real runtimes and real children, on a tiny model."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import psutil
import pytest
import tiny_models

import advisor
from advisor import catalogue
from advisor.errors import InputError
from advisor.events import (
    CandidateEnded,
    CandidateLoaded,
    Event,
    ExportFinished,
    ExportStarted,
    Finished,
    RoundFinished,
    RulesDecided,
    ScreenFinished,
    StageStarted,
)
from advisor.types import Recommendation

pytestmark = pytest.mark.slow

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "recommendation.schema.json").read_text())
ELEVEN = (
    *("torch-fp32", "torch-fp16", "torch-bf16"),
    *("onnx", "onnx-O1", "onnx-O2", "onnx-O3", "onnx-O4", "onnx-qint8"),
    *("openvino", "openvino-qint8"),
)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    from advisor.texts import builtin_texts

    return list(builtin_texts())[:120]


@pytest.fixture
def model() -> Path:
    return tiny_models.shared(max_seq_length=128)


def test_a_run_measures_all_eleven_and_writes_what_it_says(tmp_path: Path, model: Path, texts: list[str]) -> None:
    events: list[Event] = []
    rec = advisor.recommend(
        model, texts=texts, max_loss=0.9, time_budget_s=1000, out=tmp_path / "out", on_event=events.append
    )
    outcomes = {outcome.name: outcome for outcome in rec.candidates}
    assert set(ELEVEN) <= set(outcomes)
    for outcome in rec.candidates:
        assert outcome.status == "measured" or outcome.reason, outcome
    assert outcomes["onnx-O4"].status == "skipped"
    assert outcomes["onnx-O4"].reason == "needs a CUDA GPU"
    assert rec.winner is not None
    won = outcomes[rec.winner]
    assert won.status == "measured"
    assert won.timing is not None
    assert won.timing.texts_per_s.median > 0

    document = rec.to_dict()
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), SCHEMA)
    assert rec.artifact is not None
    assert advisor.verify(tmp_path / "out").ok

    with advisor.load(tmp_path / "out") as encoder:
        ours = encoder.encode(texts)
    theirs = tiny_models.reference(model, texts)
    cosines = np.einsum("ij,ij->i", ours, theirs) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosines.min() > (0.999 if won.precision != "int8" else 0.9)

    assert isinstance(events[-1], Finished)
    assert events[-1].recommendation == rec
    decided = next(event for event in events if isinstance(event, RulesDecided)).candidates
    ready = [name for name in decided if catalogue.get(name).runtime == "torch"]
    unneeded = [name for name in decided if outcomes[name].reason.startswith("skipped: not needed")]
    assert unneeded == [name for name in decided if name == catalogue.MIXED]  # plain int8 keeps to this budget
    to_make = [name for name in decided if name not in (*ready, *unneeded)]
    assert to_make[0] == rec.decision.recommendation
    started = [event.candidate for event in events if isinstance(event, ExportStarted)]
    assert started == [*ready, *to_make]
    stages = [event.stage for event in events if isinstance(event, StageStarted)]
    turns = stages[4:-2]  # none for a file that was made already, as what another one starts from
    assert stages[:4] + stages[-2:] == ["model", "machine", "texts", "measure", "choose", "artifact"]
    assert turns == ["export", "measure"] * (len(turns) // 2)
    assert 2 <= len(turns) <= 2 * len(to_make)
    times = [event.elapsed_s for event in events]
    assert times == sorted(times)
    assert not {"onnx-O1", "onnx-O2", "onnx-O3"} & set(started)
    assert outcomes["onnx-O2"].status == "skipped"
    assert "--candidates tries it here" in outcomes["onnx-O2"].reason
    raced = {event.candidate for event in events if isinstance(event, RoundFinished)}
    loaded = {event.candidate for event in events if isinstance(event, CandidateLoaded)}
    assert raced <= loaded


def test_a_model_of_many_layers_is_screened_and_what_is_made_then_is_whole(tmp_path: Path, texts: list[str]) -> None:
    deep = tiny_models.shared(max_seq_length=128, num_layers=12)
    names = ["onnx", "openvino", "openvino-qint8"]
    events: list[Event] = []
    rec = advisor.recommend(
        deep,
        texts=texts,
        candidates=names,
        max_loss=0.9,
        time_budget_s=1000,
        out=tmp_path / "out",
        on_event=events.append,
    )
    (found,) = (event for event in events if isinstance(event, ScreenFinished))
    assert set(names) <= found.screened.predicted.keys()
    assert rec.measurement is not None
    assert rec.measurement.screen == found.screened.check
    stages = [event.stage for event in events if isinstance(event, StageStarted)]
    assert stages[:5] == ["model", "machine", "texts", "screen", "measure"]
    jsonschema.validate(json.loads(json.dumps(rec.to_dict(), allow_nan=False)), SCHEMA)
    for outcome in rec.candidates:
        cut_unmade = outcome.name in names and outcome.timing is None
        assert (outcome.predicted is not None) == cut_unmade, outcome
    exported = [event.exported for event in events if isinstance(event, ExportFinished)]
    assert {each.depth for each in exported} == {None}
    with advisor.load(tmp_path / "out") as encoder:
        ours = encoder.encode(texts)
    theirs = tiny_models.reference(deep, texts)
    cosines = np.einsum("ij,ij->i", ours, theirs) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert np.median(cosines) > 0.9


def test_the_second_run_exports_nothing_and_fresh_exports_again(tmp_path: Path, model: Path, texts: list[str]) -> None:
    def exports(**options: bool) -> list[bool]:
        events: list[Event] = []
        fresh = options.get("fresh", False)
        quickly(tmp_path, model, texts, candidates=["onnx"], on_event=events.append, fresh=fresh)
        return [
            event.exported.cached
            for event in events
            if isinstance(event, ExportFinished) and event.exported.candidate == "onnx"
        ]

    assert exports() == [False]
    assert exports() == [True]
    assert exports(fresh=True) == [False]


def test_the_parent_imports_no_torch(tmp_path: Path, model: Path) -> None:
    script = (
        "import sys, advisor\n"
        f"rec = advisor.recommend({str(model)!r}, candidates=['onnx'], objective='memory',"
        f" time_budget_s=1000, out={str(tmp_path / 'out')!r})\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'onnxruntime', 'openvino', 'nncf'}\n"
        "print(sorted(heavy & set(sys.modules)), rec.winner is not None)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] True"


def test_a_candidate_whose_worker_is_killed_fails_and_the_others_finish(
    tmp_path: Path, model: Path, texts: list[str]
) -> None:
    killed: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, CandidateLoaded) and event.candidate == "onnx" and not killed:
            (worker,) = logging_to("onnx.log")
            worker.kill()
            killed.append(worker.pid)

    rec = quickly(tmp_path, model, texts, candidates=["onnx", "openvino"], max_loss=0.9, on_event=listen)
    assert killed
    onnx = rec.outcome("onnx")
    assert onnx is not None
    assert onnx.status == "failed"
    assert "SIGKILL" in onnx.reason
    statuses = {outcome.name: outcome.status for outcome in rec.candidates}
    assert statuses["torch-fp32"] == "measured"
    assert statuses["openvino"] == "measured"
    assert rec.winner in {"torch-fp32", "openvino"}


def test_an_export_that_is_killed_fails_alone(tmp_path: Path, model: Path, texts: list[str]) -> None:
    def listen(event: Event) -> None:
        if isinstance(event, ExportStarted) and event.candidate == "onnx-qint8":
            threading.Thread(target=kill_exporter).start()

    def kill_exporter() -> None:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            for process in logging_to("export.log"):
                process.kill()
                return
            time.sleep(0.005)

    rec = quickly(tmp_path, model, texts, candidates=["onnx-qint8", "openvino"], max_loss=0.9, on_event=listen)
    int8 = rec.outcome("onnx-qint8")
    assert int8 is not None
    assert int8.status == "failed"
    assert int8.reason.startswith("export failed: ")
    openvino = rec.outcome("openvino")
    assert openvino is not None
    assert openvino.status == "measured"


def test_nothing_over_the_budget_wins(tmp_path: Path, model: Path, texts: list[str]) -> None:
    rec = quickly(tmp_path, model, texts, candidates=["onnx-qint8"], max_loss=0.0)
    int8 = rec.outcome("onnx-qint8")
    assert int8 is not None
    assert int8.status == "rejected"
    assert rec.winner == "torch-fp32"
    assert (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent as a POSIX signal")
@pytest.mark.parametrize("log", ["fork-server.log", "export.log", "openvino-qint8.log"])
def test_ctrl_c_leaves_no_child_and_nothing_half_written(tmp_path: Path, model: Path, log: str) -> None:
    out = tmp_path / "out" / "tiny"
    process = subprocess.Popen(
        [sys.executable, "-m", "advisor", "recommend", str(model), "--candidates", "openvino-qint8", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    deadline = time.monotonic() + 300
    while not logging_to(log, of=process.pid):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(1.0)
    running = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130, stderr
    assert stdout == ""
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert running
    assert not [pid for pid in running if alive(pid)]
    assert not out.parent.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("advisor-")] == []


def test_a_dry_run_exports_and_writes_nothing(tmp_path: Path, model: Path, texts: list[str]) -> None:
    events: list[Event] = []
    rec = advisor.recommend(model, texts=texts, dry_run=True, out=tmp_path / "out", on_event=events.append)
    assert rec.winner is None
    assert not (tmp_path / "out").exists()
    assert not [event for event in events if isinstance(event, ExportStarted | CandidateEnded)]
    assert {outcome.name for outcome in rec.candidates} >= set(ELEVEN)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"candidates": ["onnx-qint"]}, "no candidate 'onnx-qint'. Did you mean onnx-qint8"),
        ({"skip": ["torch-fp32"]}, "torch-fp32 cannot be skipped"),
        ({"objective": "speed"}, "objective 'speed' is unknown. Choose one of throughput"),
        ({"max_loss": 4.0}, "loss budget 4.0"),
        ({"threads": 0}, "0 threads are not possible"),
        ({"time_budget_s": 0}, "time budget of 0 s"),
        ({"ruleset": "none"}, "none"),
    ],
)
def test_bad_input_is_refused_before_anything_is_exported(
    tmp_path: Path, model: Path, options: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says.replace("(", r"\(")):
        advisor.recommend(model, out=tmp_path / "out", **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_catalogue_s_names_are_what_the_result_lists(model: Path, texts: list[str]) -> None:
    rec = advisor.recommend(model, texts=texts, dry_run=True)
    by_default = {candidate.name for candidate in map(catalogue.get, catalogue.names()) if not candidate.on_request}
    assert {outcome.name for outcome in rec.candidates} == by_default


def quickly(tmp_path: Path, model: Path, texts: list[str], **options: Any) -> Recommendation:
    """A recommendation with the objective that takes the fewest rounds."""
    return advisor.recommend(
        model, texts=texts, objective="memory", time_budget_s=1000, out=tmp_path / "out", **options
    )


def logging_to(name: str, *, of: int | None = None) -> list[psutil.Process]:
    """The running children of this process (or of another) that write the log `name`.

    A child that was forked has the command line of what it was forked from.
    """
    return list(_logging_to(name, of))


def _logging_to(name: str, of: int | None) -> Iterator[psutil.Process]:
    try:
        everyone = psutil.Process(of).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for process in everyone:
        with contextlib.suppress(psutil.Error):
            if any(Path(file.path).name == name for file in process.open_files()):
                yield process


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
