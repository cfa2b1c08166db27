"""An artifact -> an encoder: check the files, open the winner with the settings that were measured."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from advisor.document import check_schema, settings_from_dict
from advisor.encode.encoder import Encoder
from advisor.encode.opening import open_encoder
from advisor.errors import ArtifactError, InputError
from advisor.types import ArtifactFile, Runtime, RuntimeSettings

MANIFEST = "advisor.json"


def load(folder: str | Path, *, threads: int | None = None, check: bool = True) -> Encoder:
    """Open an artifact.

    `threads` defaults to the number that was measured, or to what this machine grants if that is less. With `check`,
    the sha256 of every listed file is compared before anything is loaded.

    Raises ArtifactError where the folder is no artifact, a file is missing or changed, or the schema is newer;
    MissingExtraError where the winner's runtime is not installed.
    """
    folder = Path(folder)
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise InputError(f"threads must be a positive whole number, not {threads!r}.")
    manifest = _read_manifest(folder)
    settings = manifest.settings
    settings = replace(settings, threads=threads if threads is not None else min(settings.threads, usable_cores()))
    with _checking(folder, manifest.files if check else ()):
        _import_runtime(manifest.runtime)  # takes about as long as the hashes do
    return open_encoder(
        folder,
        runtime=manifest.runtime,
        file=None if manifest.file is None else folder / manifest.file,
        settings=settings,
    )


def usable_cores() -> int:
    """Whole cores that affinity and the control group's quota grant this process, at least one."""
    from advisor.probe.cgroup import read_limits
    from advisor.probe.sources import Sources

    sources = Sources()
    cores = float(sources.affinity().cores)
    if sources.system == "Linux":
        quota = read_limits(sources).cpu.cores
        cores = cores if quota is None else min(cores, quota)
    return max(1, int(cores))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manifest:
    """The part of advisor.json that loading needs."""

    runtime: Runtime
    file: str | None
    settings: RuntimeSettings
    files: tuple[ArtifactFile, ...]


def _read_manifest(folder: Path) -> _Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        what = "is not an artifact: it has no advisor.json" if folder.is_dir() else "does not exist"
        raise ArtifactError(f"The folder {folder} {what}.", hint="Write one with: advisor recommend MODEL --out DIR")
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
        return _Manifest(
            runtime=runtime,
            file=None if file is None else _inside(file),
            settings=settings,
            files=tuple(_artifact_file(entry) for entry in document["artifact"]["files"]),
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


@contextmanager
def _checking(folder: Path, files: tuple[ArtifactFile, ...]) -> Iterator[None]:
    """Hash the files in threads beside the body, which runs meanwhile; raise ArtifactError for the first bad one."""
    if not files:
        yield
        return
    largest_first = sorted(files, key=lambda file: -file.size_bytes)
    with ThreadPoolExecutor(min(len(files), os.cpu_count() or 1, 4), thread_name_prefix="sha256") as pool:
        checks: list[Future[None]] = [pool.submit(check_file, folder, file) for file in largest_first]
        yield
        for check in checks:
            check.result()


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


def _import_runtime(runtime: Runtime) -> None:
    """Raises MissingExtraError where the runtime is not installed."""
    if runtime == "onnx":
        from advisor.encode.onnx_session import import_onnxruntime

        import_onnxruntime()
    elif runtime == "openvino":
        from advisor.encode.openvino_session import import_openvino

        import_openvino()
