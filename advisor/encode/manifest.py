"""`advisor.json` as loading needs it: how to run the winner, and which files must be the ones that were written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from advisor.codec import CodecError, from_json, loads
from advisor.errors import ArtifactError, NoArtifactError
from advisor.paths import MANIFEST
from advisor.schema import check_schema
from advisor.types import Artifact, ArtifactFile, Runtime, RuntimeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderPart:
    """The manifest's `encoder` key: how the winner is run. `file` is None for torch."""

    runtime: Runtime
    file: str | None
    settings: RuntimeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    encoder: EncoderPart
    artifact: Artifact


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
            raise ArtifactError(f"The folder {folder} is not an artifact: it has no {MANIFEST}.", hint=hint)
        if folder.exists():
            raise NoArtifactError(f"{folder} is a file, and an artifact is a folder.", hint=hint)
        raise NoArtifactError(f"The folder {folder} does not exist.", hint=hint)
    try:
        document = loads(path.read_text(encoding="utf-8"))
        check_schema(document, folder)
        parts = from_json(_Parts, document)
        runs, files = parts.encoder, parts.artifact.files
        if runs.settings.threads < 1:
            raise CodecError(f"encoder.settings.threads: it names {runs.settings.threads} threads")
        for index, file in enumerate(files):
            _check_inside(file.name, f"artifact.files[{index}].name")
        if runs.file is not None:
            _check_inside(runs.file, "encoder.file")
            if runs.file not in {file.name for file in files}:
                raise CodecError(f"encoder.file: it runs {runs.file!r} and lists no sha256 of it")
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{MANIFEST} in {folder} is damaged: {error}.", hint="Write the artifact again.") from None
    return Manifest(runtime=runs.runtime, file=runs.file, settings=runs.settings, files=files, document=document)


def _check_inside(name: str, at: str) -> None:
    """Raise CodecError where the name of a file is empty or points out of the artifact."""
    path = PurePosixPath(name)
    if not path.parts or "\\" in name or path.is_absolute() or ".." in path.parts:
        raise CodecError(f"{at}: {name!r} is no file or lies outside of the artifact")


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
