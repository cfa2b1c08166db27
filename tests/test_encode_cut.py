"""Models of several architectures keep their first layers alone: they still answer, and the whole is left as it was."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_kinds
import tiny_models
from export_support import AVX512, PACKAGES, exporter, profile
from test_export_exporter import Bench

from advisor import catalogue
from advisor.encode import open_measured
from advisor.encode.cut import cut
from advisor.encode.measured import CanBeCut
from advisor.errors import ModelError
from advisor.pairs import join
from advisor.types import RuntimeSettings

pytest.importorskip("sentence_transformers", reason="builds the models")

ARCHITECTURES = ("bert", "mpnet", "xlm-roberta", "modernbert", "qwen3", "distilbert")
NUM_LAYERS = 5
TEXTS = ["A small dog runs across the field.", "one", tiny_models.TRAINING_TEXTS[0]]


@pytest.fixture(scope="module")
def loaded():
    """`loaded(architecture)` is the exporter's model with five layers; each is loaded once."""
    from advisor.export.loading import load

    known = {}

    def get(architecture):
        if architecture not in known:
            folder = tiny_models.shared(architecture=architecture, num_layers=NUM_LAYERS)
            known[architecture] = load(str(folder), trust_remote_code=False, threads=1)
        return known[architecture]

    return get


def answer(model):
    """What the graph gives for the last probe, which is the longest."""
    import torch

    with torch.no_grad():
        return model.graph(*(torch.from_numpy(model.probes[-1].inputs[name]) for name in model.input_names)).numpy()


def storages(module):
    return {tensor.data_ptr() for tensor in module.parameters()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_cut_model_answers_with_fewer_layers(architecture, loaded):
    whole = loaded(architecture)
    layers = [name for name, module in whole.transformer.named_modules() if type(module).__name__ == "ModuleList"]
    transformer = copy.deepcopy(whole.transformer)
    cut(transformer, 2)
    assert transformer.config.num_hidden_layers == 2
    assert [len(transformer.get_submodule(name)) for name in layers] == [2]
    inputs = {name: whole.traced[name] for name in whole.input_names}
    before, after = (model(**inputs)[0].detach().numpy() for model in (whole.transformer, transformer))
    assert before.shape == after.shape
    assert np.isfinite(after).all()
    assert not np.allclose(before, after, atol=1e-3)


@pytest.mark.parametrize("architecture", ["bert", "modernbert"])
def test_all_layers_are_what_the_model_was(architecture, loaded):
    whole = loaded(architecture)
    transformer = copy.deepcopy(whole.transformer)
    cut(transformer, NUM_LAYERS)
    inputs = {name: whole.traced[name] for name in whole.input_names}
    np.testing.assert_array_equal(whole.transformer(**inputs)[0].detach(), transformer(**inputs)[0].detach())


def test_shared_layers_are_refused_in_one_sentence(loaded):
    albert = copy.deepcopy(loaded("albert").transformer)
    with pytest.raises(ModelError, match=r"^The layers of AlbertModel are not one list, so it cannot be cut\.$"):
        cut(albert, 1)
    assert albert.config.num_hidden_layers == NUM_LAYERS


def test_one_layer_that_stands_in_the_list_several_times_is_refused(loaded):
    transformer = copy.deepcopy(loaded("bert").transformer)
    for index in range(NUM_LAYERS):
        transformer.encoder.layer[index] = transformer.encoder.layer[0]
    with pytest.raises(ModelError, match="The layers of BertModel are not one list"):
        cut(transformer, 1)


def test_two_lists_of_as_many_modules_are_refused(loaded):
    import torch

    transformer = copy.deepcopy(loaded("bert").transformer)
    transformer.adapters = torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(NUM_LAYERS))
    with pytest.raises(ModelError, match="are not one list"):
        cut(transformer, 1)


# -- in a worker ---------------------------------------------------------------------------------------------


def opened(folder, **options):
    settings = RuntimeSettings(threads=1, dtype="float32")
    return open_measured(folder, runtime="torch", file=None, settings=settings, **options)


def test_a_torch_candidate_is_opened_with_its_first_layers():
    folder = tiny_models.shared(num_layers=NUM_LAYERS)
    whole, all_layers, two = (opened(folder, **options).encode(TEXTS) for options in ({}, {"depth": 5}, {"depth": 2}))
    np.testing.assert_array_equal(whole, all_layers)
    assert whole.shape == two.shape
    assert not np.allclose(whole, two, atol=1e-3)


def test_a_graph_is_not_cut_when_it_is_opened(tmp_path):
    """Its file is the one that is cut."""
    folder = tiny_models.shared(num_layers=NUM_LAYERS)
    settings = RuntimeSettings(threads=1)
    file = tiny_models.shared_onnx(folder)
    graph = open_measured(folder, runtime="onnx", file=file, settings=settings)
    assert not isinstance(graph.backend, CanBeCut)
    again = open_measured(folder, runtime="onnx", file=file, settings=settings, depth=2)
    np.testing.assert_array_equal(graph.encode(TEXTS), again.encode(TEXTS))


# -- as the exporters take it --------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_exporters_copy_shares_its_weights_with_the_whole_and_leaves_it_alone(architecture, loaded):
    from advisor.export.loading import cut_to

    whole = loaded(architecture)
    before = answer(whole)
    short = cut_to(whole, 2)
    assert storages(short.transformer) < storages(whole.transformer)
    assert short.weights_bytes < whole.weights_bytes
    np.testing.assert_array_equal(answer(whole), before)
    np.testing.assert_array_equal(whole.probes[-1].expected, before)
    assert whole.transformer.config.num_hidden_layers == NUM_LAYERS
    assert short.input_names == whole.input_names
    assert not np.allclose(answer(short), before, atol=1e-3)


@pytest.mark.parametrize("architecture", ["bert", "modernbert"])
def test_its_probes_are_what_the_cut_graph_answers(architecture, loaded):
    import torch

    from advisor.export.loading import cut_to

    whole = loaded(architecture)
    short = cut_to(whole, 2)
    for probe, own in zip(whole.probes, short.probes, strict=True):
        assert probe.inputs is own.inputs
        with torch.no_grad():
            answered = short.graph(*(torch.from_numpy(own.inputs[name]) for name in short.input_names)).numpy()
        np.testing.assert_array_equal(own.expected, answered)
        assert not np.allclose(own.expected, probe.expected, atol=1e-3)


def test_two_depths_can_be_cut_from_one_model(loaded):
    from advisor.export.loading import cut_to

    whole = loaded("bert")
    one, three = (cut_to(whole, depth) for depth in (1, 3))
    np.testing.assert_array_equal(answer(one), one.probes[-1].expected)
    assert not np.allclose(answer(one), answer(three), atol=1e-3)


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
def test_a_large_table_is_folded_and_every_id_still_has_a_row(architecture, loaded):
    import torch

    from advisor.export.loading import _FEW_ROWS, cut_to

    whole = loaded(architecture)
    transformer = copy.deepcopy(whole.transformer)
    transformer.resize_token_embeddings(3 * _FEW_ROWS, mean_resizing=False)
    rows = transformer.get_input_embeddings().weight.detach()
    large = replace(whole, transformer=transformer)
    short = cut_to(large, 2)
    tables = [module for module in short.transformer.modules() if isinstance(module, torch.nn.Embedding)]
    assert max(table.num_embeddings for table in tables) == _FEW_ROWS
    ids = torch.tensor([[5, _FEW_ROWS + 5, 3 * _FEW_ROWS - 1]])
    found = short.transformer.get_input_embeddings()(ids)
    np.testing.assert_array_equal(found[0, :2], rows[[5, 5]])
    np.testing.assert_array_equal(found[0, 2], rows[_FEW_ROWS - 1])
    assert large.transformer.get_input_embeddings().weight.shape[0] == 3 * _FEW_ROWS
    small = cut_to(whole, 2)  # the ids of its probes are all below the fold
    np.testing.assert_array_equal(short.probes[-1].expected, small.probes[-1].expected)


@pytest.mark.parametrize("kind", ["cross-encoder", "sparse-encoder"])
def test_models_of_other_kinds_are_cut_with_the_head_that_they_have(kind):
    from advisor.export.loading import cut_to, load

    folder = tiny_kinds.shared() if kind == "cross-encoder" else tiny_kinds.shared_sparse()
    whole = load(str(folder), kind=kind, trust_remote_code=False, threads=1)
    before = answer(whole)
    short = cut_to(whole, 1)
    assert short.probes[-1].expected.shape == whole.probes[-1].expected.shape
    np.testing.assert_array_equal(answer(short), short.probes[-1].expected)
    assert not np.allclose(answer(short), before, atol=1e-3)
    np.testing.assert_array_equal(answer(whole), before)
    texts = [join(text, text) for text in TEXTS] if kind == "cross-encoder" else TEXTS
    assert not np.allclose(opened(folder).encode(texts), opened(folder, depth=1).encode(texts), atol=1e-3)


def test_a_model_that_cannot_be_cut_is_refused_and_left_alone(loaded):
    from advisor.export.loading import cut_to

    whole = loaded("bert")
    transformer = copy.deepcopy(whole.transformer)
    transformer.config.num_hidden_layers = NUM_LAYERS + 1
    with pytest.raises(ModelError, match="cannot be cut"):
        cut_to(replace(whole, transformer=transformer), 2)
    assert len(transformer.encoder.layer) == NUM_LAYERS


# -- as files ------------------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path, monkeypatch):
    """An exporter whose worker only writes what it is asked for."""
    bench = Bench(tmp_path)
    monkeypatch.setenv("FAKE_EXPORT", str(bench.behaviour))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "children"))
    return bench


@pytest.mark.parametrize("name", ["onnx-O3", "openvino-qint8"])
def test_cut_files_have_other_keys_than_whole_ones(made, name):
    candidate = catalogue.get(name)
    with made.exporter() as exporter:
        short = {depth: exporter.export(candidate, depth=depth) for depth in (1, 3)}
        assert not exporter.is_ready(candidate)
        whole = exporter.export(candidate)
        assert exporter.is_ready(candidate)
    assert len({each.folder for each in (whole, *short.values())}) == 3
    assert {each.file for each in short.values()} == {whole.file}
    assert [each.depth for each in (whole, *short.values())] == [None, 1, 3]
    assert [call["depth"] for call in made.calls() if call["file"] == whole.file] == [1, 3, None]
    with made.exporter() as later:
        assert later.export(candidate, depth=3).folder == short[3].folder
        assert later.export(candidate).folder == whole.folder
    with made.exporter(threads=1) as another:
        assert another.is_ready(candidate)


def test_each_cut_file_starts_from_one_of_its_own_depth(made):
    candidate = catalogue.get("onnx-qint8")
    with made.exporter() as exporter:
        exporter.export(candidate)
        exporter.export(candidate, depth=3)
    calls = made.calls()
    assert [call["depth"] for call in calls] == [None, None, 3, 3]
    assert calls[1]["source"] != calls[3]["source"]


def test_whole_files_do_not_make_a_cut_one_ready_and_a_failed_cut_costs_no_whole_one(made):
    candidate = catalogue.get("onnx")
    made.will({"onnx/model.onnx": "fail"})
    with made.exporter() as exporter:
        with pytest.raises(Exception, match="the operator Foo"):
            exporter.export(candidate, depth=1)
        made.will({})
        assert exporter.export(candidate).depth is None
        assert exporter.is_ready(candidate)


def test_a_cut_model_is_calibrated_on_few_texts(made):
    with made.exporter(texts=tuple(f"text {index}" for index in range(50))) as exporter:
        for depth in (None, 3):
            exporter.export(catalogue.get("openvino-qint8"), depth=depth)
    whole, short = (call["num_texts"] for call in made.calls() if call["calibration_texts"])
    assert whole == 50
    assert 0 < short < 50


def test_a_torch_candidate_that_is_cut_is_the_models_own_folder(made):
    with made.exporter() as exporter:
        short = exporter.export(catalogue.get("torch-bf16"), depth=3)
        assert (short.folder, short.file, short.depth) == (made.model, None, 3)
    assert made.calls() == []


@pytest.mark.slow
def test_real_cut_files_answer_as_the_cut_model_does(tmp_path):
    folder = tiny_models.shared(num_layers=NUM_LAYERS)
    model = profile(folder, content_sha256="5" * 64)
    expected = opened(folder, depth=2).encode(TEXTS)
    with exporter(
        model, hardware=AVX512, packages=PACKAGES, texts=tuple(TEXTS), cache_dir=tmp_path, log_dir=tmp_path / "logs"
    ) as real:
        for name in ("onnx", "openvino"):
            short = real.export(catalogue.get(name), depth=2)
            settings = replace(short.settings, threads=1)
            answered = open_measured(
                folder, runtime=name, file=short.folder / short.file, settings=settings, depth=short.depth
            )
            np.testing.assert_allclose(answered.encode(TEXTS), expected, atol=1e-4)
            assert not real.is_ready(catalogue.get(name))
