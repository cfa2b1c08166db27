"""Texts are embedded for a loss only where it is not known without, and no more of them than decide on it."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np
import pytest
from fake_workers import CHILDREN, QUICK, measure_fakes
from fake_workers import TEXTS as OF_ALL_LENGTHS

from advisor.errors import ChildFailed
from advisor.events import RoundFinished
from advisor.gate import NOISE, judge_outcome
from advisor.labels import read_labels
from advisor.measure import Control, losses
from advisor.measure.losses import Losses
from advisor.measure.workers.client import Client
from advisor.types import BASELINE

TEXTS = [f"text number {index}" for index in range(600)]
ALL = [32, 32, 64, 128, 256]
CLEAR = {"s_per_text": QUICK, "noise": 0.01}
"""On 32 texts its loss is 0.03 %, 0.01 to 0.27 %."""
UNCLEAR = {"s_per_text": QUICK, "noise": 0.05}
"""On 512 texts its loss is 0.66 %, 0.55 to 0.98 %; on fewer the interval reaches over 0.85 %, too."""
UNCLEAR_BUDGET = 0.0085
REFERENCE = 3


@pytest.fixture
def requests(monkeypatch):
    """What each worker was asked to embed, in order: `(candidate, number of texts, each alone)`."""
    made = []
    embed = Client.embed

    def counted(self, batch, *, out, alone, **kwargs):
        embed(self, batch, out=out, alone=alone, **kwargs)
        made.append((self._exported.candidate, len(np.load(out)), alone))

    monkeypatch.setattr(Client, "embed", counted)
    return made


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run({candidate: behaviour}, ...)`, which ends with the first rounds of the race."""
    monkeypatch.setenv("PYTHONPATH", str(CHILDREN))

    def run_(behaviours, **kwargs):
        control = Control()

        def on_event(event):
            if isinstance(event, RoundFinished):
                control.stop()

        given = {"texts": TEXTS, "control": control, "on_event": on_event, "time_budget_s": 600} | kwargs
        return measure_fakes(tmp_path, behaviours, **given)

    return run_


def no_time_from(monkeypatch, portion):
    """There is time for the portions before `portion`."""
    portion_s = Losses._portion_s
    monkeypatch.setattr(
        Losses,
        "_portion_s",
        lambda self, one, index: float("inf") if index >= portion else portion_s(self, one, index),
    )


def compared(requests, name):
    """The numbers of compared texts that a worker embedded in batches, a portion each."""
    return [num_texts for each, num_texts, alone in requests if each == name and not alone]


def test_float32_on_the_cpu_is_checked_on_the_reference_texts_and_no_worker_embeds_another(run, requests):
    result = run({"onnx": {"s_per_text": QUICK}, "openvino": {"s_per_text": QUICK}})
    assert sorted(requests) == [(name, REFERENCE, True) for name in ("onnx", "openvino", BASELINE)]
    for name in ("onnx", "openvino", BASELINE):
        loss = result.of(name).loss
        assert (loss.value, loss.ci95, loss.method, loss.num_texts) == (0, None, "checked", REFERENCE)
        assert loss.metric == "largest difference on the reference texts"
        assert result.of(name).drift is None
        assert judge_outcome(result.of(name), max_loss=0) == "passes"


def test_float32_that_computes_something_else_is_compared_and_rejected(run, requests):
    result = run({"onnx": {"s_per_text": QUICK, "noise": 1.0}})
    wrong = result.of("onnx")
    assert compared(requests, "onnx") == compared(requests, BASELINE) == [32]
    assert (wrong.loss.method, wrong.loss.num_texts) == ("estimated", 32)
    assert judge_outcome(wrong, max_loss=0.004) == "rejected"


def test_float32_with_so_few_texts_that_nothing_can_be_estimated_does_not_pass_by_that(run):
    result = run({"onnx": {"s_per_text": QUICK, "noise": 1.0}}, texts=TEXTS[:5])
    assert result.of("onnx").loss.method == "checked"
    assert result.of("onnx").loss.value > NOISE
    assert judge_outcome(result.of("onnx"), max_loss=0.004) == "rejected"


def test_float32_on_a_gpu_is_compared_as_any_other(run, requests):
    result = run({"onnx": {"s_per_text": QUICK}}, device="cuda")
    assert compared(requests, "onnx") == [32]
    assert result.of("onnx").loss.method == "estimated"


def test_a_slow_baseline_embeds_one_text_at_a_time(run, requests, monkeypatch):
    """One long text in a batch pads all others."""
    monkeypatch.setattr(losses, "_SLOW_TEXT_S", 0.0)
    run({"onnx-qint8": CLEAR})
    assert [num_texts for name, num_texts, alone in requests if name == BASELINE and alone][1:] == ALL[:1]
    assert compared(requests, BASELINE) == []


def test_with_labels_float32_embeds_the_labelled_texts_alone(run, requests):
    labels = read_labels([(text, other, 0.1 * n) for n, (text, other) in enumerate(pairwise(OF_ALL_LENGTHS))])
    result = run({"onnx": {"s_per_text": QUICK}}, labels=labels)
    assert compared(requests, "onnx") == compared(requests, BASELINE) == [len(labels.asked), len(labels.stored)]
    assert result.of("onnx").loss.method == "labelled"
    assert result.of("onnx").estimated.method == "checked"


def test_a_loss_that_is_decided_on_32_texts_needs_no_more(run, requests):
    result = run({"torch-bf16": CLEAR, "openvino-qint8": {"s_per_text": QUICK, "noise": 1.0}}, pick="torch-bf16")
    for name in ("torch-bf16", "openvino-qint8", BASELINE):
        assert compared(requests, name) == [32]
    assert result.of("torch-bf16").loss.num_texts == result.of("torch-bf16").drift.num_texts == 32
    assert judge_outcome(result.of("torch-bf16"), max_loss=0.004) == "passes"
    assert judge_outcome(result.of("openvino-qint8"), max_loss=0.004) == "rejected"


def test_a_loss_that_is_not_decided_takes_512_texts_which_the_baseline_embeds_once(run, requests):
    result = run({"openvino-qint8": UNCLEAR, "onnx-qint8": UNCLEAR}, max_loss=UNCLEAR_BUDGET)
    for name in ("openvino-qint8", "onnx-qint8", BASELINE):
        assert compared(requests, name) == ALL
        if name != BASELINE:
            assert result.of(name).loss.num_texts == result.of(name).drift.num_texts == 512
            assert judge_outcome(result.of(name), max_loss=UNCLEAR_BUDGET) == "passes"
    alone = [num_texts for name, num_texts, alone in requests if name == "onnx-qint8" and alone]
    assert alone == [REFERENCE, *ALL], "dynamic int8 embeds every portion one text at a time, too"
    assert result.of("onnx-qint8").drift.batch_cosine_min == pytest.approx(1)


@pytest.mark.parametrize(("num_portions", "num_texts", "gate"), [(2, 64, "uncertain"), (3, 128, "passes")])
def test_where_the_time_ends_128_texts_are_enough_and_fewer_are_not(run, monkeypatch, num_portions, num_texts, gate):
    no_time_from(monkeypatch, num_portions)
    result = run({"torch-bf16": UNCLEAR}, max_loss=UNCLEAR_BUDGET)
    assert result.of("torch-bf16").loss.num_texts == num_texts
    assert judge_outcome(result.of("torch-bf16"), max_loss=UNCLEAR_BUDGET) == gate


def test_a_candidate_without_time_for_the_first_texts_is_skipped_and_the_pick_is_compared_on_them(run, monkeypatch):
    monkeypatch.setattr(Losses, "_portion_s", lambda self, one, index: 1000.0)
    result = run({"torch-bf16": UNCLEAR, "openvino-qint8": UNCLEAR}, pick="torch-bf16")
    assert result.of("torch-bf16").loss.num_texts == 32
    skipped = result.of("openvino-qint8")
    assert skipped.reason == ("skipped: embedding the texts would take it 1000 s, more than the time budget leaves")
    assert skipped.untried is not None


def test_what_the_baseline_has_embedded_is_taken_from_the_journal(run, requests, tmp_path):
    again = functools.partial(run, journal=tmp_path / "rounds" / "key")
    first = again({"torch-bf16": CLEAR})
    requests.clear()
    result = again({"torch-bf16": CLEAR, "openvino-qint8": UNCLEAR}, max_loss=0.004)
    assert result.of("torch-bf16").findings == first.of("torch-bf16").findings
    assert compared(requests, "torch-bf16") == []
    assert compared(requests, BASELINE) == compared(requests, "openvino-qint8")[1:], "all but the first portion"


def test_another_budget_asks_for_more_texts_only_where_it_is_not_decided(run, requests, tmp_path):
    again = functools.partial(run, journal=tmp_path / "rounds" / "key")
    again({"torch-bf16": CLEAR})
    requests.clear()
    again({"torch-bf16": CLEAR}, max_loss=0.01)
    assert requests == []
    result = again({"torch-bf16": CLEAR}, max_loss=0.0005)
    assert compared(requests, "torch-bf16") == ALL
    assert compared(requests, BASELINE) == ALL[1:]
    assert result.of("torch-bf16").loss.num_texts == 512


def test_a_baseline_that_fails_as_it_embeds_a_portion_is_what_failed(run, monkeypatch):
    embed = Losses._embed

    def fail(self, one, batch, *args, **kwargs):
        if one.name == BASELINE and batch in self._workload.compared:
            raise ChildFailed("the process was killed by SIGKILL", log="log")
        return embed(self, one, batch, *args, **kwargs)

    monkeypatch.setattr(Losses, "_embed", fail)
    result = run({"torch-bf16": CLEAR, "onnx": {"s_per_text": QUICK}}, pick="torch-bf16")
    assert result.of(BASELINE).reason == "failed before the race: the process was killed by SIGKILL"
    assert result.of("torch-bf16").reason == (f"failed before the race: {BASELINE}, which it is compared with, failed")
    assert result.of("onnx").status == "skipped"
