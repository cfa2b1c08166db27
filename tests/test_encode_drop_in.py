"""An artifact as a SentenceTransformer: what its users do with one works, and runs on the artifact."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from test_encode_load import write

import advisor
from advisor.encode import Encoder
from advisor.errors import AdvisorError, ArtifactError

pytest.importorskip("sentence_transformers", reason="builds the models")
pytest.importorskip("onnxruntime", reason="runs ONNX graphs")
pytest.importorskip("openvino", reason="runs OpenVINO graphs")

TEXTS = list(tiny_models.TEXTS)


@pytest.fixture(scope="module", params=["onnx", "openvino", "torch"])
def artifact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("drop-in") / "artifact", request.param)


@pytest.fixture(scope="module")
def model(artifact: Path) -> Any:
    return advisor.sentence_transformer(artifact)


@pytest.fixture(scope="module")
def reference() -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(tiny_models.shared()), device="cpu")


def test_it_is_a_sentence_transformer_with_the_model_s_own_properties(model: Any, reference: Any) -> None:
    from sentence_transformers import SentenceTransformer

    assert isinstance(model, SentenceTransformer)
    assert model.get_embedding_dimension() == reference.get_embedding_dimension() == 32
    assert model.max_seq_length == reference.max_seq_length
    assert model.similarity_fn_name == reference.similarity_fn_name
    assert model.prompts == reference.prompts
    assert model.device.type == "cpu"
    assert model.tokenizer is not None


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"normalize_embeddings": True},
        {"truncate_dim": 5},
        {"batch_size": 2},
        {"prompt": "query: "},
        {"convert_to_tensor": True},
        {"convert_to_numpy": False},
        {"precision": "binary"},
        {"show_progress_bar": False, "device": "cpu"},
    ],
    ids=str,
)
def test_encode_gives_what_the_model_gives(model: Any, reference: Any, options: dict[str, Any]) -> None:
    made, wanted = model.encode(TEXTS, **options), reference.encode(TEXTS, **options)
    assert type(made) is type(wanted)
    for one, other in zip(made, wanted, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=1e-4)


def test_a_single_text_and_no_texts(model: Any, reference: Any) -> None:
    np.testing.assert_allclose(model.encode("one text"), reference.encode("one text"), atol=1e-4)
    assert len(model.encode([])) == 0


def test_queries_documents_and_similarities(model: Any, reference: Any) -> None:
    queries, documents = model.encode_query(TEXTS[:2]), model.encode_document(TEXTS)
    np.testing.assert_allclose(queries, reference.encode_query(TEXTS[:2]), atol=1e-4)
    wanted = reference.similarity(queries, documents)
    np.testing.assert_allclose(model.similarity(queries, documents), wanted, atol=1e-4)


def test_token_embeddings_and_forward_go_through_the_modules(model: Any, reference: Any) -> None:
    for made, wanted in zip(
        model.encode(TEXTS, output_value="token_embeddings"),
        reference.encode(TEXTS, output_value="token_embeddings"),
        strict=True,
    ):
        np.testing.assert_allclose(made, wanted, atol=1e-4)
    features = model(model.preprocess(TEXTS[:3]))
    np.testing.assert_allclose(features["sentence_embedding"].detach(), reference.encode(TEXTS[:3]), atol=1e-4)


def test_sentence_transformers_evaluators_take_it(model: Any, reference: Any) -> None:
    from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

    scores = [index / len(TEXTS) for index in range(len(TEXTS))]
    evaluator = EmbeddingSimilarityEvaluator(TEXTS, TEXTS[::-1], scores, show_progress_bar=False)
    made, wanted = evaluator(model), evaluator(reference)
    assert made == pytest.approx(wanted, abs=1e-4)


def test_encode_runs_on_the_artifact_s_encoder(model: Any, artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = Encoder.encode

    def record(self: Encoder, sentences: Any, **options: Any) -> Any:
        seen.append(len(sentences))
        return original(self, sentences, **options)

    monkeypatch.setattr(Encoder, "encode", record)
    model.encode(TEXTS)
    assert seen == (
        []
        if artifact.is_dir() and not (artifact / "onnx").exists() and not (artifact / "openvino").exists()
        else [len(TEXTS)]
    )


def test_it_can_be_pickled_as_pools_of_processes_do(model: Any) -> None:
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-5)


def test_a_lower_max_seq_length_cuts_texts_there_and_survives_pickling(artifact: Path, reference: Any) -> None:
    model, usual = advisor.sentence_transformer(artifact), reference.max_seq_length
    try:
        model.max_seq_length = reference.max_seq_length = 8
        wanted = reference.encode(TEXTS)
    finally:
        reference.max_seq_length = usual
    np.testing.assert_allclose(model.encode(TEXTS), wanted, atol=1e-4)
    np.testing.assert_allclose(model(model.preprocess(TEXTS))["sentence_embedding"].detach(), wanted, atol=1e-4)
    again = pickle.loads(pickle.dumps(model))
    assert again.max_seq_length == model.max_seq_length == 8
    np.testing.assert_allclose(again.encode(TEXTS), wanted, atol=1e-4)
    model.max_seq_length = usual
    np.testing.assert_allclose(model.encode(TEXTS), reference.encode(TEXTS), atol=1e-4)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (65, "The artifact's texts have at most 64 tokens, and max_seq_length cannot be 65"),
        (None, "and max_seq_length cannot be None"),
        (0, "max_seq_length must be a positive whole number, not 0"),
    ],
)
def test_a_max_seq_length_that_cannot_be_is_one_sentence(tmp_path: Path, value: int | None, says: str) -> None:
    model = advisor.sentence_transformer(write(tmp_path / "artifact"))
    with pytest.raises(AdvisorError, match=says):
        model.max_seq_length = value
    assert model.max_seq_length == 64
    np.testing.assert_allclose(model.encode(TEXTS), tiny_models.reference(tiny_models.shared(), TEXTS), atol=1e-4)


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_the_artifact_s_truncation_can_be_changed_and_taken_off(tmp_path: Path, runtime: str, reference: Any) -> None:
    folder = write(tmp_path / "artifact", runtime)
    card = folder / "config_sentence_transformers.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"truncate_dim": 8}))
    model = advisor.sentence_transformer(folder, check=False)
    whole = reference.encode(TEXTS)
    np.testing.assert_allclose(model.encode(TEXTS), whole[:, :8], atol=1e-4)
    for truncate_dim in (5, 20, None):
        with model.truncate_embeddings(truncate_dim):
            assert model.get_embedding_dimension() == (truncate_dim or 32)
            np.testing.assert_allclose(model.encode(TEXTS), whole[:, :truncate_dim], atol=1e-4)
    model.truncate_dim = None
    np.testing.assert_allclose(model.encode(TEXTS), whole, atol=1e-4)


def test_modules_that_are_added_are_run(tmp_path: Path, reference: Any) -> None:
    from sentence_transformers.sentence_transformer.modules import Normalize

    model = advisor.sentence_transformer(write(tmp_path / "artifact"))
    model.append(Normalize())
    wanted = reference.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(model.encode(TEXTS), wanted, atol=1e-4)


def test_hashes_are_checked_first(tmp_path: Path) -> None:
    folder = write(tmp_path / "artifact")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"tokenizer\.json"):
        advisor.sentence_transformer(folder)
