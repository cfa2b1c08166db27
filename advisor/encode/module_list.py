"""modules.json: which modules a model is built of, and thereby of which kind it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from advisor.encode.files import read_json, read_object
from advisor.errors import ModelError
from advisor.types import ModelKind

MODEL_TYPES: Mapping[str, ModelKind] = {
    "SentenceTransformer": "embedding",
    "CrossEncoder": "cross-encoder",
    "SparseEncoder": "sparse-encoder",
}
"""What Sentence Transformers calls its models in config_sentence_transformers.json."""

_BEGINNINGS: Mapping[ModelKind, tuple[str, ...]] = {
    "embedding": ("Transformer", "Pooling"),
    "cross-encoder": ("Transformer",),
    "sparse-encoder": ("Transformer", "SpladePooling"),
}
_REST: Mapping[ModelKind, tuple[str, ...]] = {
    "embedding": ("Dense", "Normalize"),
    "cross-encoder": (),
    "sparse-encoder": (),
}

_BUILT_OF: Mapping[ModelKind, str] = {
    "embedding": "one Transformer, one Pooling, then any of Dense and Normalize",
    "cross-encoder": "cross-encoders of one Transformer that classifies sequences, and nothing after it",
    "sparse-encoder": "sparse encoders of one Transformer that fills masks, and one SpladePooling",
}


_RENAMED = {"MLMTransformer": "Transformer"}
"""Modules of Sentence Transformers 5 that are another one today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module's class, without Sentence Transformers' package where it is one of its own, and its folder."""

    name: str
    path: PurePosixPath


def list_modules(folder: Path) -> tuple[Module, ...] | None:
    """The modules in order; None for a plain transformers model.

    Raises ModelError where modules.json is damaged, and for static embeddings, which need no backend.
    """
    path = folder / "modules.json"
    if not path.is_file():
        return None
    entries = read_json(path)
    modules = []
    for entry in entries if isinstance(entries, list) else [entries]:
        kind = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(kind, str) or not isinstance(entry.get("path"), str):
            raise ModelError(f"modules.json of the model in {folder} is damaged: it lists {entry!r}.")
        relative = PurePosixPath(entry["path"])
        if relative.is_absolute() or ".." in relative.parts:
            raise ModelError(f"modules.json of the model in {folder} points outside of the model: {entry['path']!r}.")
        package, _, name = kind.rpartition(".")
        known = package.split(".")[0] == "sentence_transformers"
        name = _RENAMED.get(name, name)
        modules.append(Module(name=name if known else kind, path=relative))
    if any(module.name in ("StaticEmbedding", "SparseStaticEmbedding") for module in modules[:1]):
        raise needs_no_backend(folder)
    return tuple(module for module in modules if module.name != "Dropout")  # does nothing at inference


def kind_of(folder: Path, *, modules: Sequence[Module] | None, card: Mapping[str, Any]) -> ModelKind:
    """What the model makes of texts, as Sentence Transformers would load it.

    `card` is config_sentence_transformers.json; a plain transformers model is known by the architecture in config.json.
    Raises ModelError, by name, for a kind that is not supported.
    """
    named = card.get("model_type")
    if isinstance(named, str):
        if named not in MODEL_TYPES:
            raise ModelError(
                f"The model in {folder} is a {named}, which advisor does not support.",
                hint=f"Supported are {', '.join(MODEL_TYPES)}.",
            )
        return MODEL_TYPES[named]
    if modules is None:
        architectures = read_object(folder / "config.json", optional=True).get("architectures") or [""]
        if str(architectures[0]).endswith("ForSequenceClassification"):
            return "cross-encoder"
    elif any(module.name == "SpladePooling" for module in modules):
        return "sparse-encoder"
    return "embedding"


def check_modules(folder: Path, modules: Sequence[Module], kind: ModelKind) -> None:
    """Raise ModelError, by name, unless a model of this kind is built of what advisor can do."""
    kinds = [module.name for module in modules]
    supported = (*_BEGINNINGS[kind], *_REST[kind])
    if "Router" in kinds:
        raise ModelError(
            f"The model in {folder} has the module Router: it treats queries and documents differently, which advisor "
            "does not support.",
            hint="Save the route that you want to speed up as a model of its own, and name that.",
        )
    unknown = [name for name in kinds if name not in supported]
    if unknown:
        raise ModelError(
            f"The model in {folder} has the module {unknown[0]}, which advisor does not support.",
            hint=f"Supported are {', '.join(supported)}.",
        )
    beginning = list(_BEGINNINGS[kind])
    if kinds[: len(beginning)] != beginning or set(beginning) & set(kinds[len(beginning) :]):
        raise ModelError(
            f"The model in {folder} is built of {', '.join(kinds) or 'no modules'}; advisor supports {_BUILT_OF[kind]}."
        )


def needs_no_backend(folder: Path) -> ModelError:
    """The error for a model that only looks vectors up."""
    return ModelError(
        f"The model in {folder} is a table of static embeddings (StaticEmbedding, model2vec): it has no transformer to "
        "run, so it needs no backend.",
        hint="Use it with Sentence Transformers as it is.",
    )
