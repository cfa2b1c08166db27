"""Which files of an artifact go to a repository on the Hub, and where: where Sentence Transformers looks for them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from advisor.artifact.layout import CONFIGS, belongs_to_graph, transformer_folder
from advisor.encode.manifest import Manifest
from advisor.errors import InputError
from advisor.paths import MANIFEST

CARD = "README.md"
"""The model's card: the repository's own stays."""

_MODEL_MARKS = ("config.json", "modules.json")
"""A repository with one of these at its root holds a model already."""

_SAME_MODEL = ("model_type", "vocab_size", "hidden_size", "num_hidden_layers", "dim", "n_layers")
"""What the config.json of the same model has in common, whoever wrote it."""

Part = Literal["backend", "model", "manifest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file on its way. `backend` is the graph with its weights, `model` what the model itself needs.

    `content` takes the place of the bytes of `source`. `replaces` is None where the repository was not asked.
    """

    source: Path
    target: str
    size_bytes: int
    part: Part
    replaces: bool | None
    content: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """What is known of a repository. `transformer` is the folder of its Transformer module, `` for the root.

    `config` is the Transformer's config.json, empty without one. `commit` is None where there is no repository yet.
    """

    files: frozenset[str]
    transformer: str = ""
    config: dict[str, Any]
    private: bool
    commit: str | None

    @property
    def has_model(self) -> bool:
        """Whether it holds a model of its own."""
        return has_model(self.files)


def has_model(files: Collection[str]) -> bool:
    """Whether a repository with these files holds a model."""
    return any(mark in files for mark in _MODEL_MARKS)


def uploads(folder: Path, manifest: Manifest, remote: Remote | None, *, repo_id: str) -> tuple[Upload, ...]:
    """What goes where. Only what the manifest lists, and the manifest itself, ever leaves: nothing else in the folder.

    A repository that holds a model gets the graph alone, in the folder of its Transformer; an empty one gets the whole
    artifact, but keeps a card of its own. `remote` is None where it could not be asked: then all is listed.

    Raises InputError where the repository holds another model, or where nothing is left to push.
    """
    own_folder = transformer_folder(folder)
    graph = None if manifest.file is None else PurePosixPath(manifest.file)
    has_own = remote is not None and remote.has_model
    if remote is not None and has_own:
        _check_same_model(folder / own_folder, remote, repo_id)
        if graph is None:
            winner = manifest.document.get("winner")
            raise InputError(
                f"The winner, {winner}, runs on the model's own weights, and {repo_id} holds a model already: there is "
                "nothing to push."
            )
    there = None if remote is None else remote.files
    keeps_card = there is not None and CARD in there
    found: list[Upload] = []
    for listed in manifest.files:
        name = PurePosixPath(listed.name)
        part: Part = "backend" if graph is not None and belongs_to_graph(name, graph) else "model"
        target = listed.name
        if part == "backend" and remote is not None and has_own:
            target = _moved(listed.name, own_folder, remote.transformer)
        hidden = any(each.startswith(".") for each in name.parts)
        if hidden or (part == "model" and has_own) or (target == CARD and keeps_card):
            continue
        found.append(
            Upload(
                source=folder / listed.name,
                target=target,
                size_bytes=listed.size_bytes,
                part=part,
                replaces=None if there is None else target in there,
            )
        )
    if not has_own:
        found.append(_manifest(folder, manifest, there, keeps_card=keeps_card))
    return tuple(sorted(found, key=lambda one: (one.part != "backend", one.target)))


def _moved(name: str, own_folder: str, their_folder: str) -> str:
    """Sentence Transformers looks for a graph inside of the Transformer module's folder, which may be another there."""
    return (PurePosixPath(their_folder) / PurePosixPath(name).relative_to(own_folder or ".")).as_posix()


def _manifest(folder: Path, manifest: Manifest, there: Collection[str] | None, *, keeps_card: bool) -> Upload:
    """The manifest, which does not vouch for a card that stays behind."""
    path = folder / MANIFEST
    content = None
    if keeps_card:
        artifact = manifest.document["artifact"]
        files = [file for file in artifact["files"] if file["name"] != CARD]
        document = manifest.document | {"artifact": artifact | {"files": files}}
        content = (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
    return Upload(
        source=path,
        target=MANIFEST,
        size_bytes=path.stat().st_size if content is None else len(content),
        part="manifest",
        replaces=None if there is None else MANIFEST in there,
        content=content,
    )


def _check_same_model(own: Path, remote: Remote, repo_id: str) -> None:
    """A graph of one model among another's files would load, and give embeddings that mean nothing."""
    config = json.loads((own / CONFIGS[0]).read_text(encoding="utf-8"))
    for key in _SAME_MODEL:
        if key in config and key in remote.config and config[key] != remote.config[key]:
            raise InputError(
                f"The repository {repo_id} holds another model: its {key} is {remote.config[key]!r}, "
                f"and {config[key]!r} in the artifact.",
                hint="Name the repository of the model that was measured, or an empty one.",
            )
