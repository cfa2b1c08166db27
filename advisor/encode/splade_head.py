"""How a sparse encoder pools its logits, read from its configuration.

Follows sentence_transformers 6.2 `sparse_encoder/modules/splade_pooling.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from advisor.encode.files import read_object
from advisor.encode.module_list import Module
from advisor.encode.pipeline import Splade
from advisor.errors import ModelError

_ACTIVATIONS = ("relu", "log1p_relu")


def read_splade(folder: Path, modules: Sequence[Module] | None) -> Splade:
    """The head of a sparse encoder, whose second module pools. Raises ModelError for what is not supported, by name."""
    if not modules or len(modules) < 2:
        raise ModelError(
            f"The sparse encoder in {folder} has no modules.json, so nothing says how it pools.",
            hint="Load it with Sentence Transformers and save it again.",
        )
    config = read_object(folder / modules[1].path / "config.json")
    strategy, activation = config.get("pooling_strategy", "max"), config.get("activation_function", "relu")
    if strategy not in ("max", "sum") or activation not in _ACTIVATIONS:
        raise ModelError(
            f"The SpladePooling of the model in {folder} is {strategy!r} of {activation!r}, which advisor does not "
            "support.",
            hint=f"Supported are max and sum, of {' and '.join(_ACTIVATIONS)}.",
        )
    return Splade(strategy=strategy, twice=activation == "log1p_relu")
