"""Real runtimes in real workers, on a tiny model: what is timed is Sentence Transformers, ONNX Runtime and OpenVINO."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import time

import numpy as np
import pytest
import tiny_models
from export_support import AVX512
from fake_workers import Made

from advisor import catalogue
from advisor.labels import read_labels
from advisor.measure import Run, Seams, measure
from advisor.measure.workers.client import Client
from advisor.measure.workload.durations import Durations
from advisor.question import Question
from advisor.types import BASELINE, Exported, ModelProfile, Request, RuntimeSettings

pytestmark = pytest.mark.slow

THREADS = 2
DURATIONS = Durations(block_s=0.05, latency_block_s=0.02)
TEXTS = [f"{text} {index}" for index in range(12) for text in (*tiny_models.TRAINING_TEXTS, "A small dog.")]
SETTINGS = {
    BASELINE: RuntimeSettings(threads=THREADS, dtype="float32"),
    "torch-bf16": RuntimeSettings(threads=THREADS, dtype="bfloat16"),
    "onnx": RuntimeSettings(threads=THREADS),
    "openvino": RuntimeSettings(threads=THREADS, inference_precision="f32", num_streams=THREADS),
}
FILES = {"onnx": "onnx/model.onnx", "openvino": "openvino/openvino_model.xml"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tiny_models.copy(tiny_models.shared(), tmp_path_factory.mktemp("model") / "tiny")
    onnx = tiny_models.to_onnx(folder, folder / FILES["onnx"])
    tiny_models.to_openvino(folder, folder / FILES["openvino"], onnx=onnx)
    return ModelProfile(
        id="tiny",
        path=folder,
        revision=None,
        content_sha256="0" * 64,
        architecture="BertModel",
        num_parameters=None,
        weights_bytes=1_000_000,
        embedding_dimension=tiny_models.HIDDEN_SIZE,
        max_seq_length=None,
        pooling="mean",
    )


def exported(model, name):
    return Exported(
        candidate=name,
        folder=model.path,
        file=FILES.get(name),
        settings=SETTINGS[name],
        export_s=None,
        size_bytes=1_000_000,
    )


def test_four_runtimes_are_measured_and_agree_on_the_embeddings(model, tmp_path):
    result = run(
        model,
        SETTINGS,
        tmp_path,
        pick="openvino",
        time_budget_s=1000,
        durations=Durations(block_s=0.1, latency_block_s=0.03),
    )
    by_name = {measured.name: measured for measured in result.candidates}
    assert {measured.status for measured in result.candidates} <= {"measured", "cut"}, result
    for name in (BASELINE, "onnx", "openvino"):
        embeddings = np.load(by_name[name].reference_path)
        assert embeddings.shape == (len(tiny_models.TRAINING_TEXTS), tiny_models.HIDDEN_SIZE)
        np.testing.assert_allclose(embeddings, np.load(by_name[BASELINE].reference_path), atol=1e-5)
        assert by_name[name].loss.value < 1e-4
        assert by_name[name].timing.rounds >= 3
    assert by_name[BASELINE].timing.peak_rss_bytes > 2 * by_name["onnx"].timing.peak_rss_bytes  # it holds torch
    assert by_name[BASELINE].findings.import_s > by_name["onnx"].findings.import_s


@pytest.mark.timed
def test_no_runtime_spins_while_it_is_parked(model, tmp_path):
    """A parked worker uses next to no CPU time while another one is timed for a second or more."""
    (tmp_path / "texts.json").write_text(json.dumps([TEXTS]))
    clients = {name: Client(exported(model, name), log=tmp_path / f"{name}.log") for name in (BASELINE, *FILES)}
    try:
        for name, client in clients.items():
            client.load(model, "torch" if name == BASELINE else name, timeout_s=180)
            client.texts(tmp_path / "texts.json")
            client.time_blocks([[0]], wake=None, timeout_s=60)
        for timed in clients.values():
            before = {name: client.usage() for name, client in clients.items() if client is not timed}
            start = time.monotonic()
            while time.monotonic() - start < 1:
                timed.time_blocks([[0]], wake=None, timeout_s=60)
            for name, usage in before.items():
                assert clients[name].usage().cpu_s - usage.cpu_s < 0.05, name
    finally:
        for client in clients.values():
            client.kill()


@pytest.mark.timed
def test_with_one_thread_no_runtime_uses_more_than_one_core(model, tmp_path):
    """By the worker's own counters, over a second of encoding and more: CPU seconds against seconds."""
    (tmp_path / "texts.json").write_text(json.dumps([TEXTS * 4]))
    for name in (BASELINE, *FILES):
        files = exported(model, name)
        client = Client(
            dataclasses.replace(files, settings=dataclasses.replace(files.settings, threads=1, num_streams=None)),
            log=tmp_path / f"{name}.log",
        )
        try:
            client.load(model, "torch" if name == BASELINE else name, timeout_s=180)
            client.texts(tmp_path / "texts.json")
            client.time_blocks([[0]], wake=None, timeout_s=60)
            before, wall_s = client.usage(), 0.0
            while wall_s < 1:
                wall_s += sum(client.time_blocks([[0]] * 5, wake=None, timeout_s=60))
            used_s = client.usage().cpu_s - before.cpu_s
        finally:
            client.kill()
        assert used_s < 1.2 * wall_s, f"{name} used {used_s:.2f} CPU seconds in {wall_s:.2f} s"


def test_a_damaged_graph_fails_that_candidate_with_its_log(model, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(model.path, folder)
    (folder / FILES["onnx"]).write_bytes(b"not a graph")
    client = Client(
        dataclasses.replace(exported(model, "onnx"), folder=folder),
        log=tmp_path / "onnx.log",
        module="advisor.measure.workers.worker",
    )
    try:
        with pytest.raises(Exception, match=r"model\.onnx") as caught:
            client.load(model, "onnx", timeout_s=60)
    finally:
        client.kill()
    assert caught.value.log == str(tmp_path / "onnx.log")
    assert "Traceback" in (tmp_path / "onnx.log").read_text()


def run(model, names, folder, *, pick="onnx", time_budget_s=1000, durations=DURATIONS, labels=None):
    (folder / "work").mkdir(parents=True)
    start = time.monotonic()
    return measure(
        [catalogue.get(name) for name in names],
        Made(exported(model, name) for name in names),
        Question(
            model=model,
            texts=tuple(TEXTS),
            reference_texts=tuple(tiny_models.TRAINING_TEXTS),
            request=Request(threads=THREADS),
            hardware=AVX512,
            packages=(),
            labels=labels,
            pick=pick,
        ),
        Run(
            log_dir=folder / "logs",
            work_dir=folder / "work",
            emit=lambda event: None,
            clock=lambda: time.monotonic() - start,
        ),
        time_budget_s=time_budget_s,
        seams=Seams(durations=durations),
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_or_inf_in_one_layer_of_a_graph_rejects_the_candidate_with_that_reason(model, tmp_path, value):
    import onnx
    from onnx import numpy_helper

    spoiled = dataclasses.replace(model, path=tiny_models.copy(model.path, tmp_path / "spoiled"))
    file = spoiled.path / FILES["onnx"]
    graph = onnx.load(file)
    layer = [weights for weights in graph.graph.initializer if len(weights.dims) == 2][-1]
    values = numpy_helper.to_array(layer).copy()
    values[0, 0] = value
    layer.CopyFrom(numpy_helper.from_array(values, layer.name))
    onnx.save(graph, file)
    result = run(spoiled, [BASELINE, "onnx"], tmp_path)
    onnx_result = result.of("onnx")
    assert onnx_result.status == "failed"
    assert "embeddings contain NaN" in onnx_result.reason or "embeddings contain Inf" in onnx_result.reason
    assert onnx_result.timing is None or not onnx_result.timing.rounds
    assert result.of(BASELINE).status == "measured"


def test_on_labels_the_loss_is_measured_and_what_needs_none_stands_beside_it(model, tmp_path):
    texts = list(dict.fromkeys(TEXTS))
    labels = read_labels([(one, other, float(len(one) - len(other))) for one, other in itertools.pairwise(texts)])
    names = [BASELINE, "onnx", "torch-bf16"]
    result = run(model, names, tmp_path, pick="torch-bf16", labels=labels, time_budget_s=1000)
    base, found, bf16 = (result.of(name) for name in names)
    assert result.labels == labels.profile
    if base.loss.method == "labelled":  # a random model may rank nothing
        assert found.loss.baseline_score == pytest.approx(base.loss.score)
        assert found.loss.value == pytest.approx(0, abs=1e-3)
        assert found.estimated.method == "checked"
        assert bf16.estimated.method == "estimated"
    else:
        assert any("scores next to nothing" in warning for warning in result.warnings)
    assert found.drift is None
    assert bf16.drift.top10_overlap > 0.9
    assert bf16.drift.mixed.value < 0.01
