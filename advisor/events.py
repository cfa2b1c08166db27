"""What the pipeline tells its listeners, in order. The command line, the TUI and Python see the same events."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.types import (
    Decision,
    Exported,
    Fidelity,
    Hardware,
    ModelProfile,
    Outcome,
    Recommendation,
    Screened,
    TextProfile,
    TriedSetting,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. `elapsed_s` counts from the start of the run."""

    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDownloading(Event):
    """A part of the model has come from Hugging Face: told at most four times a second.

    `total_bytes` grows while the files are being asked for, and is None until the first one's size is known.
    """

    model: str
    done_bytes: int
    total_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResolved(Event):
    """The model was found and read."""

    model: ModelProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineProbed(Event):
    """The machine was read."""

    hardware: Hardware
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsSampled(Event):
    """The texts were sampled and profiled."""

    profile: TextProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesDecided(Event):
    """The rulesets answered; `candidates` will be tried, in this order."""

    decision: Decision
    alternatives: tuple[Decision, ...]
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenStep(Event):
    """A step of the screen began: `export` of a candidate that is cut to its first layers, or `time` of all of them."""

    step: str
    candidate: str
    """Empty where it is about all."""
    total: int
    """Candidates that are screened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenFinished(Event):
    """The screen has foretold what it could."""

    screened: Screened


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStarted(Event):
    """A candidate's export began; `index` of `total`, from 1."""

    candidate: str
    index: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFinished(Event):
    """A candidate's files are there."""

    exported: Exported


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLoaded(Event):
    """A candidate's worker has loaded its files and warmed up."""

    candidate: str
    load_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityMeasured(Event):
    """A candidate's accuracy loss is known."""

    candidate: str
    loss: Fidelity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFinished(Event):
    """One timed round of one candidate ended; `round_index` of `num_rounds`, from 1."""

    candidate: str
    round_index: int
    num_rounds: int
    texts_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsReused(Event):
    """Rounds of an earlier run of the same command count, and are not run again."""

    num_rounds: int
    started: str
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingTried(Event):
    """The race's leader was timed with other settings."""

    candidate: str
    tried: TriedSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceRepeated(Event):
    """The race was inconclusive and is run once more; rounds count from 1 again."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateEnded(Event):
    """A candidate left the run early (`skipped`, `failed` or `cut`), or its status is final."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningRaised(Event):
    """Something the user should know; a sentence."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted(Event):
    """A stage began: `model`, `machine`, `texts`, `screen`, `measure`, `export`, `choose` or `artifact`.

    `export` and `measure` take turns: a candidate is made when its turn comes.
    """

    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """The run ended with an answer."""

    recommendation: Recommendation
