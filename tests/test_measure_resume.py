"""A measurement that was interrupted goes on, a finished one is not run again, and a doubtful one is run once more."""

from __future__ import annotations

import functools
from pathlib import Path

import psutil
import pytest
from fake_workers import CHILDREN, MIDDLE, QUICK, SLOW, measure_fakes

from advisor.events import CandidateLoaded, RaceRepeated, RoundFinished, RoundsReused, SettingTried
from advisor.measure import Journal
from advisor.measure.heat.stages import Stages
from advisor.measure.losses import Losses, portion_name
from advisor.measure.workload import sizes
from advisor.paths import JOURNAL
from advisor.types import BASELINE

CANDIDATES = {"onnx": {"s_per_text": MIDDLE}, "openvino": {"s_per_text": QUICK}}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(CHILDREN))
    # 256 texts would take half a second a lap.
    monkeypatch.setattr("advisor.measure.workload.sizes._CUDA_PROBE", sizes._PROBE)
    return functools.partial(measure_fakes, tmp_path, journal=tmp_path / "rounds" / "key", time_budget_s=600)


@pytest.fixture
def quiet(monkeypatch):
    """Whatever else this machine does meanwhile is not what these tests are about."""
    monkeypatch.setattr("advisor.measure.measurement.warnings", lambda *_, **__: ())
    monkeypatch.setattr("advisor.measure.measurement.disturbed", lambda *_, **__: None)


def interrupted(run, *, at, behaviours=CANDIDATES):
    """Interrupt as Ctrl+C would, in round `at`, or while the candidate `at` is announced."""
    events = []

    def on_event(event):
        events.append(event)
        if (isinstance(event, RoundFinished) and event.round_index == at) or (
            isinstance(event, CandidateLoaded) and event.candidate == at
        ):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(behaviours, on_event=on_event)
    assert not psutil.Process().children()
    return events


def laps(events, name):
    return [event.round_index for event in events if isinstance(event, RoundFinished) and event.candidate == name]


def test_a_finished_measurement_is_the_answer_again_and_starts_no_process(run, quiet):
    first = run(CANDIDATES)
    events = []

    def on_event(event):
        events.append(event)
        assert not psutil.Process().children()

    again = run(CANDIDATES, on_event=on_event)
    for name in (BASELINE, "onnx", "openvino"):
        assert again.of(name).timing == first.of(name).timing
        assert again.of(name).loss == first.of(name).loss
        assert again.of(name).status == first.of(name).status
        assert again.of(name).by_length == first.of(name).by_length
        assert again.of(name).reference_path.is_file()
    assert first.measurement.num_reused == 0
    assert again.measurement.num_reused == again.measurement.num_rounds == first.measurement.num_rounds
    assert again.measurement.started == first.measurement.started
    (reused,) = [event for event in events if isinstance(event, RoundsReused)]
    assert reused.num_rounds == first.measurement.num_rounds
    assert laps(events, "openvino") == list(range(1, again.of("openvino").timing.rounds + 1))


def test_a_loss_that_the_time_left_undecided_is_the_answer_again_in_a_finished_measurement(run, quiet, monkeypatch):
    monkeypatch.setattr(Losses, "_portion_s", lambda self, one, index: 1e9 if index else 0.0)
    unclear = {"torch-bf16": {"s_per_text": MIDDLE, "noise": 0.05}}
    first = run(unclear)
    loss = first.of("torch-bf16").loss
    assert loss.num_texts == 32
    assert loss.ci95[0] < 0.004 < loss.ci95[1]
    again = run(unclear, on_event=lambda event: None if psutil.Process().children() == [] else pytest.fail("a process"))
    assert again.of("torch-bf16") == first.of("torch-bf16")


def test_after_an_interrupt_in_round_5_four_rounds_count_and_the_rest_is_run(run, quiet):
    interrupted(run, at=5)
    events = []
    result = run(CANDIDATES, events=events)
    assert result.of("openvino").timing.rounds >= 6
    (reused,) = [event for event in events if isinstance(event, RoundsReused)]
    assert reused.num_rounds == 4
    assert result.measurement.num_reused == 4
    assert laps(events, BASELINE)[:6] == [1, 2, 3, 4, 5, 6]


def test_after_an_interrupt_while_loading_what_was_admitted_is_not_compared_again(run, quiet, tmp_path):
    interrupted(run, at="openvino")
    before = (tmp_path / "rounds" / "key" / "torch-fp32.reference.npy").stat().st_mtime_ns
    result = run(CANDIDATES)
    assert result.of("openvino").status == "measured"
    assert (tmp_path / "rounds" / "key" / "torch-fp32.reference.npy").stat().st_mtime_ns == before


def test_a_corrupt_record_is_measured_again(run, quiet, tmp_path):
    first = run(CANDIDATES)
    journal = tmp_path / "rounds" / "key" / JOURNAL
    content = bytearray(journal.read_bytes())
    content[len(content) // 3] ^= 1
    journal.write_bytes(content)
    again = run(CANDIDATES)
    assert again.measurement.num_reused < first.measurement.num_rounds
    assert again.of("openvino").status == "measured"


def test_embeddings_that_were_tampered_with_are_made_again(run, quiet, tmp_path):
    run(CANDIDATES)
    kept = tmp_path / "rounds" / "key" / "openvino.reference.npy"
    original = kept.read_bytes()
    kept.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    events = []
    result = run(CANDIDATES, events=events)
    assert "openvino" in [event.candidate for event in events if isinstance(event, CandidateLoaded)]
    assert result.of("openvino").status == "measured"
    assert result.of("openvino").reference_path == kept
    assert kept.read_bytes() == original


def test_a_candidate_that_crashed_is_tried_again(run, quiet):
    broken = {**CANDIDATES, "openvino": {"s_per_text": QUICK, "what": "raise", "at_encode": 1}}
    assert run(broken).of("openvino").status == "failed"
    assert run(CANDIDATES).of("openvino").status == "measured"


def test_a_doubtful_race_is_run_once_more_and_the_second_counts(run, quiet):
    asked = []

    def doubt(result):
        asked.append(result)
        return "The intervals are too wide." if len(asked) == 1 else None

    events = []
    result = run(CANDIDATES, doubt=doubt, events=events)
    (repeated,) = [event for event in events if isinstance(event, RaceRepeated)]
    assert repeated.why == "The intervals are too wide."
    assert result.measurement.num_reruns == 1
    assert laps(events, BASELINE).count(1) == 2
    assert result.of(BASELINE).timing.rounds == laps(events, BASELINE)[-1]
    assert asked[0].of("openvino").timing.speedup is not None


def test_rounds_that_carry_no_verdict_are_not_used_again(run, quiet):
    result = run(CANDIDATES, doubt=lambda _: "It is never good enough.")
    assert result.measurement.num_reruns == 1
    assert run(CANDIDATES).measurement.num_reused == 0


@pytest.mark.parametrize("in_the_end", [None, "The host was busy"])
def test_a_disturbed_race_is_run_once_more_and_told_if_that_one_was_too(run, quiet, monkeypatch, in_the_end):
    said = iter(["The host was busy"])
    monkeypatch.setattr("advisor.measure.measurement.disturbed", lambda *_, **__: next(said, in_the_end))
    result = run(CANDIDATES, doubt=lambda found: found.measurement.disturbed)
    assert (result.measurement.num_reruns, result.measurement.disturbed) == (1, in_the_end)


def test_rounds_of_a_noisy_machine_are_not_used_again(run, monkeypatch):
    monkeypatch.setattr("advisor.measure.measurement.warnings", lambda *_, **__: ("Other programs used 2 of 2 cores.",))
    run(CANDIDATES)
    events = []
    assert run(CANDIDATES, events=events).measurement.num_reused == 0
    assert not [event for event in events if isinstance(event, RoundsReused)]


def test_rounds_of_a_disturbed_race_are_not_used_again_though_the_time_budget_ended_it(run, quiet, monkeypatch):
    monkeypatch.setattr("advisor.measure.measurement.disturbed", lambda *_, **__: "The host was busy")
    first = run(CANDIDATES, time_budget_s=1.5, pick="openvino")
    assert first.measurement.disturbed == "The host was busy"
    monkeypatch.setattr("advisor.measure.measurement.disturbed", lambda *_, **__: None)
    assert run(CANDIDATES).measurement.num_reused == 0


def test_where_the_baseline_is_admitted_anew_so_is_everybody_else(run, quiet, tmp_path):
    """Their losses refer to embeddings of the baseline that are no more."""
    run({**CANDIDATES, "torch-bf16": {"s_per_text": MIDDLE}})
    (tmp_path / "rounds" / "key" / portion_name(0)).unlink()
    journal = Journal(tmp_path / "rounds" / "key", scratch=tmp_path)
    assert journal._prepared
    journal.__exit__()
    interrupted(run, at=BASELINE)
    with Journal(tmp_path / "rounds" / "key", scratch=tmp_path) as journal:
        assert set(journal._prepared) <= {BASELINE}


def test_a_better_setting_of_the_leader_is_found_confirmed_and_kept(run, quiet):
    """The fake encoder is four times as fast with 1,024 tokens a batch."""
    tunable = {"openvino": {"s_per_text": MIDDLE, "quick_tokens": 1024}}
    events = []
    result = run(tunable, events=events)
    measured = result.of("openvino")
    assert measured.settings.tokens_per_batch == 1024
    assert [tried.label for tried in measured.tried if tried.kept] == ["1,024 tokens a batch"]
    assert {event.tried.label for event in events if isinstance(event, SettingTried)} == {
        "256 tokens a batch",
        "1,024 tokens a batch",
    }
    assert measured.timing.speedup.median > 1.5 * SLOW / MIDDLE
    assert run(tunable).of("openvino") == measured


def test_what_larger_batches_bring_the_baseline_on_a_gpu_is_told_and_not_kept(run, quiet):
    """Speedups stay those over what users run today."""
    gpu = {BASELINE: {"s_per_text": SLOW, "quick_texts": 256}, "onnx-O4": {"s_per_text": MIDDLE}}
    result = run(gpu, device="cuda")
    baseline = result.of(BASELINE)
    assert [tried.label for tried in baseline.tried] == [f"{count} texts a batch" for count in (128, 256, 512)]
    assert not any(tried.kept for tried in baseline.tried)
    assert baseline.settings.batch_size is None
    assert baseline.tried[1].speedup.median > 2
    assert 0.7 * SLOW / MIDDLE < result.of("onnx-O4").timing.speedup.median < 1.4 * SLOW / MIDDLE
    assert run(gpu, device="cuda").of(BASELINE) == baseline


def test_settings_that_do_not_help_are_tried_and_not_kept(run, quiet):
    """The fake encoder is half as fast with any other setting: a busy machine must not look like a better one."""
    measured = run({"openvino": {"s_per_text": QUICK, "others_are_slow": True}}).of("openvino")
    assert measured.settings.tokens_per_batch is None
    assert measured.tried
    assert not any(tried.kept for tried in measured.tried)


def test_a_setting_that_crashes_the_worker_does_not_cost_the_candidate(run, quiet):
    result = run({"openvino": {"s_per_text": QUICK, "what": "die", "dies_with_tokens": 1024}})
    measured = result.of("openvino")
    assert measured.status == "measured"
    assert measured.settings.tokens_per_batch is None
    assert measured.timing.latency_p50_ms is not None


def test_speed_is_told_for_each_range_of_lengths(run, quiet):
    texts = ["short"] * 40 + ["long " * 100] * 40
    result = run({"openvino": {"s_per_text": QUICK}}, texts=texts)
    for name in (BASELINE, "openvino"):
        short, long = result.of(name).by_length
        assert (short.min_chars, long.max_chars) == (0, None)
        assert short.max_chars + 1 == long.min_chars
        assert short.share == long.share == 0.5
        assert short.texts_per_s.median > 0
    assert result.of(BASELINE).by_length[0].speedup is None
    assert result.of("openvino").by_length[0].speedup.median > 1.5


def test_what_the_time_has_no_room_for_is_not_begun(run, quiet, monkeypatch):
    """A setting of a slow model took 18 s of a budget that had 7 left."""
    needed = []

    def lacks_room(stages, needed_s):
        needed.append(needed_s)
        return True

    monkeypatch.setattr(Stages, "_lacks_room", lacks_room)
    texts = ["short"] * 40 + ["long " * 100] * 40
    measured = run({"openvino": {"s_per_text": QUICK}}, texts=texts).of("openvino")
    assert measured.timing.speedup.median > 1.5
    assert measured.tried == measured.by_length == ()
    tuning_s, ranges_s, latencies_s = needed
    assert 0.05 < tuning_s < 2
    assert 3 * 2 * 8 * (SLOW + QUICK) * 0.9 < ranges_s < 2, "three rounds, two ranges of eight texts, two candidates"
    assert latencies_s == 0, "they are begun as long as any time is left"


def test_the_journal_holds_none_of_the_texts(run, quiet, tmp_path):
    run(CANDIDATES, texts=[f"secret number {index}" for index in range(40)])
    for path in (tmp_path / "rounds").rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes()
    assert Path(tmp_path / "rounds" / "key" / JOURNAL).stat().st_size > 0
