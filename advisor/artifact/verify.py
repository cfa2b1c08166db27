"""Prove an artifact: its hashes, a fresh process that loads it, and the embeddings or scores that it must give."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.artifact.reference import Reference
from advisor.child.process import Child
from advisor.encode.manifest import Manifest, check_file, read_manifest
from advisor.errors import ArtifactError, ChildFailed

LOAD_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; `detail` says what was seen."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """All checks of one artifact, in order. After the first that fails the later ones are not made."""

    path: Path
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)


def verify(folder: Path, *, log: Path | None = None, trust_remote_code: bool = False) -> VerifyReport:
    """Check the hashes, then load in a fresh process and compare with the reference embeddings or scores.

    Raises ArtifactError where `folder` is no artifact at all.
    """
    manifest = read_manifest(folder)
    reference = Reference.from_manifest(manifest)
    hashes = _check_files(folder, manifest)
    if not hashes.ok:
        return VerifyReport(path=folder, checks=(hashes,))
    with tempfile.TemporaryDirectory(prefix="advisor-verify-") as scratch:
        path = log if log is not None else Path(scratch) / "verify.log"
        try:
            with Child("advisor.artifact.worker", name="verify", log=path) as child:
                seen = child.call(
                    "prove",
                    timeout_s=LOAD_TIMEOUT_S,
                    folder=str(folder.resolve()),
                    trust_remote_code=trust_remote_code,
                )
        except ChildFailed as error:
            return VerifyReport(path=folder, checks=(hashes, Check(name="loads", ok=False, detail=error.message)))
    loads = Check(name="loads", ok=True, detail=f"{seen['runtime']} in {seen['load_s']:.2f} s in a fresh process")
    return VerifyReport(path=folder, checks=(hashes, loads, _check_outputs(seen["agreement"], reference)))


def _check_files(folder: Path, manifest: Manifest) -> Check:
    try:
        for file in manifest.files:
            check_file(folder, file)
    except ArtifactError as error:
        return Check(name="files", ok=False, detail=error.message.rstrip("."))
    return Check(name="files", ok=True, detail=f"{len(manifest.files)} files have the sha256 of the manifest")


def _check_outputs(found: Sequence[Sequence[float]], reference: Reference) -> Check:
    agreement = reference.agreement
    return Check(name=agreement.name, ok=agreement.ok(found), detail=agreement.says(found))
