"""Safetensors are read without torch, and damaged ones refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from advisor.encode.safetensors import read_header, read_tensors
from advisor.errors import ModelError

torch = pytest.importorskip("torch", reason="writes the files")


def write(path: Path, dtype: str) -> dict[str, np.ndarray]:
    from safetensors.torch import save_file

    tensors = {"a": torch.linspace(-3, 3, 12).reshape(3, 4), "b": torch.tensor([0.5, -2.0])}
    stored = {name: tensor.to(getattr(torch, dtype)) for name, tensor in tensors.items()}
    save_file(stored, path, metadata={"format": "pt"})
    return {name: tensor.float().numpy() for name, tensor in stored.items()}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_every_floating_type_becomes_float32(tmp_path: Path, dtype: str) -> None:
    expected = write(tmp_path / "w.safetensors", dtype)
    read = read_tensors(tmp_path / "w.safetensors")
    assert read.keys() == expected.keys()
    for name, tensor in read.items():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, expected[name])


def test_integers_are_refused_as_weights(tmp_path: Path) -> None:
    write(tmp_path / "w.safetensors", "int64")
    with pytest.raises(ModelError, match="data type I64"):
        read_tensors(tmp_path / "w.safetensors")


def framed(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


TENSOR = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x05",
        struct.pack("<Q", 10**12) + b"{}",
        framed(b"not json"),
        framed(b"[]"),
        framed(b'{"a": {"dtype": "F32"}}'),
        framed(json.dumps(TENSOR).encode(), b"1234"),
        framed(json.dumps({"a": {**TENSOR["a"], "shape": [3]}}).encode(), b"12345678"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"w\.safetensors are damaged"):
        read_header(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_header(tmp_path / "w.safetensors")
