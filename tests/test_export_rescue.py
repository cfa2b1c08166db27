"""Layers are taken back from int8 where it is over the budget; elsewhere nothing is made, and that is remembered."""

from __future__ import annotations

import os

import export_support
import numpy as np
import pytest
import tiny_models
from export_support import AVX512, hardware, profile

from advisor import catalogue
from advisor.encode import open_encoder
from advisor.errors import ChildFailed
from advisor.export.openvino_rescue import _groups, _numbers, _without

pytestmark = pytest.mark.slow

INT8, MIXED = catalogue.get("openvino-qint8"), catalogue.get(catalogue.MIXED)
TEXTS = tuple(f"{text} {number}" for number in range(8) for text in tiny_models.TEXTS + tiny_models.TRAINING_TEXTS)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.build(tmp_path_factory.mktemp("rescue") / "model")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


def exporter(model, root, *, max_loss):
    return export_support.exporter(
        profile(model),
        hardware=AVX512 if tiny_models.openvino_has_bf16() else hardware("avx2"),
        texts=TEXTS,
        threads=2,
        cache_dir=root / "cache",
        log_dir=root / "logs",
        max_loss=max_loss,
    )


@pytest.mark.parametrize(("max_loss", "why"), [(0.9, "is within the loss budget"), (0.0, "has no room for int8")])
def test_where_nothing_has_to_be_taken_back_nothing_is_made_and_the_cache_remembers(model, root, max_loss, why):
    for _ in range(2):
        with exporter(model, root, max_loss=max_loss) as made, pytest.raises(ChildFailed, match=why) as caught:
            made.export(MIXED)
        assert caught.value.kind == "unneeded"
    with exporter(model, root, max_loss=max_loss) as made:
        assert made.is_ready(MIXED)


def test_the_budget_is_part_of_what_was_made(model, root):
    with exporter(model, root, max_loss=0.9) as made, pytest.raises(ChildFailed):
        made.export(MIXED)
    with exporter(model, root, max_loss=0.8) as made:
        assert not made.is_ready(MIXED)


def without_quantised_activations(model, root, tmp_path):
    """The graph in int8, and the file of the same without a quantised activation."""
    import openvino

    with exporter(model, root, max_loss=0.9) as made:
        quantized = made.export(INT8)
    graph = openvino.Core().read_model(str(quantized.folder / quantized.file))
    bare = tmp_path / "bare.xml"
    openvino.save_model(_without(graph, _groups(graph)), str(bare), compress_to_fp16=False)
    return graph, bare


@pytest.mark.covers("openvino-qint8-mixed", how="seam")
def test_every_quantised_activation_is_in_one_group_and_can_be_taken_back(model, root, tmp_path):
    import openvino

    graph, bare = without_quantised_activations(model, root, tmp_path)
    groups = _groups(graph)
    nodes = [name for group in groups for name in group.nodes]
    all_nodes = {n.get_friendly_name() for n in graph.get_ops() if n.get_type_name() == "FakeQuantize"}
    assert len(nodes) == len(set(nodes))
    assert set(nodes) == all_nodes
    assert all(group.products for group in groups)
    assert "FakeQuantize" not in {n.get_type_name() for n in openvino.Core().read_model(str(bare)).get_ops()}


@pytest.mark.skipif(
    "ONEDNN_MAX_CPU_ISA" in os.environ,
    reason="OpenVINO runs int8 weights with instructions of the CPU that ONEDNN_MAX_CPU_ISA keeps oneDNN from",
)
def test_without_quantised_activations_less_is_lost(model, root, tmp_path):
    _, bare = without_quantised_activations(model, root, tmp_path)
    with exporter(model, root, max_loss=0.9) as made:
        quantized, plain = made.export(INT8), made.export(catalogue.get("openvino"))

    def embed(file):
        settings = quantized.settings
        return open_encoder(model, runtime="openvino", file=file, settings=settings).encode(list(TEXTS[:32]))

    reference = embed(plain.folder / plain.file)
    before, after = (np.abs(embed(file) - reference).max() for file in (quantized.folder / quantized.file, bare))
    assert after < before


def test_few_are_tried_first_and_never_more_than_half():
    assert _numbers(36, 36) == [1, 2, 3, 4, 6, 8, 11, 16, 18]
    assert _numbers(2, 4) == [1, 2]
    assert _numbers(1, 1) == [1]
