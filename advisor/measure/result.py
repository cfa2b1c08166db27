"""What measuring hands on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from advisor import catalogue
from advisor.types import (
    Drift,
    Exported,
    Fidelity,
    Findings,
    LabelProfile,
    LengthSpeed,
    Measurement,
    Outcome,
    RuntimeSettings,
    Status,
    Timing,
    TriedSetting,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known about one candidate after measuring. `reason` is empty where it was measured in full."""

    name: str
    status: Status
    reason: str = ""
    timing: Timing | None = None
    """For a candidate that was cut after the probe: the probe's figures, with no rounds and no intervals."""
    loss: Fidelity | None = None
    estimated: Fidelity | None = None
    drift: Drift | None = None
    most_moved: Path | None = None
    log: str | None = None
    cut_by: str | None = None
    """The rival that a cut candidate lost to; without that rival it would still be in the race."""
    reference_path: Path | None = None
    """Embeddings of the reference texts, each encoded alone: `(num_texts, dimension)` float32 as .npy."""
    import_s: float | None = None
    """Importing the runtime; `timing.load_s` is without it."""
    load_s: float | None = None
    settings: RuntimeSettings | None = None
    """Those that everything was measured with: the export's own, or what tuning kept, or what fits into memory."""
    notes: tuple[str, ...] = ()
    """What measuring found out about how it can be run here, in sentences for the user."""
    tried: tuple[TriedSetting, ...] = ()
    by_length: tuple[LengthSpeed, ...] = ()

    def outcome(self, exported: Exported) -> Outcome:
        """Everything known about the candidate, with the files that it was measured with."""
        return Outcome(
            name=self.name,
            status=self.status,
            reason=self.reason,
            precision=catalogue.get(self.name).precision,
            file=exported.file,
            settings=self.settings or exported.settings,
            timing=self.timing,
            findings=Findings(
                import_s=self.import_s,
                load_s=self.load_s,
                loss=self.loss,
                estimated_loss=self.estimated,
                drift=self.drift,
            ),
            most_moved=self.most_moved,
            export_s=exported.export_s,
            size_bytes=exported.size_bytes,
            notes=(*exported.notes, *self.notes),
            log=self.log,
            tried=self.tried,
            by_length=self.by_length,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureResult:
    """One `Measured` for each candidate, in the order in which they were given."""

    candidates: tuple[Measured, ...]
    warnings: tuple[str, ...]
    measurement: Measurement | None = None
    labels: LabelProfile | None = None
    """What the losses were measured on."""

    def of(self, name: str) -> Measured:
        """The candidate called `name`; raises KeyError if it was not in the run."""
        for measured in self.candidates:
            if measured.name == name:
                return measured
        raise KeyError(name)
