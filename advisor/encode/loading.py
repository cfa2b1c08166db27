"""An artifact -> an opened model: check the files, open the winner with the settings that were measured."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, overload

from advisor.device import kind_of
from advisor.encode.blob import Blob
from advisor.encode.fit import warn_if_unfit
from advisor.encode.manifest import Manifest, check_file, read_manifest
from advisor.encode.opened import positive
from advisor.encode.opening import AnyOpened, expected, open_model
from advisor.errors import InputError
from advisor.types import ArtifactFile, Hardware, Memory, Runtime, RuntimeSettings

PROSE = (".md", ".html")
"""Files whose sha256 is not compared: editing an artifact's README does not keep it from loading."""


@overload
def load(
    folder: str | Path,
    *,
    threads: int | None = None,
    device: str | None = None,
    check: bool = True,
    keep_compiled: bool = True,
    trust_remote_code: bool = False,
    expect: type[AnyOpened],
) -> AnyOpened: ...


@overload
def load(
    folder: str | Path,
    *,
    threads: int | None = None,
    device: str | None = None,
    check: bool = True,
    keep_compiled: bool = True,
    trust_remote_code: bool = False,
    expect: None = None,
) -> Any: ...


def load(
    folder: str | Path,
    *,
    threads: int | None = None,
    device: str | None = None,
    check: bool = True,
    keep_compiled: bool = True,
    trust_remote_code: bool = False,
    expect: type[AnyOpened] | None = None,
) -> Any:
    """Open an artifact: an `Encoder`, or for other kinds of models a `CrossEncoder` or a `SparseEncoder`.

    `threads` defaults to the number that was measured, or to what this machine grants if that is less. `device` names
    another GPU of the kind that was measured (`cuda:1` for `cuda`). With `check`, the sha256 of every listed file is
    compared before anything is loaded. With `keep_compiled`, what OpenVINO compiles is kept in the artifact's folder
    `.cache`, if that can be written, for the next process on such a machine. A torch winner whose model brings Python
    code of its own only loads with `trust_remote_code`. `expect` names the class to be returned.

    Warns with ArtifactWarning where the machine lacks what the winner was made for, or where the runtime has another
    version than the one that was measured. The encoder can be pickled: it is then loaded again, from the same folder.

    Raises ArtifactError where the folder is no artifact, a file is missing or changed, or the schema is newer;
    MissingExtraError where the winner's runtime is not installed; UnavailableError where its device is not there;
    InputError where it is not what is expected.
    """
    folder = Path(folder)
    threads = positive("threads", threads)
    manifest = read_manifest(folder)
    machine = this_machine()
    settings = manifest.settings
    if device is not None:
        settings = replace(settings, device=_other_device(device, settings.device))
    settings = replace(settings, threads=threads if threads is not None else min(settings.threads, machine.threads))
    files = tuple(file for file in manifest.files if not file.name.endswith(PROSE)) if check else ()
    blob = _blob(folder, manifest, settings, machine, check=check) if keep_compiled else None
    if blob is not None:
        blob.begin()
    with _checking(folder, files):
        _import_runtime(manifest.runtime)  # takes about as long as the hashes do
    if check:
        warn_if_unfit(manifest, machine)
    opened = open_model(
        folder,
        runtime=manifest.runtime,
        file=None if manifest.file is None else folder / manifest.file,
        settings=settings,
        trust_remote_code=trust_remote_code,
        blob=blob,
        reopen=partial(
            load,
            folder.absolute(),
            threads=threads,
            device=device,
            check=check,
            keep_compiled=keep_compiled,
            trust_remote_code=trust_remote_code,
        ),
    )
    return opened if expect is None else expected(opened, expect)


def _other_device(device: str, measured: str) -> str:
    """Raises InputError for a device of another kind: what was measured there, if anything, is another candidate."""
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", device) or kind_of(device) != kind_of(measured):
        raise InputError(
            f"This artifact runs on {measured}, and cannot be loaded on {device!r}.",
            hint=f"Run advisor recommend MODEL --device {device} for an artifact that does.",
        )
    return device


def _blob(
    folder: Path, manifest: Manifest, settings: RuntimeSettings, machine: Hardware, *, check: bool
) -> Blob | None:
    """What OpenVINO compiles of this graph, on this processor, with these settings; nothing for other runtimes."""
    if manifest.runtime != "openvino":
        return None
    graph = Path(manifest.file or "").with_suffix("")
    hashes = [file.sha256 for file in manifest.files if Path(file.name).with_suffix("") == graph]
    cpu = machine.cpu
    identity = [hashes, cpu.model, cpu.arch, list(cpu.isa), asdict(settings)]
    return Blob(folder, identity=identity, check=check)


def this_machine() -> Hardware:
    """The processor, and what affinity and the control group's quota grant of it; milliseconds, and nothing else."""
    from advisor.probe.cgroup import read_limits
    from advisor.probe.cpu import read_cpu
    from advisor.probe.sources import Sources

    sources = Sources()
    quota = read_limits(sources).cpu if sources.system == "Linux" else None
    return Hardware(cpu=read_cpu(sources, quota).cpu, memory=Memory(total_bytes=None, available_bytes=None))


@contextmanager
def _checking(folder: Path, files: tuple[ArtifactFile, ...]) -> Iterator[None]:
    """Hash the files in threads while the body runs; raise ArtifactError for the first bad one."""
    if not files:
        yield
        return
    largest_first = sorted(files, key=lambda file: -file.size_bytes)
    with ThreadPoolExecutor(min(len(files), os.cpu_count() or 1, 4), thread_name_prefix="sha256") as pool:
        checks: list[Future[None]] = [pool.submit(check_file, folder, file) for file in largest_first]
        yield
        for check in checks:
            check.result()


def _import_runtime(runtime: Runtime) -> None:
    """Raises MissingExtraError where the runtime is not installed."""
    if runtime == "onnx":
        from advisor.encode.onnx_session import import_onnxruntime

        import_onnxruntime()
    elif runtime == "openvino":
        from advisor.encode.openvino_session import import_openvino

        import_openvino()
