"""Write the artifact next to its target, prove it, and rename it into place."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from advisor.artifact.agreement import agreement_for
from advisor.artifact.layout import belongs_to_graph, check_tokenizer, copy_model_files, transformer_folder
from advisor.artifact.reference import Reference
from advisor.artifact.verify import verify
from advisor.codec import to_json
from advisor.document import to_dict
from advisor.encode.manifest import EncoderPart
from advisor.errors import ArtifactError, InputError
from advisor.files import sha256_of
from advisor.paths import MANIFEST
from advisor.types import Artifact, ArtifactFile, Exported, ModelProfile, Precision, Recommendation, Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """What the artifact is made of: the files, and embeddings taken from them during measurement."""

    runtime: Runtime
    precision: Precision
    exported: Exported
    reference_texts: tuple[str, ...]
    reference_embeddings: NDArray[np.float32]
    """(num_texts, width) float32, embeddings or logits, each text encoded alone."""


def check_target(target: Path) -> None:
    """Raise InputError unless an artifact can be written at `target`: before any work is done, and leaving nothing.

    A folder that is no artifact is never replaced; an artifact is.
    """
    with _cannot_write(target):
        place = _place(target)
    if place.exists() and not place.is_dir():
        raise InputError(f"The output {str(target)!r} is a file.", hint="Name another folder with --out DIR.")
    if place.is_dir() and any(place.iterdir()) and not (place / MANIFEST).is_file():
        raise InputError(
            f"The output folder {str(target)!r} holds files that are not an artifact, and would be lost.",
            hint="Name a new folder with --out DIR.",
        )
    if os.path.ismount(place):
        raise InputError(
            f"The output {str(target)!r} is a mount point, which no artifact can be renamed to.",
            hint=f"Name a folder in it, such as --out {target / 'artifact'}.",
        )
    if _holds_current(place):
        raise InputError(
            f"The output {str(target)!r} is the current folder or holds it, and is replaced as a whole: your shell "
            "would be left in a deleted one.",
            hint="Name a new folder with --out DIR, or run advisor from elsewhere.",
        )
    there = next(parent for parent in place.parents if parent.exists())
    with _cannot_write(target):
        os.rmdir(tempfile.mkdtemp(prefix=f".{place.name}.", dir=there))


def write_artifact(
    recommendation: Recommendation,
    *,
    winner: Winner,
    target: Path,
    readme: str,
    reports: Callable[[Recommendation], Mapping[str, str]],
    log: Path,
) -> Artifact:
    """Write, verify in a fresh process, and rename into place; a crash leaves the old artifact or none.

    `reports` makes texts for people, by file name, from the recommendation with its artifact. They may be made again
    later, so the manifest lists no hash of them.

    Raises InputError where the target cannot be written (a full disk, no permission), and ArtifactError where the
    fresh process does not give the embeddings that were measured.
    """
    check_target(target)
    with _cannot_write(target):
        place = _place(target)
        place.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        with _cannot_write(target):
            artifact = _fill(building, recommendation, winner=winner, readme=readme)
            for name, text in reports(replace(recommendation, artifact=replace(artifact, path=target))).items():
                (building / name).write_text(text, encoding="utf-8", newline="\n")
        report = verify(building, log=log, trust_remote_code=recommendation.model.trust_remote_code)
        if not report.ok:
            failed = next(check for check in report.checks if not check.ok)
            raise ArtifactError(
                f"The artifact did not prove itself, so it was not written: {failed.name}: {failed.detail}."
            )
        with _cannot_write(target):
            _swap(building, place)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return replace(artifact, path=target)


def _fill(folder: Path, recommendation: Recommendation, *, winner: Winner, readme: str) -> Artifact:
    model: ModelProfile = recommendation.model
    exported = winner.exported
    folder.chmod(0o755)  # mkdtemp's 0o700 would lock other users out of a deployed artifact
    copy_model_files(
        model.path,
        folder,
        torch_weights=winner.runtime == "torch",
        remote_code=model.trust_remote_code,
        kind=model.kind,
    )
    check_tokenizer(model.path, folder)
    file = None
    if exported.file is not None:
        root = transformer_folder(model.path)  # Sentence Transformers looks for the graph inside this module's folder
        file = (Path(root) / exported.file).as_posix()
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        graph = exported.folder / exported.file
        for path in graph.parent.iterdir():
            if belongs_to_graph(path, graph):
                shutil.copyfile(path, (folder / file).parent / path.name)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    files = tuple(
        ArtifactFile(name=path.relative_to(folder).as_posix(), sha256=sha256_of(path), size_bytes=path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    artifact = Artifact(path=Path("."), files=files)
    reference = Reference(
        texts=winner.reference_texts,
        embeddings=winner.reference_embeddings,
        agreement=agreement_for(model.kind, winner.precision),
    )
    manifest = to_dict(replace(recommendation, artifact=artifact)) | {
        "encoder": to_json(EncoderPart(runtime=winner.runtime, file=file, settings=exported.settings)),
        "reference": reference.to_dict(),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return artifact


def _place(target: Path) -> Path:
    """Where the artifact comes to lie: `.` and links cannot be renamed, but what they stand for can."""
    return Path(os.path.realpath(target))


def _holds_current(folder: Path) -> bool:
    try:
        return Path.cwd().is_relative_to(folder)
    except OSError:  # it was deleted, so there is none to lose
        return False


def _swap(building: Path, target: Path) -> None:
    """Put one folder into the place of another, which comes back if that fails or is interrupted."""
    if not target.exists():
        building.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    kept = old / "artifact"
    try:
        target.rename(kept)
        building.rename(target)
    finally:
        if kept.exists() and not target.exists():
            kept.rename(target)
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _cannot_write(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"The disk that holds {str(target.parent)!r} is full, so nothing was written.",
                hint="Free some space, or name another folder with --out DIR; the exports are cached.",
            ) from None
        raise InputError(
            f"The output {str(target)!r} cannot be written: {error.strerror or error}.",
            hint="Name another folder with --out DIR.",
        ) from None
