"""The order of the stages, and nothing else: each stage's work is done in its own room.

Everything heavy runs in child processes; this process imports no torch. Listeners get typed events.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import numpy as np

from advisor import catalogue
from advisor.artifact import Winner, check_target, write_artifact
from advisor.catalogue import Candidate
from advisor.choose import choose
from advisor.errors import AdvisorError, ChildFailed, InputError, MissingExtraError, NoCandidateError
from advisor.events import (
    CandidateEnded,
    Event,
    ExportFinished,
    ExportStarted,
    Finished,
    MachineProbed,
    ModelResolved,
    RulesDecided,
    StageStarted,
    TextsSampled,
    WarningRaised,
)
from advisor.export import Exporter
from advisor.measure import MeasureResult, measure
from advisor.model import resolve_model, token_counter
from advisor.paths import cache_dir
from advisor.probe import probe, read_packages
from advisor.report.markdown import to_markdown
from advisor.rules import available_rulesets, collect_facts, decide, load_ruleset, with_overrides
from advisor.texts import reference_texts, sample_texts
from advisor.types import (
    BASELINE,
    Decision,
    Exported,
    Hardware,
    ModelProfile,
    Objective,
    Outcome,
    Package,
    Recommendation,
    Request,
    TextProfile,
    TextSample,
)
from advisor.version import VERSION

NUM_TEXTS = 512
"""Sampled texts: enough for the length profile's p95 and for nearest neighbours, few enough to embed in seconds."""

MEASURE_BUDGET_S = 100.0
KEEP_LOGS = 20

Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What to do, as the user said it. `texts` is a source's name, an iterable of texts, or None (built-in sample)."""

    model: str
    texts: str | Iterable[str] | None = None
    field: str | None = None
    max_loss: float = 0.004
    objective: Objective = "throughput"
    candidates: tuple[str, ...] | None = None
    skip: tuple[str, ...] = ()
    threads: int | None = None
    seed: int = 0
    ruleset: str = "sbert-2024"
    out: Path | None = None
    dry_run: bool = False
    offline: bool = False
    trust_remote_code: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the rules alone say. `simulated` is true where a fact was overridden."""

    hardware: Hardware
    model: ModelProfile | None
    profile: TextProfile | None
    decision: Decision
    alternatives: tuple[Decision, ...]
    overrides: tuple[str, ...]
    request: Request

    @property
    def simulated(self) -> bool:
        """Whether the answer is for facts other than the ones that were read."""
        return bool(self.overrides)


def explain(spec: RunSpec, *, model: str | None, overrides: Sequence[str] = ()) -> Explanation:
    """Ask the rules only: no torch, no runtime, nothing exported or measured."""
    hardware = probe(runtimes=False)
    request = _validated(spec, hardware)
    profile = resolve_model(model, offline=spec.offline) if model is not None else None
    sample = _sample(spec, profile)
    decision, alternatives = _decide(spec, hardware, sample.profile, profile, request, overrides)
    return Explanation(
        hardware=hardware,
        model=profile,
        profile=sample.profile,
        decision=decision,
        alternatives=alternatives,
        overrides=tuple(overrides),
        request=request,
    )


def run(spec: RunSpec, emit: Listener) -> Recommendation:
    """Run every stage and return the recommendation; `emit` receives each event as it happens.

    Raises an AdvisorError with one sentence for anything that the user can mend. On KeyboardInterrupt all children
    are gone, and finished exports stay cached.
    """
    start = time.monotonic()

    def elapsed() -> float:
        return time.monotonic() - start

    _check_names(spec)
    if not spec.dry_run:
        _check_extras()
    emit(StageStarted(elapsed_s=elapsed(), stage="model"))
    model = resolve_model(spec.model, offline=spec.offline, trust_remote_code=spec.trust_remote_code)
    target = spec.out if spec.out is not None else Path("advisor-out") / Path(model.id).name
    if not spec.dry_run:
        check_target(target)
    emit(ModelResolved(elapsed_s=elapsed(), model=model))
    emit(StageStarted(elapsed_s=elapsed(), stage="machine"))
    hardware = probe(runtimes=True)
    packages = read_packages()
    request = _validated(spec, hardware)
    emit(MachineProbed(elapsed_s=elapsed(), hardware=hardware, threads=request.threads))
    emit(StageStarted(elapsed_s=elapsed(), stage="texts"))
    sample = _sample(spec, model)
    emit(TextsSampled(elapsed_s=elapsed(), profile=sample.profile))
    decision, alternatives = _decide(spec, hardware, sample.profile, model, request, ())
    plan = _plan(spec, decision, hardware, packages)
    emit(
        RulesDecided(
            elapsed_s=elapsed(),
            decision=decision,
            alternatives=alternatives,
            candidates=tuple(candidate.name for candidate in plan.candidates),
        )
    )
    recommendation = Recommendation(
        advisor_version=VERSION,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=model,
        hardware=hardware,
        packages=packages,
        texts=sample.profile,
        decision=decision,
        alternatives=alternatives,
        request=request,
        candidates=plan.skipped,
        winner=None,
        verdict="inconclusive",
        why="This was a dry run: nothing was exported or measured.",
    )
    if spec.dry_run:
        planned = tuple(_skipped(candidate, "would be tried: this was a dry run") for candidate in plan.candidates)
        recommendation = replace(recommendation, candidates=_ordered((*planned, *plan.skipped)), elapsed_s=elapsed())
        emit(Finished(elapsed_s=elapsed(), recommendation=recommendation))
        return recommendation

    for outcome in plan.skipped:
        emit(CandidateEnded(elapsed_s=elapsed(), outcome=outcome))
    logs = _new_log_dir()
    with tempfile.TemporaryDirectory(prefix="advisor-") as scratch:
        emit(StageStarted(elapsed_s=elapsed(), stage="export"))
        exported, failed = _export(
            plan.candidates, spec, model, hardware, packages, sample, request, logs, emit, elapsed
        )
        emit(StageStarted(elapsed_s=elapsed(), stage="measure"))
        result = measure(
            exported,
            model=model,
            texts=sample.texts,
            reference_texts=reference_texts(),
            request=request,
            pick=decision.recommendation,
            log_dir=logs,
            work_dir=Path(scratch),
            time_budget_s=MEASURE_BUDGET_S,
            on_event=emit,
            clock=elapsed,
        )
        emit(StageStarted(elapsed_s=elapsed(), stage="choose"))
        outcomes = (*_outcomes(exported, result), *failed, *plan.skipped)
        choice = choose(outcomes, decision=decision, request=request)
        warnings = _warnings(sample.profile, choice.winner, choice.outcomes, request, result)
        for warning in warnings:
            if warning not in result.warnings:
                emit(WarningRaised(elapsed_s=elapsed(), message=warning))
        recommendation = replace(
            recommendation,
            candidates=_ordered(choice.outcomes),
            winner=choice.winner,
            verdict=choice.verdict,
            why=choice.why,
            warnings=warnings,
            elapsed_s=elapsed(),
        )
        if choice.winner is not None:
            emit(StageStarted(elapsed_s=elapsed(), stage="artifact"))
            recommendation = _write(recommendation, exported, result, target, logs)
            recommendation = replace(recommendation, elapsed_s=elapsed())
    emit(Finished(elapsed_s=elapsed(), recommendation=recommendation))
    return recommendation


# -- before the run ------------------------------------------------------------------------------------------


def _check_names(spec: RunSpec) -> None:
    for name in (*(spec.candidates or ()), *spec.skip):
        if name not in catalogue.names():
            close = difflib.get_close_matches(name, catalogue.names(), n=3)
            meant = f"Did you mean {' or '.join(close)}?" if close else f"Known are: {', '.join(catalogue.names())}."
            raise InputError(f"There is no candidate {name!r}.", hint=meant)
    if BASELINE in spec.skip:
        raise InputError(f"{BASELINE} cannot be skipped: it is the baseline that every speedup and loss refers to.")
    if spec.objective not in get_args(Objective):
        raise InputError(
            f"The objective {spec.objective!r} is unknown.", hint=f"Choose one of {', '.join(get_args(Objective))}."
        )
    if not 0 <= spec.max_loss < 1:
        raise InputError(
            f"The loss budget {spec.max_loss!r} is not a share between 0 and 1.", hint="0.004 stands for 0.4%."
        )


def _validated(spec: RunSpec, hardware: Hardware) -> Request:
    _check_names(spec)
    threads = hardware.threads if spec.threads is None else spec.threads
    logical = os.cpu_count() or 1
    if not 1 <= threads <= logical:
        raise InputError(
            f"{threads} threads are not possible on a machine with {logical} logical CPUs.",
            hint=f"Use --threads {hardware.threads}, or leave it out.",
        )
    return Request(objective=spec.objective, max_loss=spec.max_loss, threads=threads, seed=spec.seed)


def _check_extras() -> None:
    for package, distribution in (
        ("torch", "torch"),
        ("transformers", "transformers"),
        ("sentence_transformers", "sentence-transformers"),
    ):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(distribution, "profile", purpose="Measuring")


def _sample(spec: RunSpec, model: ModelProfile | None) -> TextSample:
    return sample_texts(
        spec.texts,
        field=spec.field,
        num_texts=NUM_TEXTS,
        seed=spec.seed,
        tokenizer=None if model is None else token_counter(model),
        max_seq_length=None if model is None else model.max_seq_length,
        offline=spec.offline,
    )


def _decide(
    spec: RunSpec,
    hardware: Hardware,
    profile: TextProfile,
    model: ModelProfile | None,
    request: Request,
    overrides: Sequence[str],
) -> tuple[Decision, tuple[Decision, ...]]:
    facts = with_overrides(collect_facts(hardware=hardware, profile=profile, model=model, request=request), overrides)
    ruleset = load_ruleset(spec.ruleset)
    others = (load_ruleset(name) for name in available_rulesets() if name != ruleset.name)
    return decide(ruleset, facts), tuple(decide(other, facts) for other in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    candidates: tuple[Candidate, ...]
    skipped: tuple[Outcome, ...]


def _plan(spec: RunSpec, decision: Decision, hardware: Hardware, packages: Sequence[Package]) -> _Plan:
    """The rules' pick first, then the baseline, the challengers in the ruleset's order, and the rest."""
    installed = {package.name for package in packages if package.version is not None}
    preferred = [decision.recommendation, BASELINE, *(challenger.candidate for challenger in decision.challengers)]
    order = list(dict.fromkeys([*preferred, *catalogue.names()]))
    candidates: list[Candidate] = []
    skipped: list[Outcome] = []
    for name in order:
        candidate = catalogue.get(name)
        asked = name in spec.candidates if spec.candidates is not None else not candidate.on_request
        if candidate.on_request and not asked:
            continue
        reason = None
        if name in spec.skip:
            reason = "skipped as asked (--skip)"
        elif not asked and name != BASELINE:
            reason = "not among --candidates"
        else:
            reason = catalogue.unmet(candidate, hardware) or catalogue.missing_package(candidate, installed)
        if reason is None:
            candidates.append(candidate)
        else:
            skipped.append(_skipped(candidate, reason))
    return _Plan(candidates=tuple(candidates), skipped=tuple(skipped))


def _skipped(candidate: Candidate, reason: str) -> Outcome:
    return Outcome(name=candidate.name, status="skipped", reason=reason, precision=candidate.precision)


# -- the run -------------------------------------------------------------------------------------------------


def _export(
    candidates: Sequence[Candidate],
    spec: RunSpec,
    model: ModelProfile,
    hardware: Hardware,
    packages: tuple[Package, ...],
    sample: TextSample,
    request: Request,
    logs: Path,
    emit: Listener,
    elapsed: Callable[[], float],
) -> tuple[tuple[Exported, ...], tuple[Outcome, ...]]:
    exported: list[Exported] = []
    failed: list[Outcome] = []
    with Exporter(
        model,
        hardware=hardware,
        packages=packages,
        texts=sample.texts,
        threads=request.threads,
        cache_dir=cache_dir(),
        log_dir=logs,
        fresh=spec.fresh,
    ) as exporter:
        for index, candidate in enumerate(candidates, start=1):
            emit(ExportStarted(elapsed_s=elapsed(), candidate=candidate.name, index=index, total=len(candidates)))
            try:
                done = exporter.export(candidate)
            except ChildFailed as error:
                outcome = Outcome(
                    name=candidate.name,
                    status="failed",
                    reason=f"export failed: {error.message}",
                    precision=candidate.precision,
                    log=error.log,
                )
                failed.append(outcome)
                emit(CandidateEnded(elapsed_s=elapsed(), outcome=outcome))
            else:
                exported.append(done)
                emit(ExportFinished(elapsed_s=elapsed(), exported=done))
    return tuple(exported), tuple(failed)


def _outcomes(exported: Sequence[Exported], result: MeasureResult) -> tuple[Outcome, ...]:
    outcomes = []
    for files in exported:
        measured = result.of(files.candidate)
        outcomes.append(
            Outcome(
                name=files.candidate,
                status=measured.status,
                reason=measured.reason,
                precision=catalogue.get(files.candidate).precision,
                file=files.file,
                settings=files.settings,
                timing=measured.timing,
                loss=measured.loss,
                export_s=files.export_s,
                size_bytes=files.size_bytes,
                notes=files.notes,
                log=measured.log,
            )
        )
    return tuple(outcomes)


def _ordered(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Fastest first, then those without a speed in the catalogue's order."""
    names = catalogue.names()

    def key(outcome: Outcome) -> tuple[int, float, int]:
        rank = {"measured": 0, "rejected": 1, "cut": 2, "failed": 3, "skipped": 4}[outcome.status]
        speed = 0.0 if outcome.timing is None else outcome.timing.texts_per_s.median
        return (min(rank, 1) if outcome.timing is not None and rank < 2 else rank, -speed, names.index(outcome.name))

    return tuple(sorted(outcomes, key=key))


def _warnings(
    profile: TextProfile,
    winner: str | None,
    outcomes: Sequence[Outcome],
    request: Request,
    result: MeasureResult,
) -> tuple[str, ...]:
    warnings = list(result.warnings)
    if profile.builtin:
        warnings.append(
            "No texts were given, so speed and loss are for advisor's built-in sample: give yours with --texts FILE."
        )
    chosen = next((outcome for outcome in outcomes if outcome.name == winner), None)
    loss = None if chosen is None else chosen.loss
    if loss is not None and loss.ci95 is not None and loss.ci95[1] > request.max_loss >= loss.value:
        warnings.append(
            f"The loss of {winner} is within the budget, but its interval reaches {loss.ci95[1]:.2%}: "
            "check it on labelled data of your own."
        )
    return tuple(dict.fromkeys(warnings))


def _write(
    recommendation: Recommendation, exported: Sequence[Exported], result: MeasureResult, target: Path, logs: Path
) -> Recommendation:
    assert recommendation.winner is not None
    candidate = catalogue.get(recommendation.winner)
    files = next(item for item in exported if item.candidate == candidate.name)
    reference = result.of(candidate.name).reference_path
    if reference is None:
        raise NoCandidateError(f"{candidate.name} won, but it gave no reference embeddings to prove an artifact with.")
    artifact = write_artifact(
        recommendation,
        winner=Winner(
            runtime=candidate.runtime,
            precision=candidate.precision,
            exported=files,
            reference_texts=reference_texts(),
            reference_embeddings=np.load(reference, allow_pickle=False),
        ),
        target=target,
        readme=to_markdown(recommendation),
        log=logs / "verify.log",
    )
    return replace(recommendation, artifact=artifact)


def _new_log_dir() -> Path:
    root = cache_dir() / "logs"
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S") + f"-{os.getpid()}"
    try:
        (root / name).mkdir(parents=True)
    except OSError as error:
        raise AdvisorError(
            f"The cache folder {str(root)!r} cannot be written: {error.strerror or error}.",
            hint="Name another one in the environment variable ADVISOR_CACHE.",
        ) from None
    for old in sorted(path for path in root.iterdir() if path.is_dir())[:-KEEP_LOGS]:
        with contextlib.suppress(OSError):
            shutil.rmtree(old)
    return root / name
