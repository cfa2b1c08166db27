"""Which of the model's files an artifact needs, in a form that old and new Sentence Transformers both read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path, PurePath
from typing import Any

from advisor.encode.files import first_of
from advisor.encode.modules import OLD_POOLING_KEYS, TRANSFORMER_CONFIGS, read_pipeline, transformer_config
from advisor.encode.tokenizer_settings import TokenizerSettings
from advisor.errors import ArtifactError
from advisor.types import ModelKind

CONFIGS = (
    "config.json",
    "modules.json",
    "config_sentence_transformers.json",
    "generation_config.json",
)
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "chat_template.jinja",
)
LICENSES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE")
TORCH_WEIGHTS = ("model*.safetensors", "model.safetensors.index.json")
PICKLED_WEIGHTS = ("pytorch_model*.bin", "pytorch_model.bin.index.json")

_OLD_NAMES = {"model_kwargs": "model_args", "processor_kwargs": "tokenizer_args", "config_kwargs": "config_args"}
"""What version 5 called the Transformer's arguments, before 5.4 by these names alone. Where both are there the old one
counts (`Transformer._load_init_kwargs`)."""


def copy_model_files(
    model: Path, target: Path, *, torch_weights: bool, remote_code: bool, kind: ModelKind = "embedding"
) -> None:
    """Copy configs, tokenizer and the modules' folders into `target`; weights and code only where asked for.

    Safetensors are taken before pickled weights. The Transformer's settings get the name that they have today, and of
    several files the one that counts is taken. Module names and configs of a model that embeds texts are written as
    Sentence Transformers 5 wrote them: version 6 still reads that form, and version 5 reads no other. Those of other
    kinds stay as they are: version 5 had no modules for them, or other ones.
    """
    modules = _modules(model)
    root = transformer_folder(model)
    for module in modules:
        if module["path"]:
            (target / module["path"]).mkdir(parents=True, exist_ok=True)
            weights = _module_weights(model / module["path"]) if module["path"] != root else ()
            for name in (*CONFIGS, *TOKENIZER, *weights):
                _copy(model / module["path"] / name, target / module["path"] / name)
    for name in (*CONFIGS, *TOKENIZER, *LICENSES):
        _copy(model / name, target / name)
    settings = transformer_config(model / root)
    if settings is not None:
        _copy(settings, target / root / TRANSFORMER_CONFIGS[0])
    if torch_weights:
        patterns = TORCH_WEIGHTS if any((model / root).glob(TORCH_WEIGHTS[0])) else PICKLED_WEIGHTS
        for pattern in patterns:
            for path in (model / root).glob(pattern):
                _copy(path, target / root / path.name)
    if remote_code:
        for path in model.rglob("*.py"):
            relative = path.relative_to(model)
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            _copy(path, target / relative)
    if kind == "embedding":
        _write_old_form(target, modules)


def check_tokenizer(model: Path, target: Path) -> None:
    """Raise ArtifactError, with what differs, unless `target` says of the tokenizer what the model says.

    The reference texts are short: they would not tell that longer ones are cut elsewhere.
    """
    wanted, found = (read_pipeline(folder).tokenizer for folder in (model, target))
    names = [field.name for field in fields(TokenizerSettings) if field.name != "file"]  # where it lies differs
    pairs = [(name, getattr(wanted, name), getattr(found, name)) for name in names]
    differences = [f"{name} is {got!r} instead of {asked!r}" for name, asked, got in pairs if got != asked]
    if differences:
        raise ArtifactError(
            "The artifact would tokenise texts otherwise than the model, so it was not written: "
            f"{', '.join(differences)}."
        )


def belongs_to_graph(path: PurePath, graph: PurePath) -> bool:
    """Whether a file is the graph, or lies next to it under its name: `.onnx.data`, `.onnx_data`, OpenVINO's `.bin`."""
    return path.parent == graph.parent and (path.name.startswith(graph.name) or path == graph.with_suffix(".bin"))


def transformer_folder(model: Path) -> str:
    """The folder of the Transformer module inside the model, `` for the root."""
    for module in _modules(model):
        if module["type"].endswith("Transformer"):
            return str(module["path"])
    return ""


def _modules(model: Path) -> list[dict[str, Any]]:
    path = model / "modules.json"
    if not path.exists():
        return []
    modules: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return modules


def _module_weights(folder: Path) -> tuple[str, ...]:
    """Those of a module after the Transformer, such as Dense: always needed, whatever runs the Transformer."""
    return ("model.safetensors",) if (folder / "model.safetensors").exists() else ("pytorch_model.bin",)


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copyfile(source, target)


def _write_old_form(target: Path, modules: list[dict[str, Any]]) -> None:
    if not modules:
        return
    for module in modules:
        kind = module["type"].rsplit(".", 1)[-1]
        if module["type"].startswith("sentence_transformers."):
            module["type"] = f"sentence_transformers.models.{kind}"
        config = target / module["path"] / "config.json"
        if kind == "Pooling" and config.exists():
            _rewrite(config, _old_pooling)
        elif kind == "Transformer":
            bert_config = target / module["path"] / TRANSFORMER_CONFIGS[0]
            if bert_config.exists():
                _rewrite(bert_config, _old_transformer)
    (target / "modules.json").write_text(json.dumps(modules, indent=2) + "\n", encoding="utf-8")


def _rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    document = change(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _old_pooling(config: dict[str, Any]) -> dict[str, Any]:
    """The flags of old versions stand for one fixed order of the modes; any other order keeps the new key."""
    config = dict(config)
    mode = config.get("pooling_mode")
    modes = (mode,) if isinstance(mode, str) else tuple(mode or ())
    if not modes or list(modes) != [name for name in OLD_POOLING_KEYS.values() if name in modes]:
        return config
    del config["pooling_mode"]
    if "embedding_dimension" in config:
        config["word_embedding_dimension"] = config.pop("embedding_dimension")
    return config | {flag: name in modes for flag, name in OLD_POOLING_KEYS.items()}


def _old_transformer(config: dict[str, Any]) -> dict[str, Any]:
    """What changes how texts become tokens and how transformers loads; the rest is what version 5 does anyway."""
    kept = ("max_seq_length", "do_lower_case", "unpad_inputs")
    arguments = {old: first_of(config, old, new) for new, old in _OLD_NAMES.items()}
    return (
        {"max_seq_length": None, "do_lower_case": False}
        | {key: config[key] for key in kept if config.get(key) is not None}
        | {name: given for name, given in arguments.items() if given}
    )
