"""What a cross-encoder does with its logits, read from its configuration.

Follows sentence_transformers 6.2 `cross_encoder/model.py` (`get_default_activation_fn`, `_parse_model_config`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from advisor.encode.pipeline import Activation, Scores
from advisor.errors import ModelError

_DEFAULT_NUM_LABELS = 2
"""transformers' own, for a config.json that names no labels."""


def read_scores(folder: Path, *, config: Mapping[str, Any], card: Mapping[str, Any]) -> Scores:
    """The head of a cross-encoder from config.json and config_sentence_transformers.json.

    Raises ModelError for an activation function that is not supported, and for one of no known task.
    """
    architectures = config.get("architectures") or []
    if not any(str(name).endswith("ForSequenceClassification") for name in architectures):
        raise ModelError(
            f"The cross-encoder in {folder} is a {', '.join(map(str, architectures)) or 'model without a head'}, which "
            "advisor does not support.",
            hint="Supported are cross-encoders that classify sequences (...ForSequenceClassification).",
        )
    labels = config.get("id2label")
    num_labels = len(labels) if isinstance(labels, dict) else config.get("num_labels", _DEFAULT_NUM_LABELS)
    if isinstance(num_labels, bool) or not isinstance(num_labels, int) or num_labels < 1:
        raise ModelError(f"config.json of the model in {folder} sets num_labels to {num_labels!r}.")
    return Scores(num_labels=num_labels, activation=_activation(folder, config, card, num_labels))


def _activation(folder: Path, config: Mapping[str, Any], card: Mapping[str, Any], num_labels: int) -> Activation:
    saved = config.get("sentence_transformers")
    paths = (
        card.get("activation_fn"),
        saved.get("activation_fn") if isinstance(saved, dict) else None,
        config.get("sbert_ce_default_activation_function"),
    )
    # Sentence Transformers passes over what it does not trust: code that is not PyTorch's.
    path = next((path for path in paths if isinstance(path, str) and path.startswith("torch.")), None)
    if path is None:
        return "Sigmoid" if num_labels == 1 else "Identity"
    for known in get_args(Activation):
        if path.rpartition(".")[2] == known:
            name: Activation = known
            return name
    raise ModelError(
        f"The cross-encoder in {folder} has the activation function {path!r}, which advisor does not support.",
        hint=f"Supported are {', '.join(get_args(Activation))}.",
    )
