"""The parent's side of a measurement. Imports no runtime; sleeps while a candidate works."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from advisor import objectives
from advisor.catalogue import MIXED, Candidate
from advisor.errors import ChildFailed, InputError, UnavailableError
from advisor.measure.contestant import Contestant, outcome_of
from advisor.measure.heat.heat import Heat
from advisor.measure.heat.stages import Stages
from advisor.measure.journal import Journal
from advisor.measure.lineup import RESCUED, LineUp
from advisor.measure.noise import Noise, disturbed, read_noise, warnings
from advisor.measure.pool import Pool
from advisor.measure.prepare import Preparation
from advisor.measure.race.observer import Exit, Observer
from advisor.measure.race.rounds import Round
from advisor.measure.reporter import Reporter
from advisor.measure.result import MeasureResult, Totals, contest_of
from advisor.measure.setup import Files, Run, Seams
from advisor.measure.workload.durations import OTHERS_LAP
from advisor.objectives import FLOOR_ROUNDS
from advisor.question import Question
from advisor.types import BASELINE, Outcome, Screened, TriedSetting, Untried

_MAKING_SHARE = 0.75
"""Share of the time budget within which candidates must be ready; an export that goes on then is given up."""
_LOAD_S = 3.0
"""About what opening and probing a candidate takes."""

_RACE_TEXTS = 80
"""Texts that the baseline encodes in a race: ten rounds of a slow model's shortest blocks."""

_EXTRAS_S = 10.0
_EXTRAS_TEXTS = 20
"""Tuning, ranges of lengths and latencies get so many seconds after the race that decides, or the time in which the
baseline encodes so many texts. They get no more, however much time there is."""

COMPILE_S = 30.0
"""What compiling all-MiniLM-L6-v2 took torch.compile on two busy cores: 27 and 40 s (docs/exporting.md)."""


def measure(
    candidates: Sequence[Candidate],
    files: Files,
    question: Question,
    run: Run,
    *,
    time_budget_s: float,
    journal: Journal | None = None,
    screened: Screened | None = None,
    doubt: Callable[[MeasureResult], str | None] = lambda _: None,
    seams: Seams | None = None,
) -> MeasureResult:
    """Time the candidates against each other, each in its own process, and compare their embeddings with fp32's.

    `candidates` must hold the baseline. All of them get the same texts and the same threads. One whose turn comes is
    made by `files`, unless what `screened` foretells leaves it no chance against one that may win. `time_budget_s`
    bounds the whole measurement (short of a few rounds that it always takes). What `journal` holds of an earlier run
    counts as if it were measured now, and what is measured now is added to it: a worker is only opened for what it does
    not hold. `doubt` says why a result carries no verdict (None if it does): the race is then run once more, if there
    is time. Workers on PyTorch are forked from `run.torch`, which is closed on the way out.

    A candidate that fails is in the result with its reason. Every process is ended on the way out, however that is.
    Raises InputError if there are no texts or no baseline, and UnavailableError if the baseline itself fails before
    the race.
    """
    if not question.texts:
        raise InputError("There are no texts to measure with.")
    line_up = LineUp(candidates, screened=screened)
    if line_up.baseline is None:
        raise InputError(f"{BASELINE} is not among the candidates: every speedup and loss refers to it.")
    measurement = _Measurement(
        line_up=line_up,
        files=files,
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


_RESCUE_COSTS = 1.5
"""The mixed candidate is made where plain int8 is faster by more than the best that passes: the layers that go back to
floating point cost about that, and finding them takes a minute or more (docs/exporting.md)."""


def _skipped(name: str, reason: str, *, untried: Untried | None = None) -> Exit:
    return Exit(name=name, status="skipped", reason=f"skipped: {reason}", untried=untried)


def _open_s(candidate: Candidate) -> float:
    return _LOAD_S + (COMPILE_S if candidate.compiled else 0.0)


@dataclass(slots=True, kw_only=True)
class _Measurement(Observer):
    """Heats: as many candidates as fit into memory race at once, the baseline always among them."""

    line_up: LineUp
    files: Files
    question: Question
    run: Run
    time_budget_s: float
    journal: Journal
    doubt: Callable[[MeasureResult], str | None]
    seams: Seams
    contestants: dict[str, Contestant] = field(default_factory=dict)
    """Candidates whose files are there."""
    unmade: dict[str, Exit] = field(default_factory=dict)
    """Candidates that left before their files were made."""
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
        self.start_s = self.run.elapsed_s()
        self.before = self.before_race = read_noise()

    def result(self) -> MeasureResult:
        """Everything, in order."""
        self.run.control.during_pause = self._pause
        self._get_baseline_ready()
        pending = self.line_up.others()
        while True:
            ready = self._admit_those_that_fit(pending)
            baseline = self.contestants[BASELINE]
            if baseline.exit is None and (ready or not self.totals.endings):
                self._race([baseline, *ready], num_pending=len(pending))
            for name, one in self.contestants.items():
                if name != BASELINE:
                    self._retire(one)
            pending = pending or self._revive()
            if not pending:
                break
        self._retire(self.contestants[BASELINE])
        # Each process ends before the one that it was forked from, so that its CPU time is known to be ours.
        self.files.close()
        self.pool.close()
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
        for candidate in self.line_up.candidates:  # those that need nothing made import their runtime side by side
            if candidate.name == BASELINE:
                self._get_files(candidate, within_s=inf)
            elif self.files.is_ready(candidate):
                with contextlib.suppress(ChildFailed):  # it is told when the candidate's turn comes
                    self._get_files(candidate, within_s=inf)
        baseline = self.contestants[BASELINE]
        recalled = self.preparation.recall(baseline)
        if not recalled:
            self.journal.forget()
        self.reporter.reused(self.journal)
        if not recalled:
            try:
                self.preparation.prepare_baseline(
                    baseline, time_s=self._left_s(1.0), num_candidates=len(self.line_up.candidates)
                )
            except ChildFailed as error:
                raise UnavailableError(
                    f"The baseline {BASELINE} could not be measured: {error.message}.", hint=f"See {error.log}."
                ) from None
        self.reporter.loaded(baseline)

    def _wanted(self) -> list[Contestant]:
        """Candidates that will need a worker, as far as that is known."""
        return [
            one
            for name, one in self.contestants.items()
            if one.exit is None
            and not self.preparation.is_hopeless(one)
            and self.line_up.hopeless(name, [BASELINE]) is None
        ]

    def _admit_those_that_fit(self, pending: list[Candidate]) -> list[Contestant]:
        """Take candidates off `pending` until memory is short; one that does not fit at all is skipped."""
        ready: list[Contestant] = []
        while pending:
            self.run.control.wait()
            name = pending[0].name
            left, recalled = self._refusal(name), False
            if left is None and name in self.contestants:
                recalled = self.preparation.recall(self.contestants[name], ignore_exit=self._is_spared(name))
            if left is None and not recalled:
                left = self._not_worth_trying(name)
                left = left or self._lacks_time(pending[0], ready) or self._make(pending[0])
            if left is None and not recalled:  # its files may be those of an earlier run
                recalled = self.preparation.recall(self.contestants[name], ignore_exit=self._is_spared(name))
            if left is None and self.contestants[name].exit is None and not self.journal.finished:
                short = self._lacks_memory(self.contestants[name], ready)
                if short is not None and ready:
                    self.was_short = True
                    break
                left = None if short is None else _skipped(name, short)
            pending.pop(0)
            if left is not None:
                self._end(name, left)
                continue
            one = self.contestants[name]
            if recalled or self._prepare(one):
                self.reporter.loaded(one)
                if one.exit is None:
                    ready.append(one)
                else:
                    self._end(name, one.exit)
        return ready

    def _make(self, candidate: Candidate) -> Exit | None:
        """Make the files; an exit where that failed."""
        name = candidate.name
        try:
            self._get_files(candidate, within_s=self._left_s(_MAKING_SHARE))
        except ChildFailed as error:
            if error.kind == "unneeded":
                return _skipped(name, error.message)
            if error.kind == "hung" and self._left_s(_MAKING_SHARE) <= 0:
                reason = "its export took more than the time budget (--time-budget)"
                return _skipped(name, reason, untried=self._untried(candidate))
            return Exit(name=name, status="failed", reason=f"export failed: {error.message}", log=error.log)
        return None

    def _get_files(self, candidate: Candidate, *, within_s: float) -> None:
        if candidate.name not in self.contestants:
            exported = self.files.make(candidate, within_s=within_s)
            self.contestants[candidate.name] = Contestant(exported=exported, candidate=candidate)

    def _prepare(self, one: Contestant) -> bool:
        try:
            self.preparation.prepare(
                one, time_s=None if one.name == self.question.pick else self._left_s(_MAKING_SHARE)
            )
        except ChildFailed as error:
            reason = f"failed before the race: {error.message}"
            self._end(one.name, Exit(name=one.name, status="failed", reason=reason, log=error.log))
            return False
        return True

    def _is_spared(self, name: str) -> bool:
        """Whether it is raced although the probe rejects it."""
        return name == self.question.pick or name in self.revived

    def _revive(self) -> list[Candidate]:
        """Candidates that were cut before the race for a rival that failed or was left out since: they get one."""
        back = [
            candidate
            for candidate in self.line_up.others()
            if (left := self._exit_of(candidate.name)) is not None
            and self._is_void(left)
            and not self._raced(candidate.name)
            and candidate.name not in self.revived
            and left.rival != BASELINE
        ]
        for candidate in back:
            self.unmade.pop(candidate.name, None)
            if candidate.name in self.contestants:
                one = self.contestants[candidate.name]
                one.exit, one.is_retired = None, False
        self.revived |= {candidate.name for candidate in back}
        return back

    def _refusal(self, name: str) -> Exit | None:
        if self.contestants[BASELINE].exit is not None:
            return _skipped(name, f"{BASELINE} failed, and there is nothing to compare with")
        if self.run.control.stopped:
            reason = "the measurement was stopped before its turn"
            return _skipped(name, reason, untried=Untried(needs_s=None))
        if self.run.control.skips(name):
            return _skipped(name, "left out by the user")
        return None

    def _not_worth_trying(self, name: str) -> Exit | None:
        """By what the screen foretold, or, of the mixed candidate, by the one that it is made of."""
        passing = [one for one in self.contestants.values() if self._may_win(one)]
        left = self.line_up.hopeless(name, [one.name for one in passing])
        if left is not None or name != MIXED:
            return left
        source = self.contestants.get(RESCUED)
        ended = self.unmade.get(RESCUED) if source is None else source.exit
        if ended is not None:  # what it is made of was cut, failed or was left out
            return replace(ended, name=name)
        if source is None:
            return None
        if self._may_win(source):
            return _skipped(name, f"not needed: {RESCUED} keeps to the loss budget")
        fastest = min(passing, key=lambda one: one.s_per_text)
        if source.s_per_text and source.s_per_text * _RESCUE_COSTS > fastest.s_per_text:
            gain = fastest.s_per_text / source.s_per_text
            return _skipped(name, f"{RESCUED} is {gain:.1f}x as fast as {fastest.name}, and a rescue costs that much")
        return None

    def _may_win(self, one: Contestant) -> bool:
        return not one.is_gone and one.s_per_text > 0 and one.may_win(self.question.request.max_loss)

    def _lacks_time(self, candidate: Candidate, ready: Sequence[Contestant]) -> Exit | None:
        """Whether getting a candidate ready, and a race of it and those that are `ready`, may take too long."""
        export_s = self._export_s(candidate) or 0.0
        needed_s = export_s + _open_s(candidate) + self.preparation.losses.foreseen_s(candidate)
        # The ruleset's pick is begun as long as a race of it may end in time.
        share = 1.0 if candidate.name == self.question.pick else _MAKING_SHARE
        room_s = min(self._left_s(share), self._left_s(1.0) - self._shortest_race_s(len(ready) + 1))
        if needed_s <= room_s:
            return None
        if candidate.compiled:
            reason = (
                f"PyTorch takes about {COMPILE_S:.0f} s to compile it, and the time budget leaves "
                f"{max(0.0, room_s):.0f} s (--time-budget)"
            )
        else:
            verb = "load" if self.files.is_ready(candidate) else "export"
            reason = f"the time budget left no room to {verb} it (--time-budget)"
        return _skipped(candidate.name, reason, untried=self._untried(candidate))

    def _shortest_race_s(self, num_others: int) -> float:
        """Of the baseline and others. Most laps begin with an encode of the probe."""
        workload, baseline = self.pool.workload, self.contestants[BASELINE]
        texts = workload.size(*workload.blocks[0], workload.probe) if workload.blocks else 0
        return FLOOR_ROUNDS * texts * baseline.s_per_text * (1 + OTHERS_LAP * num_others)

    def _export_s(self, candidate: Candidate) -> float | None:
        if self.files.is_ready(candidate):
            return 0.0
        predicted_s = self.line_up.export_s(candidate.name)
        return self.files.estimate_s(candidate) if predicted_s is None else predicted_s

    def _untried(self, candidate: Candidate) -> Untried:
        export_s = self._export_s(candidate)
        race_s = _RACE_TEXTS * self.contestants[BASELINE].s_per_text
        return Untried(needs_s=None if export_s is None else export_s + _open_s(candidate) + race_s)

    def _lacks_memory(self, one: Contestant, ready: Sequence[Contestant]) -> str | None:
        unopened = [each for each in ready if not each.is_open]
        return self.seams.memory.short(one, self.question.model, unopened=unopened)

    def _left_s(self, share: float) -> float:
        """Seconds until `share` of the time budget is spent."""
        return self.start_s + share * self.time_budget_s - self.run.elapsed_s()

    # -- racing and leaving ----------------------------------------------------------------------------------

    def _race(self, ready: list[Contestant], *, num_pending: int) -> None:
        stages = Stages(
            index=len(self.totals.endings),
            question=self.question,
            pool=self.pool,
            journal=self.journal,
            control=self.run.control,
            clock=self.run.elapsed_s,
            time_s=max(0.0, self._left_s(1.0)) * len(ready) / (len(ready) + num_pending),
            extras_s=max(_EXTRAS_S, _EXTRAS_TEXTS * self.contestants[BASELINE].s_per_text),
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

    def _end(self, name: str, left: Exit) -> None:
        if name in self.contestants:
            one = self.contestants[name]
            one.exit = left
            self._retire(one)
            outcome = self._outcome(one)
        else:
            self.unmade[name] = left
            outcome = self._unmade_outcome(left)
        self.reporter.ended(outcome)

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
        for name, one in self.contestants.items():
            if one.exit is not None and self._is_void(one.exit) and self._raced(name):
                one.exit = None

    def _exit_of(self, name: str) -> Exit | None:
        return self.unmade[name] if name in self.unmade else self.contestants[name].exit

    def _is_void(self, left: Exit) -> bool:
        """Whether it was a cut for a rival that failed later or was left out."""
        return left.rival is not None and self.contestants[left.rival].is_gone

    def _raced(self, name: str) -> bool:
        return any(name in each.seconds for each in self.totals.rounds)

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

    def _unmade_outcome(self, left: Exit) -> Outcome:
        candidate = next(each for each in self.line_up.candidates if each.name == left.name)
        predicted = self.line_up.predicted(left.name) if left.predicted else None
        return outcome_of(left, candidate, predicted=predicted)

    def _result(self, warnings: tuple[str, ...]) -> MeasureResult:
        labels = self.preparation.labels
        made = (self._outcome(one) for one in self.contestants.values())
        return MeasureResult(
            candidates=(*made, *(self._unmade_outcome(left) for left in self.unmade.values())),
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
