"""The parent's side: plan, look into the cache, ask the worker, publish. Imports no torch."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import TracebackType

from advisor import catalogue
from advisor.catalogue import Candidate
from advisor.child.forking import Preload
from advisor.child.process import Child
from advisor.codec import from_json, to_json
from advisor.device import CPU
from advisor.errors import AdvisorError, ChildFailed
from advisor.export.cache import UNNEEDED, WORK, CachedExport, ExportCache, key_of
from advisor.export.calibration import CALIBRATION
from advisor.export.choice import OPTIMUM
from advisor.export.messages import ExportReply, ExportRequest
from advisor.export.plan import RECIPE_VERSION, Pace, Step, settings_for, steps_for, typical_s
from advisor.question import Question
from advisor.types import Exported, RuntimeSettings

WORKER = "advisor.export.worker"
_BASE_TIMEOUT_S = 900.0
_IMPORT_TIMEOUT_S = 180.0
_SLOWEST_BYTES_PER_S = 2e6
_TEXTS_OF_A_CUT_MODEL = 8
"""What it is calibrated on changes its answers, which mean nothing, and not its speed."""
_RESCUE_S = 90.0
_RESCUE_SHARE = 0.5
"""Of the time that an export may take: the rest is for the files that it starts from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    files: CachedExport
    cached: bool
    """Whether an earlier run made it."""


class Exporter:
    """Turns candidates into files, one after the other, in one child process that loads the model once.

    A child that dies costs the candidate that it was working on; the next one gets a new child. Use it as a context
    manager: leaving it ends the child. The question's texts are what static int8 is calibrated on, and its loss budget
    is what layers are taken back from int8 for. `fresh` makes every file again and replaces what the cache holds.
    `worker` is the module that the child runs; it is forked from `torch`.
    """

    def __init__(
        self,
        question: Question,
        *,
        cache_dir: Path,
        log_dir: Path,
        fresh: bool = False,
        worker: str = WORKER,
        torch: Preload | None = None,
    ) -> None:
        self._question = question
        self._model = question.model
        self._versions = {package.name: package.version for package in question.packages}
        self._cache = ExportCache(cache_dir)
        self._log = log_dir / "export.log"
        self._fresh = fresh
        self._worker = worker
        self._torch = torch
        self._within_s = inf
        self._child: Child | None = None
        self._ready: dict[tuple[str, int | None], _Ready] = {}
        self._failed: dict[tuple[str, int | None], ChildFailed] = {}
        self._pace = Pace()
        """Of what was made whole."""

    def __enter__(self) -> Exporter:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child. Safe to call twice."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def export(self, candidate: Candidate, *, within_s: float = inf, depth: int | None = None) -> Exported:
        """The candidate's files, from the cache or made now; a torch candidate is the model itself.

        `depth` cuts the model to its first layers: such files can be timed, and mean nothing.

        Raises ChildFailed, with the reason in one line, if this candidate cannot be exported: others may still be. Its
        kind is `hung` if a file takes more than `within_s` seconds.
        Raises AdvisorError if nothing can, as with a full disk.
        """
        settings = self._settings(candidate, self._question.device)
        steps = steps_for(candidate, self._question.hardware, depth=depth)
        if not steps:
            return Exported(
                candidate=candidate.name,
                folder=self._model.path,
                file=None,
                settings=settings,
                export_s=None,
                size_bytes=self._model.weights_bytes or _size_of(self._model.path),
                depth=depth,
            )
        ready = self._look_up(steps[-1])
        if ready is None:
            self._within_s = within_s
            for step in steps[:-1]:
                self._prepare(step)
            ready = self._ensure(steps[-1])
        unneeded = ready.files.folder / UNNEEDED
        if unneeded.is_file():
            raise ChildFailed(unneeded.read_text(encoding="utf-8"), kind="unneeded")
        return Exported(
            candidate=candidate.name,
            folder=ready.files.folder,
            file=steps[-1].file,
            settings=settings,
            export_s=ready.files.export_s,
            size_bytes=ready.files.size_bytes,
            cached=ready.cached,
            notes=ready.files.notes,
            depth=depth,
        )

    def is_ready(self, candidate: Candidate) -> bool:
        """Whether `export` has nothing to make: a torch candidate, or whole files that are there."""
        steps = steps_for(candidate, self._question.hardware)
        return not steps or self._look_up(steps[-1]) is not None

    def estimate_s(self, candidate: Candidate) -> float | None:
        """About how many seconds `export` takes; None where that is not known.

        By what the steps take elsewhere, and by how much longer those that this run has made took here.
        """
        steps = [step for step in steps_for(candidate, self._question.hardware) if self._look_up(step) is None]
        typical = [typical_s(step, weights_bytes=self._model.weights_bytes) for step in steps]
        known = [each for each in typical if each is not None]
        return self._pace.factor * sum(known) if len(known) == len(steps) else None

    def _prepare(self, step: Step) -> None:
        """Make a file that others start from; its failure is told to each of them without a second attempt."""
        failed = self._failed.get(step.key)
        if failed is None:
            try:
                self._ensure(step)
            except ChildFailed as error:
                failed = error
            else:
                return
        raise ChildFailed(
            f"{step.file}, which it starts from, could not be made: {failed.message}", log=failed.log, kind=failed.kind
        )

    def _look_up(self, step: Step) -> _Ready | None:
        """What this run has made or found, or what the cache holds."""
        ready = self._ready.get(step.key)
        if ready is None and not self._fresh:
            found = self._cache.find(self._key(step))
            if found is not None:
                ready = self._ready[step.key] = _Ready(files=found, cached=True)
        return ready

    def _ensure(self, step: Step) -> _Ready:
        ready = self._look_up(step)
        if ready is None:
            try:
                ready = _Ready(files=self._make(step, self._key(step)), cached=False)
            except ChildFailed as error:
                self._failed[step.key] = error
                raise
            self._failed.pop(step.key, None)
            self._ready[step.key] = ready
            if step.depth is None:
                self._pace.add(ready.files.export_s, typical_s(step, weights_bytes=self._model.weights_bytes))
        return ready

    def _make(self, step: Step, key: str) -> CachedExport:
        try:
            with self._cache.building() as folder:
                reply = self._ask(self._request(step, folder))
                if reply.disk_full:
                    raise self._disk_full(step)
                if reply.failure is not None:
                    raise ChildFailed(reply.failure, log=str(self._log))
                return self._cache.publish(
                    folder,
                    key,
                    export_s=reply.export_s,
                    notes=reply.notes,
                    model=self._model.id,
                    replace=self._fresh,
                )
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._disk_full(step) from None
            raise AdvisorError(
                f"The export cache {self._cache.root} cannot be written: {error.strerror or error}.",
                hint="Set ADVISOR_CACHE to a folder that you can write to.",
            ) from error

    def _request(self, step: Step, folder: Path) -> ExportRequest:
        texts = None
        if step.calibrated:
            texts = folder / WORK / "texts.json"
            few = self._question.texts if step.depth is None else self._question.texts[:_TEXTS_OF_A_CUT_MODEL]
            texts.write_text(json.dumps(list(few)), encoding="utf-8")
        source, reference = (
            None if name is None else self._ready[name, step.depth].files.folder / name
            for name in (step.source, step.reference)
        )
        return ExportRequest(
            model_path=str(self._model.path.resolve()),
            trust_remote_code=self._model.trust_remote_code,
            file=step.file,
            recipe=step.recipe,
            source=None if source is None else str(source.resolve()),
            calibration_texts=None if texts is None else str(texts.resolve()),
            folder=str(folder.resolve()),
            threads=self._question.request.threads,
            reference=None if reference is None else str(reference.resolve()),
            max_loss=self._question.request.max_loss,
            inference_precision=self._mixed_precision(),
            time_limit_s=min(_RESCUE_S, _RESCUE_SHARE * self._within_s),
            exporter=step.exporter,
            device=step.device,
            made_by=self._question.request.exporter,
            kind=self._model.kind,
            similarity=self._model.similarity,
            depth=step.depth,
        )

    def _settings(self, candidate: Candidate, device: str) -> RuntimeSettings:
        request = self._question.request
        return settings_for(
            candidate,
            threads=request.threads,
            objective=request.objective,
            hardware=self._question.hardware,
            device=device,
        )

    def _mixed_precision(self) -> str | None:
        return self._settings(catalogue.get(catalogue.MIXED), CPU).inference_precision

    def _ask(self, request: ExportRequest) -> ExportReply:
        slowest_s = _BASE_TIMEOUT_S + (self._model.weights_bytes or 0) / _SLOWEST_BYTES_PER_S
        timeout_s = max(0.0, min(slowest_s, self._within_s))
        if self._child is None:
            # A model on disk needs no hub; code of its own may be kept in another repository of the hub's cache.
            env = {} if self._model.trust_remote_code else {"HF_HUB_OFFLINE": "1"}
            server = None if self._torch is None else self._torch.server(timeout_s=_IMPORT_TIMEOUT_S)
            self._child = Child(self._worker, name="the export worker", log=self._log, env=env, server=server)
        try:
            result = self._child.call("export", timeout_s=timeout_s, **to_json(request))
        except ChildFailed as error:
            if error.kind != "raised":
                self.close()
            raise
        except BaseException:  # Ctrl+C: a child in the middle of an answer is of no more use
            self.close()
            raise
        return from_json(ExportReply, result)

    def _key(self, step: Step) -> str:
        ingredients = {
            "recipe": RECIPE_VERSION,
            "model": self._model.content_sha256,
            "file": step.file,
            "versions": {name: self._versions.get(name) for name in step.packages},
        }
        if step.depth is not None:
            ingredients |= {"depth": step.depth}
        if self._model.kind != "embedding":  # other graphs of the same weights
            ingredients |= {"kind": self._model.kind}
        if step.calibrated:
            ingredients |= {"texts": key_of(tuple(self._question.texts)), "calibration": CALIBRATION.to_dict()}
        if step.reference is not None:
            ingredients |= {"max_loss": self._question.request.max_loss, "precision": self._mixed_precision()}
            if self._model.similarity != "cosine":  # losses went by cosines once
                ingredients |= {"similarity": self._model.similarity}
        if step.exporter is not None:
            ingredients |= {"exporter": step.exporter, "provided_by": step.provided_by}
        if self._question.request.exporter != "native":  # keys of native files are older than the choice
            versions = {name: self._versions.get(name) for name in OPTIMUM}
            ingredients |= {"made_by": self._question.request.exporter, "made_by_versions": versions}
        return key_of(ingredients)

    def _disk_full(self, step: Step) -> AdvisorError:
        return AdvisorError(
            f"The disk that holds {self._cache.root} is full: {step.file} could not be written.",
            hint="Free some space, or set ADVISOR_CACHE to a folder on another disk.",
        )


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
