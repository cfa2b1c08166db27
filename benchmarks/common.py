"""What the benchmarks share: exported candidates, loaded workers, recommendations, texts, facts about the machine."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any

import advisor
from advisor import catalogue
from advisor.errors import ChildFailed
from advisor.export import Exporter
from advisor.measure import Journal, Run, Seams, preload_torch
from advisor.measure.contestant import Contestant
from advisor.measure.pool import Pool
from advisor.measure.prepare import Preparation
from advisor.measure.workers.memory import MemoryFit
from advisor.measure.workload.workload import Workload
from advisor.pipeline.ask import NUM_TEXTS
from advisor.probe import probe, read_packages
from advisor.question import Question
from advisor.report.format import cores
from advisor.texts import reference_texts, sample_texts
from advisor.types import BASELINE, Exported, Hardware, ModelProfile, ObjectiveName, Package, Recommendation, Request


def say(message: str) -> None:
    """Progress, on stderr."""
    print(message, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the figures were measured on."""

    hardware: Hardware
    packages: tuple[Package, ...]

    @classmethod
    def here(cls) -> Machine:
        return cls(hardware=probe(runtimes=True), packages=read_packages())

    def candidates(self) -> tuple[str, ...]:
        """All that can run here and are tried without being asked for."""
        installed = {package.name for package in self.packages if package.version is not None}
        return tuple(
            one.name
            for one in catalogue.CATALOGUE
            if not one.on_request
            and catalogue.unmet(one, self.hardware) is None
            and catalogue.missing_package(one, installed) is None
        )

    def facts(self) -> dict[str, Any]:
        """For the JSON file."""
        cpu, memory = self.hardware.cpu, self.hardware.memory
        return {
            "cpu": cpu.model,
            "isa": list(cpu.isa),
            "usable_cores": cpu.usable_cores,
            "memory_total_bytes": memory.total_bytes,
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "packages": {package.name: package.version for package in self.packages if package.version},
        }

    def describe(self) -> str:
        """One line."""
        cpu, total = self.hardware.cpu, self.hardware.memory.total_bytes
        memory = "memory unknown" if total is None else f"{total / 2**30:.0f} GiB"
        return f"{cpu.model or 'unknown CPU'} ({', '.join(cpu.isa)}), {cores(cpu.usable_cores)}, {memory}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What could be exported, and why the rest could not."""

    exported: tuple[Exported, ...]
    failed: dict[str, str]


def export(
    names: Iterable[str],
    *,
    model: ModelProfile,
    machine: Machine,
    texts: Sequence[str],
    threads: int,
    cache: Path,
    logs: Path,
    objective: ObjectiveName = "throughput",
) -> Files:
    """Export the candidates `names` into `cache`, or find them there."""
    exported: list[Exported] = []
    failed: dict[str, str] = {}
    question = question_of(model, texts, Request(threads=threads, objective=objective), machine=machine)
    with Exporter(question, cache_dir=cache, log_dir=logs) as exporter:
        for name in names:
            say(f"    exporting {name}")
            try:
                exported.append(exporter.export(catalogue.get(name)))
            except ChildFailed as error:
                failed[name] = f"export failed: {error.message}"
    return Files(exported=tuple(exported), failed=failed)


def question_of(model: ModelProfile, texts: Sequence[str], request: Request, *, machine: Machine) -> Question:
    """The question that a recommendation would ask."""
    return Question(
        model=model,
        texts=tuple(texts),
        reference_texts=reference_texts(),
        request=request,
        hardware=machine.hardware,
        packages=machine.packages,
    )


class Workers:
    """One loaded and warmed-up worker for each candidate, prepared as a recommendation prepares them.

    No candidate is sorted out by the probe. `exported` must hold the baseline; raises ChildFailed if that one fails.
    `time_s` is how long a recommendation would have: it bounds the texts that losses are estimated on.
    Use it as a context manager: leaving it ends the workers.
    """

    def __init__(self, exported: Sequence[Exported], question: Question, *, folder: Path, time_s: float = inf) -> None:
        self.contestants = {
            files.candidate: Contestant(exported=files, candidate=catalogue.get(files.candidate)) for files in exported
        }
        self.failed: dict[str, str] = {}
        self.question = question
        self._time_s = time_s
        threads = question.request.threads
        run = Run(
            log_dir=folder,
            work_dir=folder,
            emit=lambda event: None,
            clock=time.monotonic,
            torch=preload_torch(log_dir=folder, threads=threads, trust_remote_code=False),
        )
        self.journal = Journal(None, scratch=folder)
        self.pool = Pool(question, run, Seams(), wanted=lambda: list(self.contestants.values()))
        self._preparation = Preparation(question, run, self.journal, self.pool)

    @property
    def workload(self) -> Workload:
        """Which texts are timed."""
        return self.pool.workload

    def __enter__(self) -> Workers:
        try:
            self._load()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._kill()

    def _load(self) -> None:
        say(f"    loading {BASELINE}")
        self._preparation.prepare_baseline(
            self.contestants[BASELINE], time_s=self._time_s, num_candidates=len(self.contestants)
        )
        for name in [name for name in self.contestants if name != BASELINE]:
            contestant = self.contestants[name]
            say(f"    loading {name}")
            short = MemoryFit().short(contestant, self.question.model)
            if short is not None:
                self._give_up(contestant, short)
                continue
            try:
                self._preparation.prepare(contestant, time_s=None)
            except ChildFailed as error:
                self._give_up(contestant, error.message)

    def _give_up(self, contestant: Contestant, reason: str) -> None:
        say(f"    {contestant.name}: {reason}")
        self.failed[contestant.name] = reason
        del self.contestants[contestant.name]
        contestant.kill()

    def _kill(self) -> None:
        for contestant in self.contestants.values():
            contestant.kill()
        self.pool.close()


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set environment variables inside the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def empty_cache() -> Iterator[Path]:
    """A folder for the artifact; `ADVISOR_CACHE` is an empty one beside it."""
    with (
        tempfile.TemporaryDirectory(prefix="advisor-recommend-") as scratch,
        environment(ADVISOR_CACHE=str(Path(scratch) / "cache")),
    ):
        yield Path(scratch) / "artifact"


def recommend(model: str, **options: Any) -> tuple[Recommendation, float]:
    """A recommendation from an empty cache, and its wall time in seconds, with exports, artifact and its proof.

    `options` are those of `advisor.recommend` but `out`.
    """
    with empty_cache() as artifact:
        start = time.monotonic()
        found = advisor.recommend(model, out=artifact, **options)
        return found, time.monotonic() - start


def sample(source: str | None, *, field: str | None = None) -> tuple[str, ...]:
    """As many texts as a recommendation samples, of what `--texts` and `--field` name; None is the built-in sample."""
    return sample_texts(
        source, field=field, num_texts=NUM_TEXTS, seed=0, tokenizer=None, max_seq_length=None, offline=False
    ).texts


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Replace `path` as a whole."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)
