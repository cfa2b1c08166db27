"""The answer: what became of each candidate, which one won, and everything that it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from advisor.codec import HIDDEN, INLINE
from advisor.types.asked import LabelProfile, ModelProfile, Request, TextProfile
from advisor.types.decided import Decision
from advisor.types.files import Artifact, RuntimeSettings
from advisor.types.machine import Hardware, Package
from advisor.types.measured import (
    Drift,
    Fidelity,
    Findings,
    LengthSpeed,
    Predicted,
    ScreenCheck,
    Timing,
    TriedSetting,
    Untried,
)
from advisor.types.words import BASELINE, Precision, Status, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything known about one candidate at the end. Unknown values are None, never invented."""

    name: str
    status: Status
    reason: str
    precision: Precision
    file: str | None = None
    settings: RuntimeSettings | None = None
    timing: Timing | None = field(default=None, metadata=INLINE)
    predicted: Predicted | None = None
    """Set where it was cut by a prediction. It then has no timing, and `reason` holds the figure and its origin."""
    untried: Untried | None = None
    """Set where it can run here and was left out for lack of time; None for every other reason."""
    findings: Findings = field(default_factory=Findings, metadata=INLINE)
    export_s: float | None = None
    size_bytes: int | None = None
    notes: tuple[str, ...] = ()
    log: str | None = field(default=None, metadata=HIDDEN)
    by_length: tuple[LengthSpeed, ...] = ()
    """Ascending; empty where lengths vary too little, or where the candidate was out of the race by then."""
    most_moved: Path | None = field(default=None, metadata=HIDDEN)
    """A file on this machine with the five texts that moved most."""
    reference_path: Path | None = field(default=None, metadata=HIDDEN)
    """A file on this machine with the embeddings of the reference texts, each encoded alone: `(num_texts, dimension)`
    float32 as .npy."""
    tried: tuple[TriedSetting, ...] = ()
    """Tuning; `settings` are the ones that were kept, and everything else was measured with them."""

    @property
    def loss(self) -> Fidelity | None:
        """The accuracy loss: measured on labels where there are some, else estimated."""
        return self.findings.loss

    @property
    def estimated(self) -> Fidelity | None:
        """The loss without labels, where `loss` is labelled."""
        return self.findings.estimated_loss

    @property
    def drift(self) -> Drift | None:
        """How far the embeddings are from the baseline's."""
        return self.findings.drift


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What `choose` says: outcomes with final statuses, the winner (None if nothing is left) and the verdict."""

    outcomes: tuple[Outcome, ...]
    winner: str | None
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """How the figures came about."""

    started: str
    """When the first round that counts was run: UTC, ISO 8601."""
    num_rounds: int
    num_reused: int
    """Rounds that an earlier, interrupted or repeated run of the same command had finished."""
    num_reruns: int = 0
    """Races that were run again because the first one was inconclusive."""
    disturbed: str | None = None
    """What else the machine did, where it was too much for a verdict to rest on: a sentence without its full stop."""
    screen: ScreenCheck | None = None
    """How well predictions held; None where nothing was predicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The answer: the Python result, `--json` and the manifest are this one type, versioned.

    `advisor.document` writes and reads the fields that are hidden here.
    """

    advisor_version: str
    created: str
    """UTC, ISO 8601."""
    model: ModelProfile
    hardware: Hardware
    packages: tuple[Package, ...] = field(metadata=HIDDEN)
    texts: TextProfile
    decision: Decision = field(metadata=HIDDEN)
    alternatives: tuple[Decision, ...] = field(metadata=HIDDEN)
    request: Request = field(metadata=HIDDEN)
    candidates: tuple[Outcome, ...]
    winner: str | None
    verdict: Verdict
    why: str
    warnings: tuple[str, ...] = ()
    artifact: Artifact | None = None
    elapsed_s: float | None = None
    measurement: Measurement | None = None
    labels: LabelProfile | None = None
    """What the loss was measured on; None where it is estimated."""
    baseline: str = BASELINE

    def outcome(self, name: str) -> Outcome | None:
        """The outcome of the candidate called `name`, None if it was not in the run."""
        return next((outcome for outcome in self.candidates if outcome.name == name), None)

    def to_dict(self) -> dict[str, object]:
        """The document described by `docs/recommendation.schema.json`."""
        from advisor.document import to_dict

        return to_dict(self)
