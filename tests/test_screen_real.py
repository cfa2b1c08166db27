"""A tiny model of twelve layers is cut, exported and timed in real workers: what is foretold, and what that costs."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import psutil
import pytest
import tiny_models
from export_support import exporter, profile

from advisor import catalogue
from advisor.errors import ChildFailed
from advisor.measure import Control, Run, Seams
from advisor.measure.workers.memory import MemoryFit
from advisor.probe import probe, read_packages
from advisor.question import Question
from advisor.screen import NotScreenedError, depths_of, is_screened, screen
from advisor.types import BASELINE, Request

pytest.importorskip("sentence_transformers", reason="builds the model")
pytestmark = pytest.mark.slow

NUM_LAYERS = 12
DEPTHS = (1, 3)
TEXTS = tuple(f"{text} {index}" for index in range(5) for text in (*tiny_models.TRAINING_TEXTS, "A small dog."))
UNLIMITED = MemoryFit(memory=lambda: None, gpu_memory=lambda device: None)
FEW = (BASELINE, "onnx", "openvino")


def able():
    """All candidates that can run on the CPU here, without those that the user has to name."""
    hardware = probe(runtimes=True)
    installed = {package.name for package in read_packages() if package.version is not None}
    found = (catalogue.get(name) for name in catalogue.names())
    return [
        each
        for each in found
        if not each.on_request and catalogue.why_not(each, hardware, installed, device="cpu") is None
    ]


class Bench:
    """A model, an exporter that makes each cut file once, and what a screen of it gives."""

    def __init__(self, folder):
        self.folder = folder
        self.model = profile(tiny_models.shared(num_layers=NUM_LAYERS), content_sha256="12" * 32)
        self.exporter = exporter(
            self.model, texts=TEXTS, threads=2, cache_dir=folder / "cache", log_dir=folder / "logs"
        )

    def make(self, candidate, depth):
        return self.exporter.export(candidate, depth=depth)

    def screen(self, names=FEW, *, make=None, model=None, objective="throughput", control=None, **kwargs):
        model = model or self.model
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        start = time.monotonic()
        return screen(
            [catalogue.get(name) for name in names],
            Question(
                model=model,
                texts=TEXTS,
                reference_texts=(),
                request=Request(threads=2, objective=objective),
                hardware=self.exporter._question.hardware,
                packages=(),
            ),
            Run(
                log_dir=self.folder / "logs",
                work_dir=work,
                emit=lambda event: None,
                clock=lambda: time.monotonic() - start,
                control=control or Control(),
            ),
            make=make or self.make,
            depths=depths_of(model),
            seams=kwargs.pop("seams", Seams(memory=UNLIMITED)),
            **kwargs,
        )


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = Bench(tmp_path_factory.mktemp("screen"))
    with made.exporter:
        yield made


@pytest.fixture(scope="module")
def everything(bench):
    """What was screened, the result, and each step that was told."""
    names = [each.name for each in able()]
    steps = []
    return names, bench.screen(names, told=lambda step, name: steps.append((step, name))), steps


def workers():
    """Processes that time candidates; the exporter keeps one of its own."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            found += [child.pid] if any("measure" in part for part in child.cmdline()) else []
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture(autouse=True)
def _no_worker_is_left_behind(bench):
    yield
    assert workers() == []


def test_every_candidate_that_can_run_here_is_foretold(everything):
    names, found, _ = everything
    expected = {name for name in names if is_screened(catalogue.get(name))}
    assert {BASELINE, "onnx", "openvino", "openvino-qint8"} <= expected
    assert found.predicted.keys() == expected - {BASELINE}
    assert "openvino-qint8-mixed" not in found.predicted
    for each in found.predicted.values():
        assert (each.depths, each.num_layers) == (DEPTHS, NUM_LAYERS)
        assert 0 < each.speedup < math.inf


def test_the_baselines_own_error_is_known(everything):
    _, found, _ = everything
    assert (found.check.depths, found.check.num_layers) == (DEPTHS, NUM_LAYERS)
    assert -1 < found.check.baseline_error < math.inf
    assert (found.check.fell_back is None) == (abs(found.check.baseline_error) <= 0.15)


def test_the_time_of_a_whole_export_is_foretold_of_what_has_files(everything, bench):
    _, found, _ = everything
    with_files = {name for name in found.predicted if catalogue.get(name).runtime != "torch"}
    assert found.export_s.keys() == with_files
    for name, export_s in found.export_s.items():
        assert export_s >= bench.make(catalogue.get(name), DEPTHS[1]).export_s > 0
    assert not any(bench.exporter.is_ready(catalogue.get(name)) for name in with_files)


def test_each_step_is_told_before_it_is_begun(everything):
    names, _, steps = everything
    expected = [name for name in names if is_screened(catalogue.get(name))]
    assert steps == [*(("export", name) for name in expected), ("time", "")]


def test_nothing_is_left_but_the_cache_and_the_texts(everything, bench):
    assert workers() == []
    assert {path.name for path in (bench.folder / "work").iterdir()} == {"texts.json"}
    assert list((bench.folder / "cache" / "exports").glob(".building*")) == []


def test_single_texts_are_timed_where_latency_is_asked_for(bench, monkeypatch):
    from advisor.measure.workers.client import Client

    timed = []
    original = Client.latencies
    monkeypatch.setattr(
        Client,
        "latencies",
        lambda client, batch, **options: timed.append(options["setting"]) or original(client, batch, **options),
    )
    found = bench.screen((BASELINE, "onnx"), objective="latency")
    assert set(timed) == {"", "1", "3"}
    assert found.predicted.keys() == {"onnx"}
    assert math.isfinite(found.check.baseline_error)


def test_a_candidate_whose_cut_export_fails_is_left_out_and_costs_the_others_nothing(bench):
    def make(candidate, depth):
        if (candidate.name, depth) == ("onnx", DEPTHS[1]):  # its shallow file was made
            raise ChildFailed("the operator Foo is not supported")
        return bench.make(candidate, depth)

    found = bench.screen(make=make)
    assert found.predicted.keys() == {"openvino"}
    assert found.export_s.keys() == {"openvino"}


def test_a_candidate_whose_cut_file_does_not_open_is_left_out(bench, tmp_path):
    def make(candidate, depth):
        made = bench.make(candidate, depth)
        if (candidate.name, depth) != ("openvino", DEPTHS[1]):
            return made
        (tmp_path / "openvino").mkdir()
        (tmp_path / made.file).write_text("no graph")
        return replace(made, folder=tmp_path)

    assert bench.screen(make=make).predicted.keys() == {"onnx"}


def test_a_model_that_cannot_be_cut_is_not_screened(bench):
    shared_layers = profile(tiny_models.shared(architecture="albert", num_layers=NUM_LAYERS))
    with pytest.raises(NotScreenedError, match=r"^torch-fp32 failed: .*The layers of AlbertModel are not one list"):
        bench.screen((BASELINE,), model=shared_layers)


def test_without_the_baselines_files_nothing_is_timed(bench):
    def make(candidate, depth):
        raise ChildFailed("no files")

    steps = []
    with pytest.raises(NotScreenedError, match=r"^torch-fp32 cannot be cut$"):
        bench.screen(make=make, told=lambda step, name: steps.append(step))
    assert set(steps) == {"export"}


def test_where_memory_is_short_no_worker_is_opened(bench):
    with pytest.raises(NotScreenedError, match=r"^memory is short$"):
        bench.screen((BASELINE,), seams=Seams(memory=MemoryFit(memory=lambda: 1)))


def test_a_screen_ends_when_its_time_is_over(bench):
    made = []

    def make(candidate, depth):
        made.append(candidate.name)
        time.sleep(0.1)
        return bench.make(candidate, depth)

    with pytest.raises(NotScreenedError, match=r"^there would be no time for it$"):
        bench.screen(make=make, time_s=0.05)
    assert made == [BASELINE, BASELINE]


def test_what_the_user_leaves_out_is_not_foretold(bench):
    control = Control()
    for name in ("onnx", BASELINE):
        control.skip(name)
    assert set(bench.screen(control=control).predicted) == {"openvino"}


def test_a_screen_whose_later_files_take_too_long_ends(bench):
    def make(candidate, depth):
        time.sleep(0 if candidate.name == BASELINE else 1.0)
        return bench.make(candidate, depth)

    with pytest.raises(NotScreenedError, match=r"^there was no time for it$"):
        bench.screen((BASELINE, "onnx", "openvino"), make=make, time_s=1.0)


def test_rounds_that_begin_late_are_still_enough_for_a_prediction(bench):
    """The time is looked at before each candidate is made; what is made is timed."""

    def make(candidate, depth):
        if (candidate.name, depth) == ("onnx", DEPTHS[1]):
            time.sleep(1.0)
        return bench.make(candidate, depth)

    assert bench.screen((BASELINE, "onnx"), make=make, time_s=0.9).predicted.keys() == {"onnx"}


@pytest.mark.parametrize("when", ["export", "time"])
def test_a_stop_by_the_user_ends_it(bench, when):
    control = Control()
    steps = []

    def told(step, name):
        steps.append((step, name))
        assert bool(workers()) == (step == "time")
        if step == when:
            control.stop()

    with pytest.raises(NotScreenedError):
        bench.screen(control=control, told=told)
    assert steps[-1] == (("export", BASELINE) if when == "export" else ("time", ""))


def test_before_a_stopped_screen_nothing_is_made(bench):
    control = Control()
    control.stop()
    steps = []
    with pytest.raises(NotScreenedError, match=r"^the run was stopped$"):
        bench.screen(control=control, told=lambda step, name: steps.append(step))
    assert steps == []
