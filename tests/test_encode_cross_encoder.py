"""The encoder gives Sentence Transformers' own float32 scores of pairs, and ranks as it does."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_kinds
from tiny_kinds import PAIRS

from advisor.encode import CrossEncoder, open_encoder, open_model
from advisor.encode.modules import read_pipeline
from advisor.errors import InputError, ModelError
from advisor.pairs import join
from advisor.types import Runtime, RuntimeSettings

pytest.importorskip("sentence_transformers", reason="Sentence Transformers is the reference")
pytest.importorskip("onnxruntime", reason="runs ONNX graphs")
pytest.importorskip("openvino", reason="runs OpenVINO graphs")

ARCHITECTURES = ("bert", "distilbert", "roberta", "xlm-roberta", "deberta-v2", "modernbert")
TOLERANCE = 1e-3
"""In the scores' own unit; what is found is below 1e-5."""


def open_tiny(
    folder: Path, runtime: Runtime = "onnx", *, graph_of: Path | None = None, **settings: Any
) -> CrossEncoder:
    """`graph_of` is a model with the same weights, whose graph serves."""
    file = None if runtime == "torch" else tiny_kinds.shared_graph(graph_of or folder, runtime)
    settings = {"threads": 1, "tokens_per_batch": 150} | ({} if runtime == "torch" else settings)
    opened = open_model(folder, runtime=runtime, file=file, settings=RuntimeSettings(**settings))
    assert isinstance(opened, CrossEncoder)
    return opened


def assert_same(scores: Any, reference: Any) -> None:
    assert scores.dtype == np.float32
    assert scores.shape == reference.shape
    np.testing.assert_allclose(scores, reference, rtol=0, atol=TOLERANCE)


@pytest.mark.covers("onnx", "openvino", model="cross-encoder", how="run")
@pytest.mark.parametrize(
    ("architecture", "runtime"), [(name, "onnx") for name in ARCHITECTURES] + [("bert", "openvino")]
)
def test_every_architecture_and_runtime(architecture: str, runtime: Runtime) -> None:
    folder = tiny_kinds.shared(architecture=architecture, activation="Identity")
    reference = tiny_kinds.reference_scores(folder)
    assert np.ptp(reference) > 0.1  # or nothing is compared
    with open_tiny(folder, runtime) as encoder:
        assert_same(encoder.predict(PAIRS), reference)


@pytest.mark.covers("openvino-qint8", model="cross-encoder", how="run")
def test_static_int8_is_calibrated_on_pairs(tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    from advisor.export.openvino_quantize import quantize_openvino

    folder = tiny_kinds.shared(activation="Identity")
    file = tmp_path / "openvino" / "openvino_model_qint8_quantized.xml"
    source = tiny_kinds.shared_graph(folder, "openvino")
    calibration = [join(first or "a", second or "b") for first, second in PAIRS]
    quantize_openvino(tiny_kinds.loaded(folder), source, file, texts=calibration, threads=1)
    settings = RuntimeSettings(threads=1)
    with open_model(folder, runtime="openvino", file=file, settings=settings) as encoder:
        scores = encoder.predict(PAIRS)
    reference = tiny_kinds.reference_scores(folder)
    assert 1e-5 < np.abs(scores - reference).max() < np.ptp(reference)
    assert np.corrcoef(scores, reference)[0, 1] > 0.9


def test_two_threads_and_streams_give_the_same_scores_in_the_same_order() -> None:
    folder = tiny_kinds.shared(activation="Identity")
    with open_tiny(folder, threads=2, num_streams=2) as encoder:
        assert_same(encoder.predict(PAIRS * 9), tiny_kinds.reference_scores(folder, PAIRS * 9))


@pytest.mark.covers("torch-fp32", model="cross-encoder", how="run")
def test_in_torch_it_is_sentence_transformers_own() -> None:
    folder = tiny_kinds.shared(num_labels=3)
    with open_tiny(folder, "torch") as encoder:
        assert_same(encoder.predict(PAIRS), tiny_kinds.reference_scores(folder))


@pytest.mark.parametrize(
    ("num_labels", "activation"), [(1, None), (1, "Identity"), (3, None), (3, "Sigmoid"), (2, "Tanh")]
)
def test_the_models_own_activation_is_applied(num_labels: int, activation: str | None) -> None:
    folder = tiny_kinds.shared(num_labels=num_labels, activation=activation)
    with open_tiny(folder, graph_of=tiny_kinds.shared(num_labels=num_labels)) as encoder:
        assert encoder.num_labels == num_labels
        assert_same(encoder.predict(PAIRS), tiny_kinds.reference_scores(folder))
        if num_labels > 1:
            wanted = tiny_kinds.reference_scores(folder, apply_softmax=True)
            assert_same(encoder.predict(PAIRS, apply_softmax=True), wanted)


def test_a_callers_activation_stands_in_for_it() -> None:
    import torch

    folder = tiny_kinds.shared()
    with open_tiny(folder) as encoder:
        ours = encoder.predict(PAIRS, activation_fn=np.tanh)
    assert_same(ours, tiny_kinds.reference_scores(folder, activation_fn=torch.nn.Tanh()))


def test_a_plain_transformers_model_is_loaded_as_sentence_transformers_does(tmp_path: Path) -> None:
    folder = tiny_kinds.build_cross_encoder(tmp_path / "plain", plain=True)
    config = json.loads((folder / "config.json").read_text())
    config["sbert_ce_default_activation_function"] = "torch.nn.modules.linear.Identity"
    (folder / "config.json").write_text(json.dumps(config))
    with open_tiny(folder, graph_of=tiny_kinds.shared()) as encoder:
        assert_same(encoder.predict(PAIRS), tiny_kinds.reference_scores(folder))
        assert np.abs(encoder.predict(PAIRS)).max() > 1  # no sigmoid


def test_a_prompt_stands_before_the_first_text() -> None:
    folder = tiny_kinds.shared(prompts=(("ask", "in computing, "),))
    with open_tiny(folder, graph_of=tiny_kinds.shared()) as encoder:
        prompted = encoder.predict(PAIRS, prompt_name="ask")
        assert_same(prompted, tiny_kinds.reference_scores(folder, prompt_name="ask"))
        assert np.abs(prompted - encoder.predict(PAIRS)).max() > 1e-3
        with pytest.raises(InputError, match="no prompt named 'query2'"):
            encoder.predict(PAIRS, prompt_name="query2")


def test_ranking_is_sentence_transformers_own() -> None:
    from sentence_transformers import CrossEncoder as Reference

    folder = tiny_kinds.shared()
    query, documents = PAIRS[0][0], [document for _, document in PAIRS]
    model = Reference(str(folder), device="cpu")
    with open_tiny(folder) as encoder:
        for options in ({}, {"top_k": 3}, {"return_documents": True}):
            ours, theirs = encoder.rank(query, documents, **options), model.rank(query, documents, **options)
            assert [found["corpus_id"] for found in ours] == [found["corpus_id"] for found in theirs]
            assert [found.get("text") for found in ours] == [found.get("text") for found in theirs]
            np.testing.assert_allclose(
                [found["score"] for found in ours], [found["score"] for found in theirs], atol=1e-3
            )
        assert encoder.rank(query, []) == []
    with open_tiny(tiny_kinds.shared(num_labels=3)) as encoder, pytest.raises(InputError, match="has 3 labels"):
        encoder.rank(query, documents)


def test_a_single_pair_gives_a_single_score_and_no_pairs_none() -> None:
    folder = tiny_kinds.shared()
    with open_tiny(folder) as encoder:
        all_scores = encoder.predict(PAIRS)
        assert encoder.predict(PAIRS[0]) == pytest.approx(all_scores[0], abs=1e-5)
        assert encoder.predict(np.array(PAIRS[:2])).shape == (2,)
        assert encoder.predict([]).shape == (0,)
    with open_tiny(tiny_kinds.shared(num_labels=3)) as encoder:
        assert encoder.predict(list(PAIRS[0])).shape == (3,)
        assert encoder.predict([]).shape == (0, 3)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ("one text", "predict takes pairs of texts, not a single text"),
        ([("a", "b"), ("a",)], "Pair 1 is ('a',), not two texts"),
        ([("a", "b"), "ab"], "Pair 1 is 'ab', not two texts"),
        ([("a", None)], "Pair 0 holds a NoneType"),
        ([("a", "\ud800")], "surrogate"),
        (None, "predict takes pairs of texts, not a NoneType (None). Write predict([("),
        (5, "predict takes pairs of texts, not a int (5)"),
        ({"a": "b", "c": "d"}, "predict takes pairs of texts, and a dict gives its keys"),
    ],
)
def test_what_is_no_pair_is_named(inputs: Any, says: str) -> None:
    with open_tiny(tiny_kinds.shared()) as encoder, pytest.raises(InputError) as error:
        encoder.predict(inputs)
    assert says in str(error.value)


def test_documents_by_name_are_not_ranked_by_their_names() -> None:
    frame = pytest.importorskip("pandas").DataFrame({"query": ["one"], "document": ["two"]})
    with open_tiny(tiny_kinds.shared()) as encoder:
        with pytest.raises(InputError, match="rank takes a query and a list of documents, and a dict gives its keys"):
            encoder.rank("query", {"first": "one"})
        with pytest.raises(InputError, match="predict takes pairs of texts, and a DataFrame gives its columns"):
            encoder.predict(frame)
        assert encoder.predict(frame.values.tolist()).shape == (1,)
        with pytest.raises(InputError, match="rank takes a query and a list of documents, not a single text"):
            encoder.rank("query", "document")
        with pytest.raises(InputError, match="not a NoneType"):
            encoder.rank("query", None)
        documents = ["one", "two"]
        assert encoder.rank("query", iter(documents), top_k=np.int64(1)) == encoder.rank("query", documents, top_k=1)


def test_it_is_no_encoder_and_says_so() -> None:
    folder = tiny_kinds.shared()
    file = tiny_kinds.shared_graph(folder, "onnx")
    with pytest.raises(InputError, match="opens as a CrossEncoder, not as a Encoder"):
        open_encoder(folder, runtime="onnx", file=file, settings=RuntimeSettings(threads=1))
    with open_tiny(folder) as encoder, pytest.raises(InputError, match="cannot be pickled"):
        pickle.dumps(encoder)


def change(folder: Path, file: str, **values: Any) -> Path:
    document = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(document | values))
    return folder


LOGIT_SCORE = "sentence_transformers.cross_encoder.modules.logit_score.LogitScore"


def test_other_cross_encoders_are_refused_by_name(tmp_path: Path) -> None:
    import tiny_models

    def refused(name: str, file: str, **values: Any) -> str:
        folder = tiny_models.copy(tiny_kinds.shared(), tmp_path / name)
        change(folder, file, **values)
        with pytest.raises(ModelError) as error:
            read_pipeline(folder)
        return str(error.value)

    assert "activation function 'torch.nn.Softplus'" in refused(
        "activation", "config_sentence_transformers.json", activation_fn="torch.nn.Softplus"
    )
    assert "is a BertModel" in refused("headless", "config.json", architectures=["BertModel"])
    assert "is a MultiVectorEncoder, which advisor does not support" in refused(
        "colbert", "config_sentence_transformers.json", model_type="MultiVectorEncoder"
    )
    folder = tiny_models.copy(tiny_kinds.shared(), tmp_path / "causal")
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*modules, {"path": "1_LogitScore", "type": LOGIT_SCORE}]))
    with pytest.raises(ModelError, match="has the module LogitScore"):
        read_pipeline(folder)


def test_an_activation_that_is_not_pytorchs_is_passed_over_as_sentence_transformers_does(tmp_path: Path) -> None:
    import tiny_models

    folder = tiny_models.copy(tiny_kinds.shared(activation="Identity"), tmp_path / "model")
    change(folder, "config_sentence_transformers.json", activation_fn="custom.Scale")
    with open_tiny(folder, graph_of=tiny_kinds.shared()) as encoder:
        assert_same(encoder.predict(PAIRS), tiny_kinds.reference_scores(folder))
