"""Real child processes around a fake encoder: every way to fail costs one candidate, and no process is left behind."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from fake_workers import CHILDREN, HARDWARE, MIDDLE, QUICK, SLOW, TEXTS, Made, measure_fakes, model_in

from advisor import objectives
from advisor.errors import AdvisorError, InputError, UnavailableError
from advisor.events import (
    CandidateEnded,
    CandidateLoaded,
    FidelityMeasured,
    RoundFinished,
    SettingTried,
    WarningRaised,
)
from advisor.labels import read_labels
from advisor.measure import Control, Run, measure, prepare
from advisor.measure.measurement import COMPILE_S
from advisor.measure.workload import sizes, workload
from advisor.measure.workload.durations import Durations
from advisor.objectives import Limits
from advisor.question import Question
from advisor.types import BASELINE, Exported, Request, RuntimeSettings

LATER = 18
"""An encode in the race: load 1, probe 3, comparison 3, warm-up 3, and two in each lap after that."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run({candidate: behaviour}, ...)` measures candidates that behave as told."""
    monkeypatch.setenv("PYTHONPATH", str(CHILDREN))
    # 256 texts would take half a second a lap.
    monkeypatch.setattr("advisor.measure.workload.sizes._CUDA_PROBE", sizes._PROBE)
    return functools.partial(measure_fakes, tmp_path)


@pytest.fixture(autouse=True)
def _no_process_is_left_behind():
    mine = psutil.Process()
    before = {child.pid for child in mine.children(recursive=True)}
    yield
    assert {child.pid for child in mine.children(recursive=True)} <= before


def test_a_worker_imports_nothing_of_the_room_that_starts_it():
    """Ten of them would each import it, before their runtime."""
    found = "sorted(name for name in sys.modules if 'advisor.measure' in name)"
    code = f"import sys, advisor.measure.workers.worker; print({found})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['advisor.measure', 'advisor.measure.workers', 'advisor.measure.workers.worker']"


def status(result):
    return {measured.name: measured.status for measured in result.candidates}


def test_three_candidates_are_timed_against_each_other_and_every_event_comes_in_order(run):
    events = []
    result = run({"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK}}, events=events, pick="openvino")
    assert [measured.name for measured in result.candidates] == [BASELINE, "onnx", "openvino"]
    assert status(result)[BASELINE] == status(result)["openvino"] == "measured"
    baseline, onnx, openvino = (measured.timing for measured in result.candidates)
    assert baseline.speedup.median == 1
    assert baseline.speedup.ci95 == (1, 1)
    assert 1.3 < onnx.speedup.median < 2.5 < openvino.speedup.median < 5
    low, high = openvino.speedup.ci95
    assert low <= openvino.speedup.median <= high
    assert openvino.rounds >= 6
    assert openvino.latency_p50_ms < onnx.latency_p50_ms < baseline.latency_p50_ms
    assert all(timing.peak_rss_bytes > 5_000_000 for timing in (baseline, onnx, openvino))
    assert all(measured.findings.load_s > 0 for measured in result.candidates)

    assert [event.elapsed_s for event in events] == sorted(event.elapsed_s for event in events)
    assert [event.candidate for event in events if isinstance(event, CandidateLoaded)] == [BASELINE, "onnx", "openvino"]
    assert {event.candidate: event.loss.value for event in events if isinstance(event, FidelityMeasured)} == {
        BASELINE: 0,
        "onnx": 0,
        "openvino": 0,
    }
    laps = [event for event in events if isinstance(event, RoundFinished) and event.candidate == "openvino"]
    assert [lap.round_index for lap in laps] == list(range(1, openvino.rounds + 1))
    assert all(lap.texts_per_s > 0 and lap.num_rounds >= lap.round_index for lap in laps)


def test_the_reference_embeddings_are_each_text_encoded_alone(run):
    result = run({"onnx": {"scale": 2.0}})
    baseline = np.load(result.of(BASELINE).reference_path)
    assert baseline.shape == (3, 16)
    assert baseline.dtype == np.float32
    np.testing.assert_allclose(np.load(result.of("onnx").reference_path), 2 * baseline, rtol=1e-6)


@pytest.mark.parametrize(
    ("what", "reason"),
    [("die", "the process was killed by SIGKILL, perhaps for lack of memory"), ("raise", "ValueError: cannot raise")],
)
@pytest.mark.parametrize(("at_encode", "when"), [(1, "before the race"), (LATER, "in round")])
def test_a_candidate_that_dies_or_raises_fails_with_its_log_and_the_others_finish(run, what, reason, at_encode, when):
    events = []
    result = run({"onnx": {"what": what, "at_encode": at_encode}, "openvino": {"s_per_text": MIDDLE}}, events=events)
    failed = result.of("onnx")
    assert failed.status == "failed"
    assert when in failed.reason
    assert reason in failed.reason
    assert Path(failed.log).is_file()
    assert result.of("openvino").status == "measured"
    assert result.of("openvino").timing.speedup.ci95 is not None
    (ended,) = [event.outcome for event in events if isinstance(event, CandidateEnded)]
    assert (ended.name, ended.status, ended.reason, ended.log) == ("onnx", "failed", failed.reason, failed.log)


def test_a_candidate_that_hangs_is_killed_and_the_others_finish(run):
    durations = Durations(block_s=0.025, latency_block_s=0.008, range_s=0.01, shortest_timeout_s=2.0)
    result = run(
        {"onnx": {"what": "hang", "at_encode": LATER}, "openvino": {"s_per_text": MIDDLE}}, durations=durations
    )
    assert result.of("onnx").status == "failed"
    assert "no answer to time_blocks" in result.of("onnx").reason
    assert result.of("openvino").status == "measured"


def test_a_cut_is_void_when_the_rival_that_it_lost_to_fails_later(run):
    """The quicker one cuts the slower one, then dies in the latency rounds."""
    died = {"s_per_text": QUICK / 2, "what": "die", "at_single": 10}
    result = run({"onnx": {"s_per_text": MIDDLE}, "openvino": died})
    assert status(result) == {BASELINE: "measured", "onnx": "measured", "openvino": "failed"}
    assert result.of("onnx").timing.speedup.ci95 is not None


def test_one_that_the_probe_cut_gets_its_race_where_the_rival_failed(run):
    died = {"s_per_text": QUICK / 2, "what": "die", "at_encode": LATER + 14}
    events = []
    result = run({"openvino": died, "onnx": {"s_per_text": MIDDLE}}, pick="openvino", events=events)
    assert status(result) == {BASELINE: "measured", "openvino": "failed", "onnx": "measured"}
    assert result.of("onnx").timing.speedup.ci95 is not None
    cut = [event.outcome for event in events if isinstance(event, CandidateEnded) and event.outcome.name == "onnx"]
    assert cut[0].reason.startswith("cut after the probe")
    assert any("failed for which others had been left out" in warning for warning in result.warnings)


@pytest.mark.parametrize("objective", ["throughput", "latency"])
def test_slow_single_texts_do_not_cost_a_candidate_its_throughput(run, objective):
    """With a stream a thread, a single text may take several times the baseline's time."""
    result = run({"onnx": {"s_per_text": QUICK, "s_single": 5 * SLOW}}, objective=objective)
    if objective == "throughput":
        assert result.of("onnx").status == "measured"
        assert result.of("onnx").timing.latency_p50_ms > 3 * result.of(BASELINE).timing.latency_p50_ms
    else:
        assert result.of("onnx").status == "cut"


def test_slow_throughput_does_not_cost_a_candidate_the_race_on_latency(run):
    result = run({"onnx": {"s_per_text": 2.5 * SLOW, "s_single": QUICK}}, objective="latency", pick="onnx")
    assert result.of("onnx").status == "measured"
    assert result.of("onnx").timing.latency_speedup.median > 1.5


def test_a_full_disk_ends_the_measurement_with_one_sentence(run, monkeypatch):
    monkeypatch.setattr("advisor.measure.losses.shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(AdvisorError, match=r"is full: the embeddings of onnx could not be written\. Free some space"):
        run({"onnx": {"what": "raise", "at_encode": 5}})


def test_nan_embeddings_fail_a_candidate_before_any_timing(run):
    result = run({"onnx": {"scale": float("nan")}})
    assert result.of("onnx").status == "failed"
    assert result.of("onnx").reason == "failed before the race: 3 of its 3 embeddings contain NaN"
    assert result.of("onnx").timing.rounds == 0


def test_a_hopeless_candidate_is_cut_after_the_probe_with_its_figures(run):
    events = []
    result = run({"torch-fp16": {"s_per_text": 5 * SLOW}}, events=events)
    cut = result.of("torch-fp16")
    assert cut.status == "cut"
    assert cut.reason.startswith("cut after the probe: ")
    assert cut.reason.endswith("x slower than torch-fp32")
    assert cut.timing.rounds == 0
    assert cut.timing.texts_per_s.ci95 is None
    assert 0.15 < cut.timing.speedup.median < 0.3
    assert cut.loss is None
    assert [event.outcome.status for event in events if isinstance(event, CandidateEnded)] == ["cut"]


def test_what_takes_over_twice_the_time_of_the_fastest_so_far_is_not_raced(run):
    result = run({"openvino": {"s_per_text": QUICK / 2}, "onnx": {"s_per_text": MIDDLE}}, pick="openvino")
    cut = result.of("onnx")
    assert cut.status == "cut"
    assert re.fullmatch(r"cut after the probe: [34]\.\dx slower than openvino", cut.reason)
    assert cut.timing.rounds == 0
    assert 1.3 < cut.timing.speedup.median < 2.5, "over the baseline"


def test_one_over_the_loss_budget_is_not_the_one_to_beat(run):
    quick = {"s_per_text": QUICK / 2, "noise": 1.0}
    result = run({"onnx-qint8": quick, "onnx": {"s_per_text": MIDDLE}}, pick="onnx-qint8")
    assert result.of("onnx").status == "measured"


def test_the_rulesets_pick_is_raced_even_if_it_is_hopeless(run):
    result = run({"torch-fp16": {"s_per_text": 5 * SLOW}}, pick="torch-fp16")
    cut = result.of("torch-fp16")
    assert cut.status == "cut"
    assert cut.timing.rounds >= 3
    assert cut.timing.speedup.ci95 is not None


def test_a_slower_candidate_is_cut_and_keeps_its_figures_and_its_latency(run):
    result = run({"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK / 2}}, pick="onnx")
    cut = result.of("onnx")
    assert cut.status == "cut"
    assert "slower than openvino" in cut.reason
    assert cut.timing.speedup.ci95 is not None
    assert cut.timing.latency_p50_ms > 0
    assert cut.timing.latency_p95_ms >= cut.timing.latency_p50_ms


def test_a_candidate_over_the_loss_budget_is_measured_and_cuts_nobody(run):
    result = run({"onnx-qint8": {"s_per_text": QUICK / 2, "noise": 1.0}, "onnx": {"s_per_text": MIDDLE}})
    lossy = result.of("onnx-qint8")
    assert lossy.loss.value > 0.004
    assert status(result) == {BASELINE: "measured", "onnx-qint8": "measured", "onnx": "measured"}
    assert lossy.timing.speedup.ci95 is not None


def test_losses_go_by_the_models_own_similarity(run):
    labels = read_labels([(text, other, 0.1 * n) for n, (text, other) in enumerate(pairwise(TEXTS))])
    result = run({"onnx": {"s_per_text": QUICK, "scale": 2.0}}, similarity="dot", labels=labels)
    scaled = result.of("onnx")
    assert scaled.estimated.metric.startswith("1 - Spearman rho of the dot product over")
    assert scaled.loss.metric.startswith("Spearman correlation of the dot product with the scores of")
    assert scaled.drift.mixed.value > 0.01  # old vectors are half as long
    assert scaled.drift.cosine_min > 0.999


@pytest.mark.parametrize("objective", ["latency", "memory"])
def test_other_objectives_measure_the_same_things(run, objective):
    result = run({"onnx": {"s_per_text": MIDDLE}}, objective=objective)
    timing = result.of("onnx").timing
    assert timing.speedup.ci95 is not None
    assert timing.latency_p95_ms is not None
    assert timing.peak_rss_bytes > 0


def test_an_objective_that_is_added_as_a_row_is_raced_and_tuned_as_the_row_says(run, monkeypatch):
    latency = objectives.get("latency")
    races = replace(
        latency.races, throughput=Limits(max_rounds=3, cuts=False), latency=Limits(max_rounds=4, cuts=False)
    )
    row = replace(latency, name="steadiness", races=races, tunes=None)
    monkeypatch.setitem(objectives.OBJECTIVES, row.name, row)
    result = run({"onnx": {"s_per_text": MIDDLE}}, objective=row.name)
    timing = result.of("onnx").timing
    assert timing.rounds == 3
    assert timing.latency_speedup.ci95 is not None
    assert result.measurement.num_rounds >= 3 + 4
    assert result.of("onnx").tried == ()


def test_a_baseline_that_cannot_run_ends_the_measurement_with_one_sentence(run):
    with pytest.raises(UnavailableError, match=r"baseline torch-fp32 could not be measured: ValueError: cannot raise"):
        run({BASELINE: {"what": "raise", "at_encode": 1}, "onnx": {}})


def test_no_texts_and_no_baseline_are_refused(run, tmp_path):
    with pytest.raises(InputError, match="no texts"):
        run({}, texts=[])
    with pytest.raises(InputError, match="torch-fp32 is not among the candidates"):
        measure(
            [],
            Made([]),
            Question(
                model=model_in(tmp_path),
                texts=("a",),
                reference_texts=(),
                request=Request(),
                hardware=HARDWARE,
                packages=(),
            ),
            Run(log_dir=tmp_path, work_dir=tmp_path, emit=print, clock=time.monotonic),
            time_budget_s=1,
        )


def test_where_memory_is_short_the_candidates_race_in_heats_against_the_baseline(run):
    """There is room for one beside the baseline at a time."""
    loaded = []

    def memory():
        alive = sum(child.is_running() for child in psutil.Process().children())
        loaded.append(alive)
        return 1200 << 20 if alive < 2 else 100 << 20

    events = []
    result = run({"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK}}, memory=memory, events=events)
    assert max(loaded) == 2
    assert status(result) == {BASELINE: "measured", "onnx": "measured", "openvino": "measured"}
    assert all(measured.timing.speedup.ci95 is not None for measured in result.candidates)
    assert result.of(BASELINE).timing.rounds > result.of("onnx").timing.rounds
    assert "2 heats" in result.warnings[0]
    assert result.warnings[0] in [event.message for event in events if isinstance(event, WarningRaised)]


def test_what_does_not_fit_into_memory_at_all_is_skipped_with_the_figures(run):
    result = run({"onnx": {}}, memory=lambda: 100 << 20)
    assert result.of("onnx").status == "skipped"
    assert result.of("onnx").reason == "skipped: needs about 0.3 GB of memory, and 0.1 GB is available"
    assert result.of(BASELINE).status == "measured"


def test_where_a_gpu_s_memory_is_short_the_candidates_race_in_heats_on_it(run):
    def gpu_memory(device):
        assert device == "cuda:1"
        alive = sum(child.is_running() for child in psutil.Process().children())
        return 2 << 30 if alive < 2 else 100 << 20

    result = run(
        {"onnx": {"s_per_text": MIDDLE}, "torch-fp16": {"s_per_text": MIDDLE}},
        device="cuda:1",
        gpu_memory=gpu_memory,
        memory=lambda: 1200 << 20,  # too little to start them all ahead of their turns
    )
    assert status(result) == {BASELINE: "measured", "onnx": "measured", "torch-fp16": "measured"}
    assert "2 heats" in result.warnings[0]


def test_what_does_not_fit_into_a_gpu_s_memory_at_all_is_skipped_with_the_figures(run):
    result = run({"onnx": {}}, device="cuda", gpu_memory=lambda device: 100 << 20)
    assert result.of("onnx").reason == ("skipped: needs about 1.1 GB of memory on cuda, and 0.1 GB is available")


def test_batches_that_were_cut_for_lack_of_memory_are_in_the_settings_that_ship(run):
    behaviour = {"s_per_text": MIDDLE, "batch_limit": 4}
    result = run(
        {"torch-fp16": behaviour, "onnx": behaviour | {"batch_limit": 2048}},
        device="cuda",
        objective="memory",  # under which no other batches are tried
    )
    for name, field, size, note in (
        ("torch-fp16", "batch_size", 4, "The memory of cuda ran out, so batches have at most 4 texts."),
        ("onnx", "tokens_per_batch", 2048, "The memory of cuda ran out, so batches have at most 2,048 tokens."),
    ):
        assert getattr(result.of(name).settings, field) == size
        assert result.of(name).notes == (note,)
    assert result.of(BASELINE).notes == ()


def test_what_is_compiled_is_only_begun_where_the_time_budget_has_room_for_it(run):
    result = run({"torch-bf16-compile": {"s_per_text": MIDDLE}}, time_budget_s=40)
    assert result.of("torch-bf16-compile").status == "skipped"
    assert "takes about 30 s to compile it, and the time budget leaves" in result.of("torch-bf16-compile").reason
    assert COMPILE_S < result.of("torch-bf16-compile").untried.needs_s < COMPILE_S + 10
    picked = run({"torch-bf16-compile": {"s_per_text": MIDDLE}}, pick="torch-bf16-compile", time_budget_s=40)
    assert picked.of("torch-bf16-compile").timing is not None


def test_a_slow_model_is_probed_on_fewer_texts_and_known_again(run, monkeypatch, tmp_path):
    monkeypatch.setattr("advisor.measure.workload.sizes._PROBE_S", 2 * SLOW)
    monkeypatch.setattr("advisor.measure.measurement.warnings", lambda *_, **__: ())
    plans = []

    def full_workload(*args, **kwargs):
        plans.append(workload.full_workload(*args, **kwargs))
        return plans[-1]

    monkeypatch.setattr(prepare, "full_workload", full_workload)

    def once():
        return run(
            {"onnx": {"s_per_text": QUICK}}, pick="onnx", time_budget_s=2, max_loss=0.9, journal=tmp_path / "rounds"
        )

    first = once()
    assert plans[0].size(plans[0].probe) == 2
    monkeypatch.setattr("advisor.measure.workload.sizes._PROBE_S", 100.0)
    again = once()
    assert plans[1].batches == plans[0].batches, "as many as the first time"
    assert again.of("onnx").loss == first.of("onnx").loss


def test_a_model_may_take_longer_for_the_probe_than_others(run):
    durations = Durations(block_s=0.025, latency_block_s=0.008, range_s=0.01, probe_timeout_s=0.05)
    slow = {BASELINE: {"s_per_text": 5 * SLOW}, "onnx": {"s_per_text": 3 * SLOW}}
    result = run(slow, pick="onnx", durations=durations, time_budget_s=20)
    assert status(result) == {BASELINE: "measured", "onnx": "measured"}


def test_stop_keeps_what_is_measured_and_skip_leaves_a_candidate_out(run):
    control = Control()
    control.skip("openvino")

    def on_event(event):
        if isinstance(event, RoundFinished) and event.round_index == 4:
            control.stop()

    result = run({"onnx": {"s_per_text": MIDDLE}, "openvino": {}}, control=control, on_event=on_event)
    assert result.of("openvino").reason == "skipped: left out by the user"
    assert result.of("openvino").untried is None
    assert 3 <= result.of("onnx").timing.rounds <= 4


@pytest.mark.parametrize("how", ["stop", "skip"])
def test_a_stop_while_a_setting_is_confirmed_keeps_what_was_measured_before(run, how):
    """The race on the kept setting is cut short: the rounds with the candidate's own settings still count."""
    control = Control()

    def on_event(event):
        if isinstance(event, SettingTried) and event.tried.kept:
            control.stop() if how == "stop" else control.skip("openvino")

    result = run({"openvino": {"s_per_text": MIDDLE, "quick_tokens": 1024}}, control=control, on_event=on_event)
    measured = result.of("openvino")
    assert measured.timing.rounds >= 6
    assert measured.timing.speedup.ci95 is not None
    assert measured.settings.tokens_per_batch is None
    assert measured.tried
    assert not any(tried.kept for tried in measured.tried)
    assert measured.status == ("measured" if how == "stop" else "skipped")


def test_a_baseline_that_dies_in_the_race_costs_nobody_an_answer(run):
    died = {"s_per_text": SLOW, "what": "die", "at_encode": 50}
    result = run({BASELINE: died, "openvino": {"s_per_text": MIDDLE, "quick_tokens": 1024}})
    assert result.of(BASELINE).status == "failed"
    assert result.of("openvino").timing.rounds > 0


def test_a_pause_does_not_count_against_the_time_budget(run):
    control = Control()
    paused = []

    def on_event(event):
        if isinstance(event, CandidateLoaded) and event.candidate == "onnx":
            control.pause()
            threading.Timer(4.0, control.resume).start()
        if isinstance(event, RoundFinished) and not paused:
            paused.append(control.paused_s)

    result = run(
        {"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK}},
        control=control,
        on_event=on_event,
        time_budget_s=5,
        pick="onnx",
    )
    assert paused[0] > 3.5
    assert status(result)["openvino"] == "measured"


def test_a_keyboard_interrupt_ends_every_worker(run):
    """The fixture above proves that none is left."""

    def interrupt(event):
        if isinstance(event, RoundFinished):
            assert len(psutil.Process().children()) >= 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run({"onnx": {}}, on_event=interrupt)


def test_the_parent_imports_no_runtime():
    import subprocess

    heavy = "{'torch', 'transformers', 'sentence_transformers', 'onnxruntime', 'openvino'}"
    code = f"import sys, advisor.measure, advisor.accuracy; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_parked_worker_uses_no_cpu_time_while_another_is_timed(tmp_path, monkeypatch):
    from advisor.measure.workers.client import Client

    monkeypatch.setenv("PYTHONPATH", str(CHILDREN))
    (tmp_path / "behaviour.json").write_text("{}")
    (tmp_path / "texts.json").write_text(json.dumps([TEXTS]))
    settings = RuntimeSettings(threads=1)
    files = Exported(candidate="onnx", folder=tmp_path, file=None, settings=settings, export_s=None, size_bytes=0)
    model = model_in(tmp_path)
    clients = [Client(files, log=tmp_path / f"{index}.log", module="measure_worker") for index in range(2)]
    try:
        for client in clients:
            client.load(model, "onnx", timeout_s=60)
            client.texts(tmp_path / "texts.json")
        parked, timed = clients
        before = parked.usage()
        timed.time_blocks([[0]] * 10, wake=None, timeout_s=60)
        after = parked.usage()
    finally:
        for client in clients:
            client.kill()
    assert after.cpu_s - before.cpu_s < 0.02
    assert after.num_threads == before.num_threads
    assert after.peak_rss_bytes >= before.peak_rss_bytes > 0


def test_a_baseline_that_dies_while_it_imports_ahead_of_its_turn_ends_the_measurement(run, monkeypatch):
    monkeypatch.setenv("DIES_IMPORTING", "torch")
    with pytest.raises(UnavailableError, match="torch-fp32 could not be measured: the process was killed by SIGKILL"):
        run({"torch-bf16": {}, "onnx": {}})


def test_a_candidate_that_dies_while_it_imports_fails_alone(run, monkeypatch):
    monkeypatch.setenv("DIES_IMPORTING", "openvino")
    result = run({"openvino": {}, "onnx": {"s_per_text": MIDDLE}, "torch-bf16": {"s_per_text": MIDDLE}})
    assert status(result)["openvino"] == "failed"
    assert "SIGKILL" in result.of("openvino").reason
    assert status(result)["torch-bf16"] in {"measured", "cut"}
    assert result.of("onnx").timing is not None


def test_workers_are_not_started_ahead_of_their_turn_where_memory_is_short(run):
    started = []
    result = run(
        {"torch-bf16": {"s_per_text": MIDDLE}, "torch-fp16": {"s_per_text": MIDDLE}},
        memory=lambda: 1_600_000_000,
        on_event=lambda event: started.append(len(psutil.Process().children(recursive=True))),
    )
    assert started[0] == 1, "only the baseline runs when it is announced"
    assert result.of("torch-bf16").timing is not None
