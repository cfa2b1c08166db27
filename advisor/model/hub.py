"""Models from the Hugging Face hub: the local cache first, then the network."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from advisor.errors import MissingExtraError, ModelError
from advisor.model.download import Arrived, progress_class

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
    """The model's snapshot, downloaded if need be. `pickled` allows .bin weights where there are no others.

    `revision` is a branch, a tag or a commit; None is the main branch.

    `arrived` is told of a download, by the threads that it runs in; what it raises ends the download.

    Raises ModelError where it is not in the cache and cannot be had, MissingExtraError without huggingface_hub.
    """
    hub = _import_hub()
    ids = [name] if "/" in name else [f"sentence-transformers/{name}", name]
    incomplete = False
    for repo_id in ids:
        folder = _cached(hub, repo_id, revision)
        if folder is not None and _is_complete(folder, pickled=pickled):
            return _model(repo_id, folder)
        incomplete = incomplete or folder is not None
    if offline or hub.constants.HF_HUB_OFFLINE:
        raise _not_cached(hub, name, ids[0], revision, incomplete=incomplete)
    for repo_id in ids:
        folder = _download(hub, repo_id, revision, pickled=pickled, arrived=arrived)
        if folder is not None:
            return _model(repo_id, folder)
    raise ModelError(
        f"There is no model {name!r} on Hugging Face, no folder of that name, or it is private.",
        hint=_close_hint(hub, name) or "Check the spelling; for a private or gated model run: hf auth login",
    )


def _import_hub() -> Any:
    return import_hub(purpose="A model from Hugging Face")


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
    except (hub.errors.LocalEntryNotFoundError, hub.errors.HFValidationError):
        return None


def _is_complete(folder: Path, *, pickled: bool) -> bool:
    if _is_static(folder):  # complete enough to be told apart
        return True
    weights = any(folder.glob("*.safetensors")) or (pickled and any(folder.glob("*.bin")))
    return weights and (folder / "config.json").is_file() and (folder / "tokenizer.json").is_file()


def _is_static(folder: Path) -> bool:
    """Whether it is a table of static embeddings, whose files lie elsewhere; nothing of it is ever run."""
    modules = folder / "modules.json"
    return modules.is_file() and ".StaticEmbedding" in modules.read_text(encoding="utf-8", errors="replace")


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
        if pickled and not any(folder.glob("*.safetensors")):
            get(_PICKLED)
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
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(
            f"The model {repo_id} is not in the local cache and Hugging Face cannot be reached: {reason}.",
            hint="Check the connection, or name a folder that holds the model.",
        ) from None


def _model(repo_id: str, folder: Path) -> HubModel:
    is_commit = re.fullmatch(r"[0-9a-f]{40}", folder.name) is not None
    return HubModel(repo_id=repo_id, folder=folder, revision=folder.name if is_commit else None)


def _not_cached(hub: Any, name: str, repo_id: str, revision: str | None, *, incomplete: bool) -> ModelError:
    state = "only in part" if incomplete else "neither a folder nor"
    get = f"With a connection, run: hf download {repo_id}" + (f" --revision {revision}" if revision else "")
    close = None if revision else _close_hint(hub, name)
    typed = f"{name}@{revision}" if revision else name
    return ModelError(
        f"The model {typed!r} is {state} in the local cache of Hugging Face, and advisor is offline.",
        hint=get if close is None or incomplete else f"{close} {get}",
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
