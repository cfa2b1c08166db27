"""What callers of an encoder may rely on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tiny_models

from advisor.encode import Encoder, open_encoder
from advisor.errors import InputError
from advisor.types import RuntimeSettings

pytest.importorskip("sentence_transformers", reason="builds the models")
pytest.importorskip("onnxruntime", reason="runs ONNX graphs")

PROMPTS = (("query", "query: "), ("passage", "passage: "))


def open_tiny(**options: Any) -> Encoder:
    folder = tiny_models.shared(**options)
    settings = RuntimeSettings(threads=1, tokens_per_batch=150)
    return open_encoder(folder, runtime="onnx", file=tiny_models.shared_onnx(folder), settings=settings)


@pytest.fixture(scope="module")
def encoder() -> Iterator[Encoder]:
    with open_tiny(prompts=PROMPTS) as encoder:
        yield encoder


def test_a_single_string_gives_one_embedding(encoder: Encoder) -> None:
    single = encoder.encode("A small dog")
    assert single.shape == (encoder.embedding_dimension,)
    np.testing.assert_allclose(single, encoder.encode(["A small dog"])[0], atol=1e-6)


@pytest.mark.parametrize(("options", "dimension"), [({}, 32), ({"truncate_dim": 5}, 5), ({"truncate_dim": 99}, 32)])
def test_no_texts_give_no_rows_of_the_right_length(encoder: Encoder, options: dict[str, int], dimension: int) -> None:
    embeddings = encoder.encode([], **options)
    assert (embeddings.shape, embeddings.dtype) == ((0, dimension), np.float32)


@pytest.mark.parametrize("known", [True, False])
def test_no_texts_are_as_wide_as_texts_are_whatever_the_model_cuts(known: bool) -> None:
    with open_tiny(truncate_dim=8) as encoder:
        if not known:  # where no configuration says how wide the graph's output is
            pipeline = replace(encoder.pipeline, output_dimension=None)
            encoder = Encoder(pipeline, encoder.backend, encoder.settings)
        for truncate_dim, width in ((None, 8), (5, 5), (20, 20), (99, 32)):
            for texts in ([], ["one", "two"]):
                assert encoder.encode(texts, truncate_dim=truncate_dim).shape == (len(texts), width)
        assert encoder.embedding_dimension == 8


def test_order_is_kept_whatever_the_lengths(encoder: Encoder) -> None:
    texts = [f"text {index} " * (1 + index * 7 % 11) for index in range(60)]
    together = encoder.encode(texts)
    alone = np.stack([encoder.encode(text) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_more_texts_than_are_tokenised_at_once_keep_their_order(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"text {index} " * (1 + index % 5) for index in range(50)]
    expected = encoder.encode(texts)
    monkeypatch.setattr("advisor.encode.windows.TEXTS_AT_ONCE", 7)
    np.testing.assert_allclose(encoder.encode(texts), expected, atol=1e-5)


@pytest.mark.parametrize("sequence", [list, tuple, np.array])
def test_any_sequence_of_strings_is_taken(encoder: Encoder, sequence: Any) -> None:
    np.testing.assert_allclose(encoder.encode(sequence(["one", "two"])), encoder.encode(["one", "two"]), atol=1e-6)


def test_arguments_of_sentence_transformers_are_accepted(encoder: Encoder) -> None:
    embeddings = encoder.encode(["one", "two", "three"], batch_size=1, show_progress_bar=True)
    np.testing.assert_allclose(embeddings, encoder.encode(["one", "two", "three"]), atol=1e-5)


@pytest.mark.parametrize("method", ["encode", "encode_query", "encode_document"])
def test_the_texts_go_by_the_name_of_sentence_transformers_6_and_by_the_older_one(
    encoder: Encoder, method: str
) -> None:
    encode = getattr(encoder, method)
    for given in ("one", ["one", "two"]):
        np.testing.assert_array_equal(encode(inputs=given), encode(given))
        np.testing.assert_array_equal(encode(sentences=given), encode(given))


def test_numbers_may_be_numpy_s(encoder: Encoder) -> None:
    embeddings = encoder.encode(["one", "two"], batch_size=np.int64(1), truncate_dim=np.int32(5))
    np.testing.assert_allclose(embeddings, encoder.encode(["one", "two"])[:, :5], atol=1e-6)


def test_several_threads_may_share_an_encoder(encoder: Encoder) -> None:
    texts = [[f"thread {thread} text {index}" for index in range(20)] for thread in range(4)]
    expected = [encoder.encode(own) for own in texts]
    with ThreadPoolExecutor(4) as pool:
        for got, want in zip(pool.map(encoder.encode, texts), expected, strict=True):
            np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda e: e.encode(["one", None]), "Text 1 is a NoneType"),
        (lambda e: e.encode(["one", 2.5]), "Text 1 is a float (2.5)"),
        (lambda e: e.encode([["one", "two"]]), "Text 0 is a list"),
        (
            lambda e: e.encode({"a": "one"}),
            "encode takes texts, and a dict gives its keys. Give it a list: of the values",
        ),
        (lambda e: e.encode_query({"a": "one"}), "a dict gives its keys"),
        (lambda e: e.encode(b"bytes"), "Text 0 is a int"),
        (lambda e: e.encode(5), "not a int (5)"),
        (lambda e: e.encode("one", prompt_name="nope"), "no prompt named 'nope'. It has: query, document, passage."),
        (lambda e: e.encode("one", batch_size=0), "batch_size must be a positive whole number, not 0"),
        (lambda e: e.encode("one", truncate_dim=-1), "truncate_dim must be a positive whole number, not -1"),
        (lambda e: e.encode("one", batch_size=True), "batch_size must be a positive whole number, not True"),
        (lambda e: e.encode("one", batch_size=2.0), "batch_size must be a positive whole number, not 2.0"),
        (lambda e: e.encode("one", batch_size=np.int64(0)), "batch_size must be a positive whole number, not"),
        (lambda e: e.encode("one", prompt=5), "prompt must be a string, not 5"),
        (lambda e: e.encode("one", prompt_name=["q"]), "prompt_name must be a string, not ['q']"),
        (lambda e: e.encode(None), "not a NoneType (None)"),
        (lambda e: e.encode(), "not a NoneType (None)"),
        (lambda e: e.encode("one", sentences="one"), "as inputs or as sentences, not as both"),
        (lambda e: e.encode("one", out=np.empty((1, 32))), "out is the path of a .npy file to write, not a ndarray"),
        (
            lambda e: e.similarity(np.ones((2, 32)), np.ones((3, 8))),
            "Embeddings of 32 dimensions cannot be compared with",
        ),
        (lambda e: e.similarity(np.ones((2, 2, 2)), np.ones(2)), "of shape (num_texts, dimension), not (2, 2, 2)"),
        (lambda e: e.similarity(["one"], ["two"]), "similarity takes embeddings, as encode gives them, not a list"),
        (lambda e: e.similarity([[1.0], [1.0, 2.0]], [1.0]), "other things than numbers in rows of one length"),
        (lambda e: e.encode(["fine", "bad \ud800"]), "Text 1 holds half of a surrogate pair at position 4"),
    ],
)
def test_wrong_input_is_one_clear_sentence(encoder: Encoder, call: Any, says: str) -> None:
    with pytest.raises(InputError) as error:
        call(encoder)
    assert says in str(error.value)


def test_a_data_frame_is_not_embedded_by_the_names_of_its_columns_and_a_column_is(encoder: Encoder) -> None:
    frame = pytest.importorskip("pandas").DataFrame({"text": ["one", "two"], "other": ["three", "four"]})
    with pytest.raises(
        InputError, match=r"a DataFrame gives its columns\. Give it what is in a column, given\['text'\]"
    ):
        encoder.encode(frame)
    np.testing.assert_allclose(encoder.encode(frame["text"]), encoder.encode(["one", "two"]), atol=1e-6)


def test_a_closed_encoder_says_so() -> None:
    with open_tiny() as encoder:
        pass
    encoder.close()
    with pytest.raises(InputError, match="closed"):
        encoder.encode("one")


@pytest.mark.parametrize("name", ["cosine", "dot", "euclidean", "manhattan"])
def test_similarity_is_the_model_s_own_function(name: str) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tiny_models.shared(similarity=name)
    reference = SentenceTransformer(str(folder), device="cpu")
    with open_tiny(similarity=name) as encoder:
        a = encoder.encode(tiny_models.TEXTS)
        b = encoder.encode(["one", "A small dog"])
        np.testing.assert_allclose(encoder.similarity(a, b), reference.similarity(a, b).numpy(), rtol=1e-4, atol=1e-4)
        assert encoder.similarity(a[0], b[0]).shape == (1, 1)


def test_settings_are_those_in_use() -> None:
    folder = tiny_models.shared()
    with open_encoder(
        folder, runtime="onnx", file=tiny_models.shared_onnx(folder), settings=RuntimeSettings(threads=1)
    ) as encoder:
        assert encoder.settings == RuntimeSettings(
            threads=1, tokens_per_batch=256, num_streams=1, spinning=False, provider="CPUExecutionProvider"
        )
    with open_encoder(
        folder, runtime="openvino", file=tiny_models.shared_openvino(folder), settings=RuntimeSettings(threads=1)
    ) as encoder:
        assert encoder.settings == RuntimeSettings(
            threads=1, tokens_per_batch=512, inference_precision="f32", num_streams=1
        )
