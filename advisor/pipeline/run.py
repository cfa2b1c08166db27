"""The order of the stages, and nothing else: each stage's work is done in its own room.

Everything heavy runs in child processes; this process imports no torch. Listeners get typed events.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from advisor import catalogue, events
from advisor.artifact import Winner, check_target, write_artifact
from advisor.cache import log_entry
from advisor.choose import choose
from advisor.device import CPU, unused_gpu
from advisor.errors import AdvisorError, InputError, NoCandidateError
from advisor.export import Exporter
from advisor.export.choice import choose_exporter
from advisor.gate import NOISE
from advisor.labels import read_labels
from advisor.measure import Control, Journal, MeasureResult, Run, journal_folder, measure, preload_torch
from advisor.model import check_stack, resolve_model
from advisor.paths import cache_dir
from advisor.pipeline.ask import ask_rules, references, sample
from advisor.pipeline.exporting import Making
from advisor.pipeline.plan import Plan, plan, skipped_outcome
from advisor.pipeline.screening import screen_all
from advisor.pipeline.spec import RunSpec, check, check_extras, request_of
from advisor.probe import probe, read_packages
from advisor.question import Question
from advisor.report.files import render
from advisor.report.markdown import to_markdown
from advisor.rules import Ruleset, collect_facts
from advisor.types import Exported, Measurement, ModelProfile, Outcome, Recommendation, Screened
from advisor.version import VERSION

KEEP_LOGS = 20

_ARTIFACT_S = 5.0
_BYTES_PER_S = 1e8
"""Copying, hashing, opening and a proof took 4 s for 110 MB in OpenVINO, and 8 s for 440 MB in PyTorch (Zen 4, two
cores)."""
_ARTIFACT_SHARE = 0.25

Listener = Callable[[events.Event], None]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """Everything that is known before the first export."""

    target: Path
    deadline_s: float
    question: Question
    plan: Plan
    ruleset: Ruleset
    recommendation: Recommendation
    """As far as it is known: no candidate has been tried."""


def run(spec: RunSpec, emit: Listener, *, control: Control | None = None) -> Recommendation:
    """Run every stage and return the recommendation; `emit` receives each event as it happens.

    `control` lets another thread pause, skip a candidate, or stop and keep what is measured.

    Raises an AdvisorError with one sentence for anything that the user can mend. On KeyboardInterrupt all children
    are gone, and finished exports and rounds stay cached.
    """
    start = time.monotonic()

    def elapsed() -> float:
        return time.monotonic() - start

    ready = _get_ready(spec, emit, elapsed)
    if spec.dry_run:
        tried = (skipped_outcome(each, "would be tried: this was a dry run") for each in ready.plan.candidates)
        recommendation = replace(
            ready.recommendation, candidates=_ordered((*tried, *ready.plan.skipped)), elapsed_s=elapsed()
        )
    else:
        for outcome in ready.plan.skipped:
            emit(events.CandidateEnded(elapsed_s=elapsed(), outcome=outcome))
        recommendation = _try(spec, ready, emit, elapsed, control)
    emit(events.Finished(elapsed_s=elapsed(), recommendation=recommendation))
    return recommendation


def _get_ready(spec: RunSpec, emit: Listener, elapsed: Clock) -> _Ready:
    check(spec)
    if not spec.dry_run:
        check_extras()
    emit(events.StageStarted(elapsed_s=elapsed(), stage="model"))

    def arrived(done: int, total: int | None) -> None:
        emit(events.ModelDownloading(elapsed_s=elapsed(), model=spec.model, done_bytes=done, total_bytes=total))

    model = resolve_model(spec.model, offline=spec.offline, trust_remote_code=spec.trust_remote_code, arrived=arrived)
    if spec.labels is not None and model.kind != "embedding":
        raise InputError(
            f"{model.id} is a {model.kind}, and labels (--eval) are for models that embed texts.",
            hint="Leave out --eval: the loss is estimated on your texts.",
        )
    target = spec.out if spec.out is not None else Path("advisor-out") / Path(model.id).name
    if not spec.dry_run:
        check_target(target)
    emit(events.ModelResolved(elapsed_s=elapsed(), model=model))
    deadline_s = elapsed() + spec.time_budget_s - _artifact_s(model, spec.time_budget_s)
    emit(events.StageStarted(elapsed_s=elapsed(), stage="machine"))
    hardware = probe(runtimes=True)
    packages = read_packages()
    request = replace(request_of(spec, hardware), exporter=choose_exporter(spec.exporter, packages))
    check_stack(model, packages)
    emit(events.MachineProbed(elapsed_s=elapsed(), hardware=hardware, threads=request.threads))
    emit(events.StageStarted(elapsed_s=elapsed(), stage="texts"))
    drawn = sample(spec, model)
    emit(events.TextsSampled(elapsed_s=elapsed(), profile=drawn.profile))
    labels = None if spec.labels is None else read_labels(spec.labels, field=spec.label_field, offline=spec.offline)
    facts = collect_facts(hardware=hardware, profile=drawn.profile, model=model, request=request)
    decisions = ask_rules(spec.ruleset, facts)
    planned = plan(
        spec,
        decisions.decision,
        hardware,
        packages,
        device=request.device or CPU,
        exporter=request.exporter,
    )
    emit(
        events.RulesDecided(
            elapsed_s=elapsed(),
            decision=decisions.decision,
            alternatives=decisions.alternatives,
            candidates=tuple(candidate.name for candidate in planned.candidates),
        )
    )
    return _Ready(
        target=target,
        deadline_s=deadline_s,
        question=Question(
            model=model,
            texts=drawn.texts,
            reference_texts=references(model),
            request=request,
            hardware=hardware,
            packages=packages,
            labels=labels,
            pick=decisions.decision.recommendation,
        ),
        plan=planned,
        ruleset=decisions.ruleset,
        recommendation=Recommendation(
            advisor_version=VERSION,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            model=model,
            hardware=hardware,
            packages=packages,
            texts=drawn.profile,
            decision=decisions.decision,
            alternatives=decisions.alternatives,
            request=request,
            candidates=planned.skipped,
            winner=None,
            verdict="inconclusive",
            why="This was a dry run: nothing was exported or measured.",
            labels=None if labels is None else labels.profile,
        ),
    )


def _artifact_s(model: ModelProfile, time_budget_s: float) -> float:
    """Seconds to leave for writing the artifact and proving it."""
    needed_s = _ARTIFACT_S + (model.weights_bytes or 0) / _BYTES_PER_S
    return min(needed_s, _ARTIFACT_SHARE * time_budget_s)


def _try(spec: RunSpec, ready: _Ready, emit: Listener, elapsed: Clock, control: Control | None) -> Recommendation:
    """Export, measure, choose, write."""
    known, question, request = ready.recommendation, ready.question, ready.question.request
    logs = _new_log_dir()
    with (
        tempfile.TemporaryDirectory(prefix="advisor-") as scratch,
        preload_torch(
            log_dir=logs, threads=request.threads, trust_remote_code=question.model.trust_remote_code
        ) as preload,
        ExitStack() as in_use,
    ):
        # A forked process cannot use CUDA once it was touched, and libraries touch it in their own ways.
        run = Run(
            log_dir=logs,
            work_dir=Path(scratch),
            emit=emit,
            clock=elapsed,
            control=control or Control(),
            torch=None if question.hardware.cuda else preload,
        )
        journal = in_use.enter_context(
            Journal(journal_folder(cache_dir(), question), scratch=run.work_dir, fresh=spec.fresh)
        )
        exporter = in_use.enter_context(
            Exporter(question, cache_dir=cache_dir(), log_dir=logs, fresh=spec.fresh, torch=run.torch)
        )
        candidates = ready.plan.candidates
        files = Making(exporter, total=len(candidates), emit=emit, clock=elapsed)
        in_use.callback(files.release)
        screened = screen_all(
            candidates,
            question,
            run,
            exporter=exporter,
            journal=journal,
            time_budget_s=spec.time_budget_s,
            emit=emit,
        )
        emit(events.StageStarted(elapsed_s=elapsed(), stage="measure"))

        def doubt(found: MeasureResult) -> str | None:
            measured = [replace(each, untried=None) for each in found.candidates]  # racing again tries none of them
            judged = choose(measured, decision=known.decision, request=request, disturbed=_disturbed(found))
            return judged.why if judged.verdict == "inconclusive" and judged.winner is not None else None

        result = measure(
            candidates,
            files,
            question,
            run,
            time_budget_s=max(0.0, ready.deadline_s - elapsed()),
            journal=journal,
            screened=screened,
            doubt=doubt,
        )
        emit(events.StageStarted(elapsed_s=elapsed(), stage="choose"))
        outcomes = (*result.candidates, *ready.plan.skipped)
        choice = choose(outcomes, decision=known.decision, request=request, disturbed=_disturbed(result))
        warnings = _warnings(known, choice.winner, choice.outcomes, result)
        for warning in warnings:
            if warning not in result.warnings:
                emit(events.WarningRaised(elapsed_s=elapsed(), message=warning))
        recommendation = replace(
            known,
            candidates=_ordered(choice.outcomes),
            winner=choice.winner,
            verdict=choice.verdict,
            why=choice.why,
            warnings=warnings,
            elapsed_s=elapsed(),
            measurement=_with_screen(result, screened),
            labels=result.labels,
        )
        if choice.winner is not None:
            emit(events.StageStarted(elapsed_s=elapsed(), stage="artifact"))
            recommendation = _write(recommendation, files.made[choice.winner], ready, logs)
            recommendation = replace(recommendation, elapsed_s=elapsed())
    return recommendation


# -- after measuring -----------------------------------------------------------------------------------------


def _disturbed(result: MeasureResult) -> str | None:
    return None if result.measurement is None else result.measurement.disturbed


def _with_screen(result: MeasureResult, screened: Screened | None) -> Measurement | None:
    if result.measurement is None or screened is None:
        return result.measurement
    return replace(result.measurement, screen=screened.check)


def _ordered(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Fastest first, then those without a speed in the catalogue's order."""
    names = catalogue.names()

    def key(outcome: Outcome) -> tuple[int, float, int]:
        rank = {"measured": 0, "rejected": 1, "cut": 2, "failed": 3, "skipped": 4}[outcome.status]
        speed = 0.0 if outcome.timing is None else outcome.timing.texts_per_s.median
        return (min(rank, 1) if outcome.timing is not None and rank < 2 else rank, -speed, names.index(outcome.name))

    return tuple(sorted(outcomes, key=key))


def _warnings(
    known: Recommendation, winner: str | None, outcomes: Sequence[Outcome], result: MeasureResult
) -> tuple[str, ...]:
    request = known.request
    warnings = list(result.warnings)
    idle = unused_gpu(known.hardware)
    if idle is not None:
        warnings.append(idle)
    if known.texts.builtin:
        warnings.append(
            "No texts were given, so speed and loss are for advisor's built-in sample: give yours with --texts FILE."
        )
    elif known.texts.pairs == "made":
        warnings.append(
            "The pairs were made of single texts, so their scores are hardly those of your queries: give yours with "
            "--texts FILE --field query,document."
        )
    chosen = next((outcome for outcome in outcomes if outcome.name == winner), None)
    loss = None if chosen is None else chosen.loss
    if loss is not None and loss.ci95 is not None and loss.ci95[1] > max(request.max_loss, NOISE) >= loss.value:
        warnings.append(
            f"The loss of {winner} is within the budget, but its interval reaches {loss.ci95[1]:.2%}: "
            "check it on labelled data of your own with --eval."
        )
    return tuple(dict.fromkeys(warnings))


def _write(recommendation: Recommendation, files: Exported, ready: _Ready, logs: Path) -> Recommendation:
    assert recommendation.winner is not None
    candidate = catalogue.get(recommendation.winner)
    won = recommendation.outcome(candidate.name)
    if won is None or won.reference_path is None:
        raise NoCandidateError(f"{candidate.name} won, but it gave no reference embeddings to prove an artifact with.")
    artifact = write_artifact(
        recommendation,
        winner=Winner(
            runtime=candidate.runtime,
            precision=candidate.precision,
            exported=replace(files, settings=won.settings or files.settings),
            reference_texts=ready.question.reference_texts,
            reference_embeddings=np.load(won.reference_path, allow_pickle=False),
        ),
        target=ready.target,
        readme=to_markdown(recommendation, ruleset=ready.ruleset),
        reports=functools.partial(render, ruleset=ready.ruleset),
        log=logs / "verify.log",
    )
    return replace(recommendation, artifact=artifact)


def _new_log_dir() -> Path:
    root = cache_dir() / "logs"
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S") + f"-{os.getpid()}"
    try:
        (root / name).mkdir(parents=True, exist_ok=True)  # runs from the cache may take less than a second
    except OSError as error:
        raise AdvisorError(
            f"The cache folder {str(root)!r} cannot be written: {error.strerror or error}.",
            hint="Name another one in the environment variable ADVISOR_CACHE.",
        ) from None
    _remove_old_logs(root)
    return root / name


def _remove_old_logs(root: Path) -> None:
    """All folders of runs but the newest ones and those of runs that go on; what else lies there is not looked at."""
    with contextlib.suppress(OSError):
        entries = [log_entry(path) for path in sorted(root.iterdir()) if path.is_dir()]
        for entry in [entry for entry in entries if entry is not None][:-KEEP_LOGS]:
            if not entry.in_use:
                shutil.rmtree(entry.path, ignore_errors=True)
