"""The seam between the encoder and a runtime that runs an exported graph."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.encode.tokenize import Inputs
from advisor.errors import ArtifactError, ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphOutput:
    """What is taken from a graph: the output of one of these names, or else its first one."""

    names: tuple[str, ...]
    axes: tuple[str, ...]
    hint: str
    """How to export a graph that gives it."""


TOKEN_EMBEDDINGS = GraphOutput(
    names=("last_hidden_state", "token_embeddings"),
    axes=("batch", "tokens", "hidden"),
    hint="Export the transformer alone, without its pooling.",
)
TOKEN_LOGITS = GraphOutput(
    names=("logits",),
    axes=("batch", "tokens", "vocabulary"),
    hint="Export the masked language model with its logits, without its pooling.",
)
SCORES = GraphOutput(
    names=("logits",), axes=("batch", "labels"), hint="Export the sequence classifier with its logits."
)

_KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""Each is a field of `Inputs` too."""


class Session(Protocol):
    """An exported transformer in a runtime. `run` may be called from `concurrency` threads at once."""

    concurrency: int

    def run(self, inputs: Inputs) -> NDArray[np.float32]:
        """The graph's output with the axes of its `GraphOutput`, float32.

        The array belongs to the session and is valid until the same thread calls `run` again.
        """

    def close(self) -> None:
        """Give the memory back."""


def check_inputs(names: Collection[str], file: Path) -> None:
    """Raise ModelError unless the graph takes input_ids, and nothing that advisor does not make."""
    unknown = [name for name in names if name not in _KNOWN_INPUTS]
    if unknown or "input_ids" not in names:
        wanted = f"needs the input {unknown[0]}" if unknown else "takes no input_ids"
        raise ModelError(
            f"The graph {file.name} {wanted}, which advisor does not support.",
            hint=f"Export it with inputs among {', '.join(_KNOWN_INPUTS)}.",
        )


def as_floats(output: NDArray[np.generic], wanted: GraphOutput, file: Path) -> NDArray[np.float32]:
    """The output as float32, without a copy where it already is. Raises ModelError if it has other axes."""
    if output.ndim != len(wanted.axes):
        raise ModelError(
            f"The graph {file.name} gives an output of shape {output.shape} instead of ({', '.join(wanted.axes)}).",
            hint=wanted.hint,
        )
    return output.astype(np.float32, copy=False)


def cannot_load(file: Path, runtime: str, error: Exception) -> ArtifactError:
    """The error for a graph file that a runtime refuses."""
    return ArtifactError(
        f"{runtime} cannot load {file.name}: {first_line(error)}.",
        hint="The file may be damaged or written for another version of the runtime: export it again.",
    )


def first_line(error: BaseException) -> str:
    """Of what an exception says, without its full stop; its class where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
