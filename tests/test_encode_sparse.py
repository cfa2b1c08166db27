"""The encoder gives Sentence Transformers' own float32 sparse embeddings, without torch and without SciPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_kinds
import tiny_models
from tiny_models import TEXTS

from advisor.encode import SparseEmbeddings, SparseEncoder, open_model
from advisor.encode.modules import read_pipeline
from advisor.errors import InputError, ModelError
from advisor.types import Runtime, RuntimeSettings

pytest.importorskip("sentence_transformers", reason="Sentence Transformers is the reference")
pytest.importorskip("onnxruntime", reason="runs ONNX graphs")
pytest.importorskip("openvino", reason="runs OpenVINO graphs")


def open_tiny(folder: Path, runtime: Runtime = "onnx", *, graph_of: Path | None = None) -> SparseEncoder:
    file = None if runtime == "torch" else tiny_kinds.shared_graph(graph_of or folder, runtime)
    settings = RuntimeSettings(threads=1, tokens_per_batch=None if runtime == "torch" else 150)
    opened = open_model(folder, runtime=runtime, file=file, settings=settings)
    assert isinstance(opened, SparseEncoder)
    return opened


def assert_same(embeddings: SparseEmbeddings, reference: Any) -> None:
    assert embeddings.shape == reference.shape
    assert 0.01 < np.count_nonzero(reference) / reference.size < 0.99  # or nothing is compared
    np.testing.assert_allclose(embeddings.to_dense(), reference, rtol=0, atol=1e-3)


@pytest.mark.covers("onnx", "openvino", "torch-fp32", model="sparse", how="run")
@pytest.mark.parametrize(
    ("architecture", "runtime"),
    [("bert", "onnx"), ("bert", "openvino"), ("bert", "torch"), ("distilbert", "onnx"), ("xlm-roberta", "onnx")],
)
def test_every_architecture_and_runtime(architecture: str, runtime: Runtime) -> None:
    folder = tiny_kinds.shared_sparse(architecture=architecture)
    with open_tiny(folder, runtime) as encoder:
        assert_same(encoder.encode(TEXTS), tiny_kinds.reference_sparse(folder))


@pytest.mark.parametrize("options", [{"strategy": "sum"}, {"activation": "log1p_relu"}, {"max_active_dims": 5}])
def test_every_pooling(options: dict[str, Any]) -> None:
    folder = tiny_kinds.shared_sparse(**options)
    with open_tiny(folder, graph_of=tiny_kinds.shared_sparse()) as encoder:
        embeddings = encoder.encode(TEXTS)
    assert_same(embeddings, tiny_kinds.reference_sparse(folder))
    assert np.diff(embeddings.starts).max() <= options.get("max_active_dims", 1000)


def test_modules_as_version_5_named_them() -> None:
    folder = tiny_kinds.shared_sparse(layout="st5")
    assert read_pipeline(folder).kind == "sparse-encoder"
    with open_tiny(folder, graph_of=tiny_kinds.shared_sparse()) as encoder:
        assert_same(encoder.encode(TEXTS), tiny_kinds.reference_sparse(folder))


def test_prompts_for_queries_and_documents() -> None:
    folder = tiny_kinds.shared_sparse(prompts=(("query", "in computing, "), ("document", "")))
    with open_tiny(folder, graph_of=tiny_kinds.shared_sparse()) as encoder:
        query = encoder.encode_query(TEXTS).to_dense()
        assert_same(encoder.encode(TEXTS, prompt_name="query"), query)
        np.testing.assert_allclose(query, tiny_kinds.reference_sparse(folder, prompt_name="query"), atol=1e-3)
        assert np.abs(query - encoder.encode_document(TEXTS).to_dense()).max() > 1e-3


def test_similarity_and_decoding_are_sentence_transformers_own() -> None:
    from sentence_transformers import SparseEncoder as Reference

    folder = tiny_kinds.shared_sparse()
    model = Reference(str(folder), device="cpu")
    theirs = model.encode(list(TEXTS))
    with open_tiny(folder) as encoder:
        ours = encoder.encode(TEXTS)
        np.testing.assert_allclose(encoder.similarity(ours, ours), model.similarity(theirs, theirs), rtol=1e-3)
        decoded, reference = encoder.decode(ours, top_k=3), model.decode(theirs, top_k=3)
        ours_said, theirs_said = ([[token for token, _ in each] for each in said] for said in (decoded, reference))
        assert ours_said == theirs_said


def test_one_text_no_texts_and_more_than_are_held_at_once() -> None:
    with open_tiny(tiny_kinds.shared_sparse()) as encoder:
        dense = encoder.encode(TEXTS).to_dense()
        assert encoder.encode(TEXTS[0]).shape == (1, dense.shape[1])
        assert encoder.encode([]).shape == (0, dense.shape[1])
        many = encoder.encode(TEXTS * 40)
        np.testing.assert_allclose(many.to_dense(), np.tile(dense, (40, 1)), atol=1e-5)
        with pytest.raises(InputError, match="Text 1 is a NoneType"):
            encoder.encode(["a", None])  # type: ignore[list-item]  # what is tested
        np.testing.assert_array_equal(encoder.encode(sentences=TEXTS).to_dense(), dense)
        np.testing.assert_array_equal(encoder.encode_query(inputs=TEXTS).to_dense(), dense)
        assert len(encoder.encode(TEXTS[0], max_active_dims=np.int64(3)).indices) == 3
        with pytest.raises(InputError, match="similarity takes SparseEmbeddings, as encode gives them, not a ndarray"):
            encoder.similarity(encoder.encode(TEXTS), dense)
        with pytest.raises(InputError, match=r"Embeddings of \d+ dimensions cannot be compared with embeddings of 4"):
            encoder.similarity(encoder.encode(TEXTS), SparseEmbeddings.from_dense(np.eye(4, dtype=np.float32)))
        with pytest.raises(InputError, match="a dict gives its keys"):
            encoder.encode({"a": "one"})


def test_the_rows_of_a_sparse_array() -> None:
    dense = np.array([[0, 2, 0, 1], [0, 0, 0, 0], [3, 0, 0, 4]], np.float32)
    sparse = SparseEmbeddings.from_dense(dense)
    assert [row.tolist() for row in sparse[-1]] == [[0, 3], [3, 4]]
    assert [len(sparse[row][0]) for row in range(3)] == [2, 0, 2]
    np.testing.assert_array_equal(sparse.to_dense(), dense)
    np.testing.assert_array_equal(sparse.dot(sparse), dense @ dense.T)
    np.testing.assert_array_equal(SparseEmbeddings.from_dense(dense, max_active_dims=1).to_dense().max(1), [2, 0, 4])
    both = SparseEmbeddings.concatenate([sparse, sparse], dimension=4)
    np.testing.assert_array_equal(both.to_dense(), np.vstack([dense, dense]))
    with pytest.raises(IndexError):
        sparse[3]
    pytest.importorskip("scipy")
    np.testing.assert_array_equal(sparse.to_scipy().toarray(), dense)


ROUTER = "sentence_transformers.base.modules.router.Router"
AUTO = "sentence_transformers.sparse_encoder.modules.sparse_auto_encoder.SparseAutoEncoder"
STATIC = "sentence_transformers.sparse_encoder.modules.sparse_static_embedding.SparseStaticEmbedding"


@pytest.mark.parametrize(
    ("modules", "says"),
    [
        ([ROUTER], "treats queries and documents differently"),
        (["sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling", AUTO], "module Pooling"),
        ([STATIC], "it needs no backend"),
    ],
)
def test_other_sparse_encoders_are_refused_by_name(tmp_path: Path, modules: list[str], says: str) -> None:
    folder = tiny_models.copy(tiny_kinds.shared_sparse(), tmp_path / "model")
    listed = [{"path": "" if index == 0 else f"{index}_x", "type": name} for index, name in enumerate(modules)]
    (folder / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(ModelError) as error:
        read_pipeline(folder)
    assert says in str(error.value)
