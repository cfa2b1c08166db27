"""The parent's side of a measurement. Imports no runtime; sleeps while a candidate works."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from advisor import catalogue, objectives
from advisor.errors import ChildFailed, InputError, UnavailableError
from advisor.measure.contestant import Contestant
from advisor.measure.heat.heat import Heat
from advisor.measure.heat.stages import Stages
from advisor.measure.journal import Journal
from advisor.measure.noise import Noise, disturbed, read_noise, warnings
from advisor.measure.pool import Pool
from advisor.measure.prepare import Preparation
from advisor.measure.race.observer import Exit, Observer
from advisor.measure.race.rounds import Round
from advisor.measure.reporter import Reporter
from advisor.measure.result import MeasureResult, Totals, contest_of
from advisor.measure.setup import Run, Seams
from advisor.question import Question
from advisor.types import BASELINE, Exported, Outcome, Precision, TriedSetting, Untried

_LOADING_SHARE = 0.6
"""Share of the time budget after which no further candidate is loaded (the ruleset's pick always is)."""

_LIKELIER: tuple[Precision, ...] = ("int8", "bf16", "fp16", "fp32")
"""The usual order of speed: fewer bytes to move, more numbers an instruction."""

COMPILE_S = 30.0
"""What compiling all-MiniLM-L6-v2 took torch.compile on two busy cores: 27 and 40 s (docs/exporting.md)."""


def measure(
    exported: Sequence[Exported],
    question: Question,
    run: Run,
    *,
    time_budget_s: float,
    journal: Journal | None = None,
    doubt: Callable[[MeasureResult], str | None] = lambda _: None,
    seams: Seams | None = None,
) -> MeasureResult:
    """Time the candidates against each other, each in its own process, and compare their embeddings with fp32's.

    `exported` must hold the baseline. All candidates get the same texts and the same threads. `time_budget_s` bounds
    the whole measurement (short of a few rounds that it always takes). What `journal` holds of an earlier run counts as
    if it were measured now, and what is measured now is added to it: a worker is only opened for what it does not hold.
    `doubt` says why a result carries no verdict (None if it does): the race is then run once more, if there is time.
    Workers on PyTorch are forked from `run.torch`, which is closed on the way out.

    A candidate that fails is in the result with its reason. Every process is ended on the way out, however that is.
    Raises InputError if there are no texts or no baseline, and UnavailableError if the baseline itself fails before
    the race.
    """
    if not question.texts:
        raise InputError("There are no texts to measure with.")
    contestants = {
        files.candidate: Contestant(exported=files, candidate=catalogue.get(files.candidate)) for files in exported
    }
    if BASELINE not in contestants:
        raise InputError(f"{BASELINE} is not among the candidates: every speedup and loss refers to it.")
    measurement = _Measurement(
        contestants=contestants,
        question=question,
        run=run,
        time_budget_s=time_budget_s,
        journal=journal or Journal(None, scratch=run.work_dir),
        doubt=doubt,
        seams=seams or Seams(),
    )
    try:
        return measurement.result()
    finally:
        measurement.kill_all()


@dataclass(slots=True, kw_only=True)
class _Measurement(Observer):
    """Heats: as many candidates as fit into memory race at once, the baseline always among them."""

    contestants: dict[str, Contestant]
    question: Question
    run: Run
    time_budget_s: float
    journal: Journal
    doubt: Callable[[MeasureResult], str | None]
    seams: Seams
    pool: Pool = field(init=False)
    preparation: Preparation = field(init=False)
    reporter: Reporter = field(init=False)
    start_s: float = field(init=False)
    before: Noise = field(init=False)
    """The machine's counters when the measurement began, and when the race did."""
    before_race: Noise = field(init=False)
    disturbed: str | None = None
    """What disturbed a race so much that no verdict rests on it."""
    totals: Totals = field(default_factory=Totals)
    revived: set[str] = field(default_factory=set)
    """Candidates that got a race although the probe had cut them."""
    was_short: bool = False
    """Whether memory was too short for one race."""

    def __post_init__(self) -> None:
        self.pool = Pool(self.question, self.run, self.seams, wanted=self._wanted)
        self.preparation = Preparation(self.question, self.run, self.journal, self.pool)
        self.reporter = Reporter(emit=self.run.emit, clock=self.run.clock)
        self.start_s = self._clock()
        self.before = self.before_race = read_noise()

    def result(self) -> MeasureResult:
        """Everything, in order."""
        self.run.control.during_pause = self._pause
        self._get_baseline_ready()
        others = [one for name, one in self.contestants.items() if name != BASELINE]
        pending = sorted(others, key=self._turn)
        while True:
            ready = self._admit_those_that_fit(pending)
            baseline = self.contestants[BASELINE]
            if baseline.exit is None and (ready or not self.totals.endings):
                self._race([baseline, *ready], num_pending=len(pending))
            for one in others:
                self._retire(one)
            pending = pending or self._revive(others)
            if not pending:
                break
        self._retire(self.contestants[BASELINE])
        self.pool.close()  # the CPU time of what it forked is known to be ours from here on
        self._reinstate()
        about_labels = self.preparation.label_warnings()
        found = () if self.journal.finished else self._warnings()
        for message in (*found, *about_labels):
            self.reporter.warned(message)
        self._close_journal(self._result(found))
        return self._result((*found, *about_labels))

    def kill_all(self) -> None:
        """End every worker."""
        for one in self.contestants.values():
            one.kill()
        self.pool.close()

    # -- what the races report ---------------------------------------------------------------------------------

    def lap(self, name: str, round_index: int, block: int, seconds: float) -> None:
        most = objectives.get(self.question.request.objective).races.throughput.max_rounds
        self.reporter.lap(name, round_index, most, self.pool.workload.block_texts[block] / seconds)

    def left(self, left: Exit, rounds: Sequence[Round]) -> None:
        one = self.contestants[left.name]
        if one.exit is None:  # one that was cut may still fail later; the cut stands
            one.exit = left
            self.reporter.ended(self._outcome(one, rounds))

    def tried(self, name: str, tried: TriedSetting) -> None:
        self.reporter.tried(name, tried)

    def repeated(self, why: str) -> None:
        self.before_race = read_noise()
        self.reporter.repeated(why)

    # -- getting ready ---------------------------------------------------------------------------------------

    def _get_baseline_ready(self) -> None:
        baseline = self.contestants[BASELINE]
        recalled = self.preparation.recall(baseline)
        if not recalled:
            self.journal.forget()
        self.reporter.reused(self.journal)
        if not recalled:
            try:
                self.preparation.prepare_baseline(
                    baseline, time_s=self._left_s(1.0), num_candidates=len(self._wanted())
                )
            except ChildFailed as error:
                raise UnavailableError(
                    f"The baseline {BASELINE} could not be measured: {error.message}.", hint=f"See {error.log}."
                ) from None
        self.reporter.loaded(baseline)

    def _wanted(self) -> list[Contestant]:
        """Candidates that will need a worker, as far as that is known."""
        return [one for one in self.contestants.values() if one.exit is None and not self.preparation.is_hopeless(one)]

    def _turn(self, one: Contestant) -> tuple[bool, bool, int]:
        """The pick first, then the quick to load (PyTorch takes seconds to import), and of these the likelier to win:
        there may not be time for all."""
        return one.name != self.question.pick, one.on_torch, _LIKELIER.index(one.candidate.precision)

    def _admit_those_that_fit(self, pending: list[Contestant]) -> list[Contestant]:
        """Take candidates off `pending` until memory is short; one that does not fit at all is skipped."""
        ready: list[Contestant] = []
        while pending:
            self.run.control.wait()
            one = pending[0]
            refusal = self._refusal(one)
            late = refusal is not None and self.run.control.stopped
            recalled = refusal is None and self.preparation.recall(one, ignore_exit=self._is_spared(one))
            if refusal is None and not recalled:
                refusal = self._lacks_time(one)
                late = refusal is not None
            if refusal is None and one.exit is None and not self.journal.finished:
                short = self._lacks_memory(one, ready)
                if short is not None and ready:
                    self.was_short = True
                    break
                refusal = short
            pending.pop(0)
            if refusal is not None:
                untried = Untried(needs_s=None) if late else None
                self._end(one, Exit(name=one.name, status="skipped", reason=f"skipped: {refusal}", untried=untried))
            elif recalled or self._prepare(one):
                self.reporter.loaded(one)
                if one.exit is None:
                    ready.append(one)
                else:
                    self._end(one, one.exit)
        return ready

    def _prepare(self, one: Contestant) -> bool:
        try:
            self.preparation.prepare(
                one, time_s=None if one.name == self.question.pick else self._left_s(_LOADING_SHARE)
            )
        except ChildFailed as error:
            reason = f"failed before the race: {error.message}"
            self._end(one, Exit(name=one.name, status="failed", reason=reason, log=error.log))
            return False
        return True

    def _is_spared(self, one: Contestant) -> bool:
        """Whether it is raced although the probe rejects it."""
        return one.name == self.question.pick or one.name in self.revived

    def _revive(self, others: Sequence[Contestant]) -> list[Contestant]:
        """Candidates that the probe cut for a rival that failed or was left out since: they get their race, once."""
        back = [
            one
            for one in others
            if self._is_void(one)
            and not self._raced(one)
            and one.name not in self.revived
            and one.exit is not None
            and one.exit.rival != BASELINE
        ]
        for one in back:
            one.exit, one.is_retired = None, False
        self.revived |= {one.name for one in back}
        return back

    def _refusal(self, one: Contestant) -> str | None:
        if self.contestants[BASELINE].exit is not None:
            return f"{BASELINE} failed, and there is nothing to compare with"
        if self.run.control.stopped:
            return "the measurement was stopped before its turn"
        if self.run.control.skips(one.name):
            return "left out by the user"
        return None

    def _lacks_time(self, one: Contestant) -> str | None:
        left_s = self._left_s(_LOADING_SHARE)
        if one.name == self.question.pick:
            return None
        if left_s <= 0:
            return "the time budget left no room to load it"
        if one.candidate.compiled and left_s < COMPILE_S:
            return (
                f"PyTorch takes about {COMPILE_S:.0f} s to compile it, and the time budget leaves "
                f"{left_s:.0f} s (--time-budget)"
            )
        return None

    def _lacks_memory(self, one: Contestant, ready: Sequence[Contestant]) -> str | None:
        unopened = [each for each in ready if not each.is_open]
        return self.seams.memory.short(one, self.question.model, unopened=unopened)

    def _left_s(self, share: float) -> float:
        """Seconds until `share` of the time budget is spent."""
        return self.start_s + share * self.time_budget_s - self._clock()

    def _clock(self) -> float:
        """Without the pauses, which count against no time budget."""
        return self.run.clock() - self.run.control.paused_s

    # -- racing and leaving ----------------------------------------------------------------------------------

    def _race(self, ready: list[Contestant], *, num_pending: int) -> None:
        stages = Stages(
            index=len(self.totals.endings),
            question=self.question,
            pool=self.pool,
            journal=self.journal,
            control=self.run.control,
            clock=self._clock,
            time_s=max(0.0, self._left_s(1.0)) * len(ready) / (len(ready) + num_pending),
            observer=self,
        )
        self.before_race = read_noise()
        heat = Heat(ready=ready, stages=stages, doubt=self._doubt).run()
        if not self.journal.finished:
            self.disturbed = self._disturbance(heat.deciding.rounds) or self.disturbed
        self.totals.take(heat)

    def _doubt(self, stages: Stages) -> str | None:
        for one in self.contestants.values():
            self._read_peak(one)
        deciding = stages.singles if stages.objective.races.decides == "latency" else stages.rounds
        so_far = self.totals.measurement(started=None, disturbed=self._disturbance(deciding))
        outcomes = tuple(self._outcome(one, stages.rounds, stages.singles) for one in self.contestants.values())
        return self.doubt(MeasureResult(candidates=outcomes, warnings=(), measurement=so_far))

    def _end(self, one: Contestant, left: Exit) -> None:
        one.exit = left
        self._retire(one)
        self.reporter.ended(self._outcome(one))

    def _retire(self, one: Contestant) -> None:
        self._read_peak(one)
        one.kill()
        one.is_retired = True

    def _read_peak(self, one: Contestant) -> None:
        peak = self.pool.read_peak(one)
        if peak is not None:
            self.journal.add_peak(one.name, peak)

    def _reinstate(self) -> None:
        """A cut is void where the rival that it lost to failed later or was left out."""
        for one in self.contestants.values():
            if self._is_void(one) and self._raced(one):
                one.exit = None

    def _is_void(self, one: Contestant) -> bool:
        """Whether it was cut for a rival that failed later or was left out."""
        rival = None if one.exit is None or one.exit.rival is None else self.contestants[one.exit.rival]
        return rival is not None and rival.is_gone

    def _raced(self, one: Contestant) -> bool:
        return any(one.name in each.seconds for each in self.totals.rounds)

    # -- what to say -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _pause(self) -> Iterator[None]:
        """What else the machine does while the user holds the race is no noise."""
        start = read_noise()
        yield
        end = read_noise()
        self.before, self.before_race = (each.without(start, end) for each in (self.before, self.before_race))

    def _outcome(self, one: Contestant, rounds: Sequence[Round] = (), singles: Sequence[Round] = ()) -> Outcome:
        """What is known of a candidate, with rounds of a heat that is not counted yet."""
        totals = self.totals
        return one.outcome((*totals.rounds, *rounds), (*totals.singles, *singles), self.pool.workload.block_texts)

    def _result(self, warnings: tuple[str, ...]) -> MeasureResult:
        labels = self.preparation.labels
        return MeasureResult(
            candidates=tuple(self._outcome(one) for one in self.contestants.values()),
            warnings=warnings,
            measurement=self.totals.measurement(started=self.journal.started, disturbed=self.disturbed),
            labels=None if labels is None else labels.profile,
        )

    def _close_journal(self, result: MeasureResult) -> None:
        """Rounds that carry a verdict are the answer to the same command; noisy ones are not used again."""
        endings = self.totals.endings
        if self.journal.finished:
            return
        if self.disturbed is not None:
            self.journal.forget_rounds()
        elif self.run.control.stopped or "time" in endings or len(endings) != 1:
            return  # the same command goes on from here
        elif result.warnings or self.doubt(result) is not None:
            self.journal.forget_rounds()
        else:
            self.journal.finish()

    def _able(self) -> list[str]:
        return [name for name, one in self.contestants.items() if one.may_win(self.question.request.max_loss)]

    def _disturbance(self, deciding: Sequence[Round]) -> str | None:
        contest = contest_of(deciding, self._able())
        if contest is None:
            return None
        return disturbed(self.before_race, read_noise(), contest, threads=self.question.request.threads)

    def _warnings(self) -> tuple[str, ...]:
        found = []
        num_heats = len(self.totals.endings)
        if num_heats > 1:
            why = "Memory was short" if self.was_short else "A candidate failed for which others had been left out"
            found.append(
                f"{why}, so the candidates raced in {num_heats} heats, each against {BASELINE}: "
                "their speedups compare less sharply than in one race."
            )
        contest = self.totals.contest(self._able())
        if contest is not None:
            found += warnings(self.before, read_noise(), contest, threads=self.question.request.threads)
        return tuple(found)
