"""Whether a run is screened at all: what would be made, what the journal holds, and what is kept for the next run."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from export_support import AVX512, profile

from advisor import catalogue
from advisor.errors import ChildFailed
from advisor.events import ScreenFinished, ScreenStep, StageStarted
from advisor.measure import Journal, Run
from advisor.pipeline import screening
from advisor.pipeline.screening import screen_all
from advisor.question import Question
from advisor.screen import Depths, NotScreenedError
from advisor.types import BASELINE, Predicted, Request, ScreenCheck, Screened

NAMES = (BASELINE, "onnx", "onnx-O3", "openvino", "openvino-qint8", "openvino-qint8-mixed", "torch-bf16-compile")
FOUND = Screened(
    check=ScreenCheck(depths=(1, 3), num_layers=12, baseline_error=0.02),
    predicted={"onnx": Predicted(speedup=2.0, depths=(1, 3), num_layers=12)},
    export_s={"onnx": 3.5},
)
MISSED = replace(FOUND, check=replace(FOUND.check, baseline_error=0.4, fell_back="it missed"))


class Bench:
    """A question about a model of twelve layers, an exporter that holds what it is told, and what was said."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.ready = {BASELINE, "torch-bf16-compile"}
        self.told = []
        self.screens = []
        self.result = FOUND
        (folder / "config.json").write_text(json.dumps({"model_type": "bert", "num_hidden_layers": 12}))
        (folder / "tokenizer.json").write_text("{}")
        monkeypatch.setattr(screening, "screen", self._screen)

    def _screen(self, candidates, question, run, *, make, depths, time_s, told):
        self.screens.append(SimpleNamespace(names=[each.name for each in candidates], depths=depths, time_s=time_s))
        told("export", "onnx")
        self.exported = make(catalogue.get("onnx"), 3)
        told("time", "")
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def is_ready(self, candidate):
        return candidate.name in self.ready

    def export(self, candidate, *, depth, within_s):
        return SimpleNamespace(candidate=candidate.name, depth=depth, folder=self.folder / "export")

    def journal(self, **kwargs):
        return Journal(self.folder / "rounds", scratch=self.folder, **kwargs)

    def run(self, journal, *, model=None, device="cpu", objective="throughput", names=NAMES):
        question = Question(
            model=model or profile(self.folder),
            texts=("a text",),
            reference_texts=(),
            request=Request(objective=objective, device=device),
            hardware=AVX512,
            packages=(),
        )
        return screen_all(
            [catalogue.get(name) for name in names],
            question,
            Run(log_dir=self.folder, work_dir=self.folder, emit=self.told.append, clock=lambda: 7.0),
            exporter=self,
            journal=journal,
            time_budget_s=300.0,
            emit=self.told.append,
        )


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


def test_a_screen_is_a_stage_with_its_steps_and_its_result(bench):
    with bench.journal() as journal:
        assert bench.run(journal) == FOUND
    assert bench.told == [
        StageStarted(elapsed_s=7.0, stage="screen"),
        ScreenStep(elapsed_s=7.0, step="export", candidate="onnx", total=5),
        ScreenStep(elapsed_s=7.0, step="time", candidate="", total=5),
        ScreenFinished(elapsed_s=7.0, screened=FOUND),
    ]
    (asked,) = bench.screens
    assert asked.names == [BASELINE, "onnx", "onnx-O3", "openvino", "openvino-qint8"]  # what can be foretold
    assert asked.depths == Depths(shallow=1, deep=3, num_layers=12)
    assert 0 < asked.time_s < 300
    assert (bench.exported.candidate, bench.exported.depth) == ("onnx", 3)


def test_the_screen_of_an_earlier_run_is_used_again_and_told(bench):
    with bench.journal() as journal:
        bench.run(journal)
    bench.told.clear()
    bench.ready |= set(NAMES)  # even where fewer files have to be made
    with bench.journal() as journal:
        assert bench.run(journal) == FOUND
    assert bench.told == [ScreenFinished(elapsed_s=7.0, screened=FOUND)]
    assert len(bench.screens) == 1


def test_a_screen_that_missed_is_told_and_not_kept(bench):
    bench.result = MISSED
    with bench.journal() as journal:
        assert bench.run(journal) == MISSED
        assert journal.screened is None
    assert bench.told[-1] == ScreenFinished(elapsed_s=7.0, screened=MISSED)
    with bench.journal() as journal:
        bench.run(journal)
    assert len(bench.screens) == 2


def test_a_fresh_run_screens_anew(bench):
    with bench.journal() as journal:
        bench.run(journal)
    with bench.journal(fresh=True) as journal:
        bench.run(journal)
    assert len(bench.screens) == 2


def test_where_fewer_than_three_files_have_to_be_made_nothing_is_screened(bench):
    bench.ready |= {"openvino", "openvino-qint8", "openvino-qint8-mixed"}
    with bench.journal() as journal:
        assert bench.run(journal) is None
        assert bench.told == []
        bench.ready.remove("openvino")
        assert bench.run(journal) == FOUND


@pytest.mark.parametrize("asked", [{"objective": "memory"}, {"device": "cuda"}])
def test_memory_and_gpus_are_not_foretold(bench, asked):
    with bench.journal() as journal:
        assert bench.run(journal, **asked) is None
    assert (bench.told, bench.screens) == ([], [])


def test_latency_is_foretold_as_well(bench):
    with bench.journal() as journal:
        assert bench.run(journal, objective="latency") == FOUND


def test_a_model_that_cannot_be_cut_is_measured_without_a_word(bench):
    (bench.folder / "config.json").write_text(json.dumps({"model_type": "bert", "num_hidden_layers": 6}))
    with bench.journal() as journal:
        assert bench.run(journal) is None
        assert bench.run(journal, model=replace(profile(bench.folder), trust_remote_code=True)) is None
    assert (bench.told, bench.screens) == ([], [])


@pytest.mark.parametrize("error", [NotScreenedError("memory is short"), ChildFailed("the process was killed")])
def test_a_screen_that_fails_costs_the_run_nothing_but_its_time(bench, error):
    bench.result = error
    with bench.journal() as journal:
        assert bench.run(journal) is None
        assert journal.screened is None
    assert not any(isinstance(event, ScreenFinished) for event in bench.told)
