"""A model's weight files, known by their headers alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from advisor.encode.files import read_object
from advisor.encode.safetensors import read_header
from advisor.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What the transformer's weights are. `num_parameters` is None where they are pickled."""

    files: tuple[Path, ...]
    num_parameters: int | None
    size_bytes: int


def read_weights(folder: Path, *, pickled: bool = False) -> Weights:
    """The weights in a transformer's folder; `pickled` allows .bin files where there are no others.

    Raises ModelError where there are none, one is missing or damaged, or they are pickled and that is not allowed.
    """
    files = _safetensors(folder)
    if files:
        tensors = [tensor for file in files for tensor in read_header(file)]
        return Weights(
            files=files,
            # Integer tensors are buffers such as position_ids.
            num_parameters=sum(tensor.num_elements for tensor in tensors if "F" in tensor.dtype),
            size_bytes=sum(file.stat().st_size for file in files),
        )
    bins = tuple(sorted(folder.glob("pytorch_model*.bin")))
    if not bins:
        but = "" if pickled else " Pickled weights in pytorch_model.bin are only downloaded with --trust-remote-code."
        raise ModelError(
            f"The model in {folder} has no weights: there is no model.safetensors.",
            hint=f"Download it again, with all of its files.{but}",
        )
    if not pickled:
        raise ModelError(
            f"The model in {folder} has only pickled weights ({bins[0].name}), which can hold code.",
            hint="Convert it: load it with Sentence Transformers and save it again, "
            "or pass --trust-remote-code if you trust its author.",
        )
    return Weights(files=bins, num_parameters=None, size_bytes=sum(file.stat().st_size for file in bins))


def _safetensors(folder: Path) -> tuple[Path, ...]:
    single = folder / "model.safetensors"
    if single.is_file():
        return (single,)
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return ()
    return tuple(folder / name for name in shard_names(index))


def shard_names(index: Path) -> tuple[str, ...]:
    """The files that an index of weights lists, which lie beside it. Raises ModelError where it is damaged."""
    weight_map = read_object(index).get("weight_map")
    names = set(weight_map.values()) if isinstance(weight_map, dict) else set()
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise ModelError(f"{index.name} of the model in {index.parent} is damaged.", hint="Download the model again.")
    return tuple(sorted(names))
