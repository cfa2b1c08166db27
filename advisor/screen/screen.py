"""Cut the model to its first layers, make every candidate of that in seconds, and time them side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from advisor import objectives
from advisor.catalogue import MIXED, Candidate
from advisor.errors import ChildFailed
from advisor.measure import Run, Seams
from advisor.measure.contestant import Contestant
from advisor.measure.heat.laps import BlockLaps, Seat, SingleLaps
from advisor.measure.pool import Pool
from advisor.measure.race.race import Entrant, Race, RaceResult
from advisor.measure.race.rounds import Lap
from advisor.measure.workload.sizes import FIRST_PROBE
from advisor.measure.workload.workload import probe_workload, screen_workload
from advisor.objectives import Limits
from advisor.question import Question
from advisor.screen.depths import Depths, NotScreenedError
from advisor.screen.predict import WHOLE, check, predictions, seat
from advisor.types import BASELINE, Exported, Screened

NUM_ROUNDS = 7
_ROUNDS_S = 20.0
"""How long the rounds may take where they are slow; three are always run."""
_LONG_LAP_S = 0.3
"""A lap that takes longer is timed once a round. With two short ones in a row, of which the faster counts, and the
least over the rounds, 36 of 36 predictions were within 8 % for texts of 600 characters. With single laps and the median
of four rounds 92 in 100 were within 10 % (BERT base and MPNet base, two cores of a Zen 4)."""
_FIRST_SHARE = 0.4
"""Of the time, for the first candidate's files. PyTorch's import and int8, which is the first, took a third of a screen
of BERT base: one that is slower than that would not end in time."""
_LIMITS = Limits(max_rounds=NUM_ROUNDS, cuts=False, straggler_ratio=inf)

Make = Callable[[Candidate, int], Exported]
"""A candidate's files at a depth. Raises ChildFailed."""

Step = Callable[[str, str], None]
"""Told of each step: what is done, `export` or `time`, and with which candidate."""


def is_screened(candidate: Candidate) -> bool:
    """Whether a candidate can be foretold. The mixed one is made of another's losses, and compiling takes as long for
    a few layers as a whole export."""
    return candidate.name != MIXED and not candidate.compiled


def screen(
    candidates: Sequence[Candidate],
    question: Question,
    run: Run,
    *,
    make: Make,
    depths: Depths,
    time_s: float = inf,
    told: Step = lambda step, candidate: None,
    seams: Seams | None = None,
) -> Screened:
    """Foretell the candidates' speeds on the question's texts, the baseline's among them, within about `time_s`.

    A candidate that fails here is not foretold: it may still run whole. Every worker is ended on the way out.
    Raises NotScreenedError where the model cannot be cut, or the baseline does not run, or memory is short.
    """
    return _Screen(
        candidates=[each for each in candidates if is_screened(each)],
        question=question,
        run=run,
        make=make,
        depths=depths,
        time_s=time_s,
        told=told,
        seams=seams or Seams(),
    ).result()


class _RepeatedLaps(BlockLaps):
    """Of a short lap the faster one of two counts: the first one of a worker that was parked is slow."""

    def run(self, candidate: str, block: int) -> Lap:
        """Seconds for the block."""
        seconds = self._time(candidate, block, wake=None)
        if seconds <= _LONG_LAP_S:
            seconds = min(seconds, self._time(candidate, block, wake=None))
        return Lap(seconds=seconds)


@dataclass(slots=True, kw_only=True)
class _Screen:
    candidates: Sequence[Candidate]
    question: Question
    run: Run
    make: Make
    depths: Depths
    time_s: float
    told: Step
    seams: Seams
    files: dict[str, dict[int, Exported]] = field(default_factory=dict)
    """By candidate and depth."""
    contestants: dict[str, Contestant] = field(default_factory=dict)

    def result(self) -> Screened:
        start_s = self.run.clock()
        for candidate in self.candidates:
            if self.run.clock() - start_s > self.time_s:
                raise NotScreenedError("there was no time for it")
            if candidate.name == BASELINE or not self.run.control.skips(candidate.name):
                self._make(candidate)
            if len(self.files) == 1 and self.run.clock() - start_s > _FIRST_SHARE * self.time_s:
                raise NotScreenedError("there would be no time for it")
        if BASELINE not in self.files:
            raise NotScreenedError(f"{BASELINE} cannot be cut")
        pool = Pool(self.question, self.run, self.seams, wanted=lambda: list(self.contestants.values()))
        try:
            self._open(pool)
            result = self._race(pool, start_s=start_s)
        finally:
            for one in self.contestants.values():
                one.kill()
        try:
            checked = check(result.rounds, self.depths)
        except ValueError:
            raise NotScreenedError(f"{BASELINE} was not timed whole") from None
        return Screened(
            check=checked,
            predicted=predictions(result.rounds, self.contestants.keys() - {BASELINE}, self.depths),
            export_s=self._export_s(),
        )

    def _make(self, candidate: Candidate) -> None:
        self.run.control.wait()
        if self.run.control.stopped:
            raise NotScreenedError("the run was stopped")
        self.told("export", candidate.name)
        try:
            files = {depth: self.make(candidate, depth) for depth in (self.depths.shallow, self.depths.deep)}
        except ChildFailed:  # it may still be possible whole: that is tried later, and its reason is told then
            return
        self.files[candidate.name] = files

    def _open(self, pool: Pool) -> None:
        """Open the baseline whole, and size the blocks by it."""
        for candidate in self.candidates:
            files = self.files.get(candidate.name)
            if files is not None:
                whole = candidate.name == BASELINE
                exported = replace(files[self.depths.deep], depth=None) if whole else files[self.depths.shallow]
                self.contestants[candidate.name] = Contestant(exported=exported, candidate=candidate)
        if not self.seams.memory.holds(list(self.contestants.values()), self.question.model):
            raise NotScreenedError("memory is short")
        baseline = self.contestants[BASELINE]
        pool.use(probe_workload(self.question.texts, num_texts=FIRST_PROBE))
        probe, limit_s = pool.workload.probe, pool.durations.load_timeout_s
        try:
            pool.load(baseline)
            pool.send(baseline)
            (seconds,) = baseline.connection.time_blocks([[probe]], wake=probe, timeout_s=limit_s)
        except ChildFailed as error:
            raise NotScreenedError(f"{BASELINE} failed: {error.message}") from None
        pool.use(screen_workload(self.question, s_per_text=seconds / FIRST_PROBE))
        for one in self.contestants.values():
            one.findings = replace(one.findings, s_per_text=seconds / FIRST_PROBE)

    def _seats(self, one: Contestant) -> dict[str, Seat]:
        """A candidate at both depths, and the baseline whole as well. What is opened first has no name of its own."""
        name = one.name
        seats = {seat(name, WHOLE): Seat(contestant=one)} if name == BASELINE else {}
        for depth, files in self.files[name].items():
            own = files == one.exported
            seats[seat(name, depth)] = (
                Seat(contestant=one) if own else Seat(contestant=one, setting=str(depth), files=files)
            )
        return seats

    def _race(self, pool: Pool, *, start_s: float) -> RaceResult:
        seats = {name: self._seats(one) for name, one in self.contestants.items()}
        all_seats = {name: each for of_one in seats.values() for name, each in of_one.items()}
        latency = objectives.get(self.question.request.objective).races.decides == "latency"
        runner = (SingleLaps if latency else _RepeatedLaps)(all_seats, pool)
        pool.send(self.contestants[BASELINE])
        for name, one in list(self.contestants.items()):
            try:
                for each in seats[name]:
                    runner.ready(each)
            except ChildFailed as error:
                if name == BASELINE:
                    raise NotScreenedError(f"{BASELINE} failed: {error.message}") from None
                one.kill()
                del self.contestants[name], seats[name]
        self.told("time", "")
        return Race(
            entrants=[Entrant(name=each, may_win=False) for of_one in seats.values() for each in of_one],
            runner=runner,
            baseline=seat(BASELINE, WHOLE),
            seed=self.question.request.seed,
            clock=self.run.clock,
            limits=_LIMITS,
            deadline_s=min(start_s + self.time_s, self.run.clock() + _ROUNDS_S),
            control=self.run.control,
        ).run()

    def _export_s(self) -> dict[str, float]:
        """By the line through what both depths took. An int8 file starts from the plain one, which it counts, too."""
        found = {}
        for name, files in self.files.items():
            shallow, deep = (files[depth].export_s for depth in (self.depths.shallow, self.depths.deep))
            if shallow is not None and deep is not None:
                found[name] = max(deep, self.depths.whole(shallow, deep))
        plain = {one.runtime: found.get(one.runtime, 0.0) for one in self.candidates}
        for one in self.candidates:
            if one.name in found and one.precision == "int8":
                found[one.name] += plain[one.runtime]
        return found
