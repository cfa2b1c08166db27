"""Models from the Hugging Face hub: the local cache first, then the network."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from advisor.errors import MissingExtraError, ModelError
from advisor.model.download import Arrived, progress_class
from advisor.model.snapshot import unknown_files

_WANTED = ("*.json", "*.txt", "*.model", "*.jinja", "*.py", "*.safetensors")
_UNWANTED = ("onnx/*", "openvino/*", "coreml/*", "original/*", "*.onnx", "*.h5", "*.msgpack", "*.tflite", "*.gguf")
_PICKLED = ("*pytorch_model*.bin",)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """A snapshot of a repository in the local cache."""

    repo_id: str
    folder: Path
    revision: str | None


def find_on_hub(
    name: str,
    *,
    revision: str | None = None,
    offline: bool,
    pickled: bool,
    arrived: Arrived = lambda done, total: None,
) -> HubModel:
    """The model's snapshot, downloaded if it is not in the cache as a whole.

    `pickled` allows .bin weights where there are no others.

    `revision` is a branch, a tag or a commit; None is the main branch.

    `arrived` is called during a download, by its threads; what it raises ends the download.

    Raises ModelError where it is not in the cache and cannot be had, MissingExtraError without huggingface_hub.
    """
    hub = import_hub(purpose="A model from Hugging Face")
    ids = [name] if "/" in name else [f"sentence-transformers/{name}", name]
    missing: tuple[str, ...] = ()
    for repo_id in ids:
        folder = _cached(hub, repo_id, revision)
        if folder is not None:
            unknown = _unknown(hub, repo_id, folder, pickled=pickled)
            if not unknown:
                return _model(repo_id, folder)
            missing = missing or unknown
    if offline or hub.constants.HF_HUB_OFFLINE:
        raise _not_cached(hub, name, ids[0], revision, missing=missing)
    for repo_id in ids:
        folder = _download(hub, repo_id, revision, pickled=pickled, arrived=arrived)
        if folder is not None:
            return _model(repo_id, folder)
    raise ModelError(
        f"There is no model {name!r} on Hugging Face, no folder of that name, or it is private.",
        hint=_close_hint(hub, name) or "Check the spelling; for a private or gated model run: hf auth login",
    )


def import_hub(*, purpose: str) -> Any:
    """The package huggingface_hub; raises MissingExtraError, with what it is needed for, where it is not installed."""
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise MissingExtraError("huggingface_hub", "profile", purpose=purpose) from None
    return huggingface_hub


def _cached(hub: Any, repo_id: str, revision: str | None) -> Path | None:
    try:
        return Path(hub.snapshot_download(repo_id, revision=revision, local_files_only=True))
    except (hub.errors.LocalEntryNotFoundError, hub.errors.HFValidationError) as error:
        # Since version 2 it is an error that a snapshot lacks any file of the repository, README.md among them.
        partial = getattr(error, "snapshot_path", None)
        return None if partial is None else Path(partial)


def _unknown(hub: Any, repo_id: str, folder: Path, *, pickled: bool) -> tuple[str, ...]:
    """What the snapshot lacks and the repository may have; nothing of a whole model."""
    return unknown_files(folder, absent=_absent(hub, repo_id, folder.name), pickled=pickled)


def _absent(hub: Any, repo_id: str, commit: str) -> Callable[[str], bool]:
    """Whether the cache knows that a commit has no file of a name: by the commit's listing, which huggingface_hub keeps
    since version 2, or because the hub said so when the file was asked for."""
    listed = _listed(hub, repo_id, commit)

    def absent(name: str) -> bool:
        if listed is not None:
            return name not in listed
        return hub.try_to_load_from_cache(repo_id, name, revision=commit) is hub._CACHED_NO_EXIST

    return absent


def _listed(hub: Any, repo_id: str, commit: str) -> frozenset[str] | None:
    read = getattr(hub, "get_cached_repo_tree", None)
    if read is None:
        return None
    try:
        return frozenset(file.path for file in read(repo_id, revision=commit))
    except hub.errors.CachedRepoTreeNotFoundError:
        return None


def _download(hub: Any, repo_id: str, revision: str | None, *, pickled: bool, arrived: Arrived) -> Path | None:
    """The downloaded snapshot; None where the hub knows no such repository."""

    def get(wanted: tuple[str, ...]) -> Path:
        found = hub.snapshot_download(
            repo_id,
            revision=revision,
            allow_patterns=wanted,
            ignore_patterns=_UNWANTED,
            tqdm_class=progress_class(arrived),
        )
        return Path(found)

    try:
        folder = get(_WANTED)
        if any(name.endswith(".bin") for name in _unknown(hub, repo_id, folder, pickled=pickled)):
            get(_PICKLED)
        _ask_for_the_rest(hub, repo_id, folder, pickled=pickled)
        return folder
    except hub.errors.GatedRepoError:
        raise ModelError(
            f"The model {repo_id} is gated.", hint="Accept its terms on huggingface.co, then run: hf auth login"
        ) from None
    except (hub.errors.RepositoryNotFoundError, hub.errors.HFValidationError):
        return None
    except hub.errors.RevisionNotFoundError:
        raise ModelError(
            f"The model {repo_id} has no revision {revision!r}.",
            hint=f"Name a branch, a tag or a whole commit of it, or leave out @{revision}.",
        ) from None
    except Exception as error:  # the HTTP library's own tree, which differs between versions of huggingface_hub
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise ModelError(
            f"The model {repo_id} is not in the local cache as a whole, and Hugging Face cannot be reached: {reason}.",
            hint="Check the connection, or name a folder that holds the model.",
        ) from None


def _ask_for_the_rest(hub: Any, repo_id: str, folder: Path, *, pickled: bool) -> None:
    """Ask by name for what did not come. The cache keeps the answer that there is none, so that the snapshot counts as
    whole from then on, offline too.

    Raises the hub's LocalEntryNotFoundError where it cannot be reached: it gave what is cached, and said nothing.
    """
    asked: set[str] = set()
    while names := [name for name in _unknown(hub, repo_id, folder, pickled=pickled) if name not in asked]:
        asked.update(names)
        for name in names:
            try:
                hub.hf_hub_download(repo_id, name, revision=folder.name)
            except hub.errors.LocalEntryNotFoundError:
                raise
            except hub.errors.EntryNotFoundError:
                pass


def _model(repo_id: str, folder: Path) -> HubModel:
    is_commit = re.fullmatch(r"[0-9a-f]{40}", folder.name) is not None
    return HubModel(repo_id=repo_id, folder=folder, revision=folder.name if is_commit else None)


def _not_cached(hub: Any, name: str, repo_id: str, revision: str | None, *, missing: tuple[str, ...]) -> ModelError:
    typed = f"{name}@{revision}" if revision else name
    if missing:
        return ModelError(
            f"The model {typed!r} is only in part in the local cache of Hugging Face, without {missing[0]}, and "
            "advisor is offline.",
            hint="Run it once with a connection, without --offline and HF_HUB_OFFLINE: advisor then gets what is "
            "missing, and notes what does not exist.",
        )
    get = f"With a connection, run: hf download {repo_id}" + (f" --revision {revision}" if revision else "")
    close = None if revision else _close_hint(hub, name)
    return ModelError(
        f"The model {typed!r} is neither a folder nor in the local cache of Hugging Face, and advisor is offline.",
        hint=get if close is None else f"{close} {get}",
    )


def _close_hint(hub: Any, name: str) -> str | None:
    """A question that names cached models of similar names."""
    try:
        folders = os.listdir(hub.constants.HF_HUB_CACHE)
    except OSError:
        folders = []
    cached = [folder.removeprefix("models--").replace("--", "/") for folder in folders if folder.startswith("models--")]
    by_name = {model.rsplit("/", 1)[-1].lower(): model for model in cached}
    close = get_close_matches(name.rsplit("/", 1)[-1].lower(), by_name, n=3)
    return f"Did you mean {' or '.join(by_name[match] for match in close)}?" if close else None
