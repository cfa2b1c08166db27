"""Files of candidates whose exporter is a function that the catalogue's row names (docs/adding-a-candidate.md)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from advisor.export.check import ANY_DIFFERENCE, check, onnx_runner, openvino_runner
from advisor.export.failure import ExportError
from advisor.export.loading import LoadedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """What an exporter is given. It writes `file`, whose folder exists, and whatever belongs beside it.

    `source` is the file that it starts from, None for the model itself. `texts` are the sampled texts where the row is
    `calibrated`, else none; they are not to be kept. `work` is a folder for what must not be kept.
    """

    model: LoadedModel
    file: Path
    source: Path | None
    texts: tuple[str, ...]
    work: Path
    threads: int


OutsideExporter = Callable[[ExportJob], Iterable[str] | None]
"""Returns notes for the user, a sentence each. What it raises is the reason why the candidate failed."""


def export_outside(job: ExportJob, *, exporter: str, device: str = "cpu") -> tuple[str, ...]:
    """Call the function `exporter` (`module:function`) and check the file that it wrote, where it runs on the CPU.

    Raises ExportError where there is no such function, or no file, or the file does not run, gives another shape than
    torch, NaN or Inf. How far it is from torch is measured on the user's texts afterwards.
    """
    make = _function(exporter)
    job.file.parent.mkdir(parents=True, exist_ok=True)
    notes = make(job) or ()
    if not job.file.is_file():
        raise ExportError(f"{exporter} wrote no {job.file.parent.name}/{job.file.name}")
    if device == "cpu":
        runner = onnx_runner if job.file.suffix == ".onnx" else openvino_runner
        check(runner(job.file, threads=job.threads), job.model.probes, tolerance=ANY_DIFFERENCE)
    return tuple(str(note) for note in ([notes] if isinstance(notes, str) else notes))


def _function(exporter: str) -> OutsideExporter:
    module, _, name = exporter.partition(":")
    function = getattr(importlib.import_module(module), name, None)
    if not callable(function):
        raise ExportError(f"{module} has no function {name!r}")
    found: OutsideExporter = function
    return found
