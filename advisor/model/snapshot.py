"""Whether a folder of the Hugging Face cache holds the whole of a model, or a part that another program fetched.

transformers, for one, fetches no modules.json, and a model without one is pooled by its mean: what is missing is only
taken to be nowhere where the repository is known not to have it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from advisor.encode.module_list import Module, list_modules
from advisor.encode.modules import TRANSFORMER_CONFIGS, transformer_config
from advisor.errors import ModelError
from advisor.model.weights import shard_names

_CONFIGURED = ("Pooling", "Dense", "SpladePooling")
"""The modules after the Transformer that have a config.json of their own; Normalize needs none."""

_SAFETENSORS = ("model.safetensors", "model.safetensors.index.json")
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
"""A whole file of weights, and what lists its shards where there are several."""


def unknown_files(folder: Path, *, absent: Callable[[str], bool], pickled: bool) -> tuple[str, ...]:
    """The files that the encoder would read, that are not in `folder`, and that the repository may still have.

    `absent` says whether the repository is known to have no file of a name; `pickled` allows .bin weights where there
    are no others. Nothing is unknown of a model that is refused for what is there: reading it raises the reason.
    """
    try:
        modules = list_modules(folder)
        if modules and modules[0].name != "Transformer":
            return ()
        root = modules[0].path if modules else PurePosixPath()
        names = (*_configurations(folder, modules, root), *_weights(folder, root, pickled=pickled))
    except ModelError:
        return ()
    return tuple(name for name in names if not (folder / name).is_file() and not absent(name))


def _configurations(folder: Path, modules: Sequence[Module] | None, root: PurePosixPath) -> list[str]:
    """What says how the model tokenises and pools, whether it is there or not. `root` is the Transformer's folder."""
    names = [root / "config.json", root / "tokenizer.json", root / "tokenizer_config.json"]
    if modules is None:
        return ["modules.json", *map(str, names)]
    names += [module.path / "config.json" for module in modules if module.name in _CONFIGURED]
    names += [module.path / "model.safetensors" for module in modules if module.name == "Dense"]
    if transformer_config(folder / root) is None:
        names += [root / name for name in TRANSFORMER_CONFIGS]
    return ["config_sentence_transformers.json", *map(str, names)]


def _weights(folder: Path, root: PurePosixPath, *, pickled: bool) -> list[str]:
    """The files of the Transformer's weights; none where one kind of them is there as a whole."""
    names: list[str] = []
    for single, index in (_SAFETENSORS, _PICKLED) if pickled else (_SAFETENSORS,):
        wanted = [single, index]
        if (folder / root / single).is_file():
            return []
        if (folder / root / index).is_file():
            wanted = list(shard_names(folder / root / index))
            if all((folder / root / name).is_file() for name in wanted):
                return []
        names += [str(root / name) for name in wanted]
    return names
