"""Safetensors files without torch: the header, and tensors as float32 arrays.

The format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from advisor.errors import ModelError

_HEADER_LIMIT_BYTES = 100_000_000
"""The limit of the reference implementation (MAX_HEADER_SIZE in its tensor.rs)."""

_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """Where one tensor lies. `start` and `end` are byte offsets in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def num_elements(self) -> int:
        """How many numbers the tensor holds."""
        return prod(self.shape)


def read_header(path: Path) -> tuple[TensorInfo, ...]:
    """The tensors that the file's header lists.

    Raises ModelError where the file is missing, cut off or not a safetensors file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            if not 2 <= length <= min(_HEADER_LIMIT_BYTES, size - 8):
                raise ValueError("its header is cut off")
            header = json.loads(file.read(length))
        tensors = []
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            tensor = TensorInfo(
                name=name,
                dtype=entry["dtype"],
                shape=tuple(entry["shape"]),
                start=8 + length + begin,
                end=8 + length + end,
            )
            item_bytes = _ITEM_BYTES.get(tensor.dtype)
            if item_bytes is not None and tensor.end - tensor.start != tensor.num_elements * item_bytes:
                raise ValueError(f"the size of {name} does not fit its shape")
            tensors.append(tensor)
        expected = max((tensor.end for tensor in tensors), default=8 + length)
        if size < expected:
            raise ValueError(f"it has {size} bytes instead of {expected}")
    except OSError as error:
        raise ModelError(f"The weights {path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The weights {path} are damaged: {error}.", hint="Download or save the model again."
        ) from None
    return tuple(tensors)


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every tensor of the file as float32, by name. For small files such as those of Dense modules.

    Raises ModelError where the file is damaged or holds a tensor that is not floating point.
    """
    header = read_header(path)
    data = path.read_bytes()
    return {tensor.name: _to_float32(tensor, memoryview(data)[tensor.start : tensor.end], path) for tensor in header}


def _to_float32(tensor: TensorInfo, data: memoryview, path: Path) -> NDArray[np.float32]:
    if tensor.dtype == "BF16":  # the upper half of a float32
        values = (np.frombuffer(data, dtype="<u2").astype(np.uint32) << 16).view(np.float32)
    elif tensor.dtype in ("F16", "F32", "F64"):
        values = np.frombuffer(data, dtype=f"<f{_ITEM_BYTES[tensor.dtype]}").astype(np.float32)
    else:
        raise ModelError(
            f"The tensor {tensor.name} in {path} has the data type {tensor.dtype}, which is not supported."
        )
    return values.reshape(tensor.shape)
