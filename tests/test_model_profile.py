"""A profile is read from files alone, and its hash stands for what decides the embeddings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from tiny_models import DenseSpec

from advisor.errors import ModelError
from advisor.model import resolve_model, token_counter

pytest.importorskip("sentence_transformers", reason="builds the models")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shared = tiny_models.shared(dense=DenseSpec(), normalize=True, pooling=("cls", "mean"))
    return tiny_models.copy(shared, tmp_path / "model")


@pytest.mark.parametrize("architecture", tiny_models.ARCHITECTURES)
def test_the_profile_agrees_with_sentence_transformers(architecture: str) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tiny_models.shared(architecture=architecture)
    model = SentenceTransformer(str(folder), device="cpu")
    profile = resolve_model(str(folder))
    assert profile.architecture == architecture
    assert profile.num_parameters == sum(parameter.numel() for parameter in model[0].parameters())
    assert profile.weights_bytes == (folder / "model.safetensors").stat().st_size
    assert profile.embedding_dimension == model.get_embedding_dimension()
    assert profile.max_seq_length == model.max_seq_length
    assert profile.revision is None


@pytest.mark.parametrize(
    ("similarity", "normalize", "truncate_dim", "compared_by"),
    [
        (None, False, None, "cosine"),
        ("dot", False, None, "dot"),
        ("euclidean", False, None, "euclidean"),
        ("dot", True, None, "cosine"),
        ("euclidean", True, None, "cosine"),
        ("manhattan", True, None, "manhattan"),
        ("dot", True, 8, "dot"),
    ],
)
def test_losses_go_by_the_models_similarity_unless_cosines_say_the_same(
    similarity: str | None, normalize: bool, truncate_dim: int | None, compared_by: str
) -> None:
    folder = tiny_models.shared(normalize=normalize, similarity=similarity, truncate_dim=truncate_dim)
    assert resolve_model(str(folder)).similarity == compared_by


def test_several_pooling_modes_are_joined(folder: Path) -> None:
    profile = resolve_model(str(folder))
    assert (profile.pooling, profile.embedding_dimension) == ("cls+mean", 16)


def test_sharded_weights_are_counted_together(tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = tiny_models.copy(tiny_models.shared(), tmp_path / "model")
    whole = resolve_model(str(folder))
    (folder / "model.safetensors").unlink()
    AutoModel.from_pretrained(tiny_models.shared()).save_pretrained(folder, max_shard_size="40KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    assert resolve_model(str(folder)).num_parameters == whole.num_parameters
    next(folder.glob("model-*.safetensors")).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        resolve_model(str(folder))


def replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_text((folder / file).read_text().replace(old, new, 1))


def flip_last_byte(file: str) -> Callable[[Path], None]:
    def flip(folder: Path) -> None:
        data = bytearray((folder / file).read_bytes())
        data[-1] ^= 1
        (folder / file).write_bytes(data)

    return flip


@pytest.mark.parametrize(
    "change",
    [
        flip_last_byte("model.safetensors"),
        flip_last_byte("2_Dense/model.safetensors"),
        replace("tokenizer.json", '"##b"', '"##Q"'),
        replace("1_Pooling/config.json", "cls", "max"),
        replace("config_sentence_transformers.json", "cosine", "dot"),
        lambda folder: (folder / "modeling.py").write_text("x = 1"),
    ],
)
def test_the_hash_changes_with_what_decides_the_embeddings(folder: Path, change: Callable[[Path], None]) -> None:
    before = resolve_model(str(folder)).content_sha256
    change(folder)
    assert resolve_model(str(folder)).content_sha256 != before


@pytest.mark.parametrize("file", ["README.md", "onnx/model.onnx", "advisor.json", ".gitattributes", "report.html"])
def test_the_hash_stays_with_what_does_not(folder: Path, file: str) -> None:
    before = resolve_model(str(folder)).content_sha256
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("{}")
    assert resolve_model(str(folder)).content_sha256 == before


def test_the_hash_does_not_know_the_place(folder: Path, tmp_path: Path) -> None:
    moved = tiny_models.copy(folder, tmp_path / "elsewhere" / "renamed")
    assert resolve_model(str(moved)).content_sha256 == resolve_model(str(folder)).content_sha256


def cut(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes((folder / file).read_bytes()[:-4])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut("config.json"), "config.json of the model"),
        (cut("model.safetensors"), "model.safetensors are damaged"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "model.safetensors are damaged"),
        (lambda f: (f / "model.safetensors").unlink(), "has no weights"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "has only pickled weights"),
        (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer.json"),
    ],
)
def test_a_damaged_model_is_one_sentence(folder: Path, damage: Callable[[Path], Any], says: str) -> None:
    damage(folder)
    with pytest.raises(ModelError) as error:
        resolve_model(str(folder))
    assert says in str(error.value)


def test_pickled_weights_are_taken_from_those_who_are_trusted(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    profile = resolve_model(str(folder), trust_remote_code=True)
    assert profile.num_parameters is None
    assert profile.weights_bytes == (folder / "pytorch_model.bin").stat().st_size


def test_tokens_are_counted_as_the_encoder_counts_them_without_truncation() -> None:
    from sentence_transformers import SentenceTransformer

    folder = tiny_models.shared(layout="st5", do_lower_case=True, architecture="roberta")
    tokenizer = SentenceTransformer(str(folder), device="cpu").tokenizer
    expected = [len(tokenizer(text, truncation=False)["input_ids"]) for text in tiny_models.TEXTS]
    counts = token_counter(resolve_model(str(folder))).count(tiny_models.TEXTS)
    np.testing.assert_array_equal(counts, expected)
    assert max(expected) > json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
