"""What the parent asks the worker, and what it answers: one JSON object each way."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.types import ExporterName, ModelKind, Similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """Make one file. All paths are absolute; `folder` exists and holds nothing of value."""

    model_path: str
    trust_remote_code: bool
    file: str
    """Relative name under `folder` of the file to write."""
    recipe: str
    source: str | None
    """Path of the file that the recipe starts from."""
    calibration_texts: str | None
    """Path of a JSON array of texts."""
    folder: str
    threads: int
    reference: str | None = None
    """Path of the float32 file with which the recipe compares."""
    max_loss: float | None = None
    inference_precision: str | None = None
    time_limit_s: float | None = None
    exporter: str | None = None
    """`module:function` of the recipe `outside`."""
    device: str = "cpu"
    """What the file is made for."""
    made_by: ExporterName = "native"
    """Whose tools advisor's own recipes use."""
    kind: ModelKind = "embedding"
    """Of the model."""
    similarity: Similarity = "cosine"
    """What its embeddings are compared by."""
    depth: int | None = None
    """To how many layers the model is cut; None for the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReply:
    """How it went: `failure` is None, or the reason in one line."""

    export_s: float
    """Time of this step alone, without starting the process and loading the model."""
    notes: tuple[str, ...] = ()
    failure: str | None = None
    disk_full: bool = False
