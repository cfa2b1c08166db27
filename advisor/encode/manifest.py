"""`advisor.json` as loading needs it: how to run the winner, and which files must be the ones that were written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from advisor.errors import ArtifactError, NoArtifactError
from advisor.schema import check_schema, settings_from_dict
from advisor.types import ArtifactFile, Runtime, RuntimeSettings

MANIFEST = "advisor.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A checked `advisor.json`. No file that it names lies outside of the artifact."""

    runtime: Runtime
    file: str | None
    settings: RuntimeSettings
    files: tuple[ArtifactFile, ...]
    document: dict[str, Any]
    """All of it, as it was read."""


def read_manifest(folder: Path) -> Manifest:
    """Read `advisor.json`.

    Raises NoArtifactError where there is no such folder, and ArtifactError where the file is missing, damaged, or of a
    newer major version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        hint = "Write one with: advisor recommend MODEL --out DIR"
        if folder.is_dir():
            raise ArtifactError(f"The folder {folder} is not an artifact: it has no advisor.json.", hint=hint)
        if folder.exists():
            raise NoArtifactError(f"{folder} is a file, and an artifact is a folder.", hint=hint)
        raise NoArtifactError(f"The folder {folder} does not exist.", hint=hint)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        check_schema(document)
        runtime = document["encoder"]["runtime"]
        if runtime not in get_args(Runtime):
            raise ValueError(f"it names the runtime {runtime!r}")
        file = document["encoder"]["file"]
        settings = settings_from_dict(document["encoder"]["settings"])
        if not isinstance(settings.threads, int) or settings.threads < 1:
            raise ValueError(f"it names {settings.threads!r} threads")
        files = tuple(_artifact_file(entry) for entry in document["artifact"]["files"])
        if file is not None and _inside(file) not in {listed.name for listed in files}:
            raise ValueError(f"it runs {file!r} and lists no sha256 of it")
        return Manifest(
            runtime=runtime,
            file=file,
            settings=settings,
            files=files,
            document=document,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ArtifactError(
            f"{MANIFEST} in {folder} is damaged: {problem}.", hint="Write the artifact again."
        ) from None


def _artifact_file(entry: Any) -> ArtifactFile:
    return ArtifactFile(name=_inside(entry["name"]), sha256=str(entry["sha256"]), size_bytes=int(entry["size_bytes"]))


def _inside(name: Any) -> str:
    """A file name of the manifest; raises ValueError where it points out of the artifact."""
    if not isinstance(name, str) or not name or "\\" in name:
        raise ValueError(f"it lists the file {name!r}")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"it lists a file outside of the artifact, {name!r}")
    return name


def check_file(folder: Path, file: ArtifactFile) -> None:
    """Raise ArtifactError unless the file in `folder` has the size and the sha256 that are listed."""
    path = folder / file.name
    hint = "Copy the artifact again from where it was written, or write it again."
    try:
        size = path.stat().st_size
        if size == file.size_bytes:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise ArtifactError(f"{file.name} is missing from the artifact {folder}.", hint=hint) from None
    except OSError as error:
        raise ArtifactError(f"{file.name} in the artifact {folder} cannot be read: {error.strerror}.") from None
    if size != file.size_bytes:
        raise ArtifactError(
            f"{file.name} in the artifact {folder} has {size} bytes instead of {file.size_bytes}.", hint=hint
        )
    if digest != file.sha256:
        raise ArtifactError(f"{file.name} in the artifact {folder} is not the file that was written.", hint=hint)
