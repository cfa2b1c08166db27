"""The parent's side of a measurement. Imports no runtime; sleeps while a candidate works."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from advisor import catalogue
from advisor.child.forking import Preload
from advisor.errors import ChildFailed, InputError, UnavailableError
from advisor.events import Event
from advisor.labels import LabelledSet
from advisor.measure.admission import Admission
from advisor.measure.client import WORKER_MODULE
from advisor.measure.contestant import Contestant
from advisor.measure.control import Control
from advisor.measure.heat import HEAT_PLANS, Heat, Listeners
from advisor.measure.herald import Herald
from advisor.measure.journal import Journal, Peak
from advisor.measure.memory import available_bytes, available_gpu_bytes
from advisor.measure.noise import Noise, disturbed, read_noise, warnings
from advisor.measure.pace import DEFAULT_PACE, Pace
from advisor.measure.race import Exit
from advisor.measure.result import MeasureResult
from advisor.measure.room import Room
from advisor.measure.rounds import Round
from advisor.measure.stages import ExhaustedError, Stages
from advisor.measure.tally import Tally, contest_of
from advisor.types import BASELINE, Exported, ModelProfile, Precision, Request

_LOADING_SHARE = 0.6
"""Share of the time budget after which no further candidate is loaded (the ruleset's pick always is)."""

_LIKELIER: tuple[Precision, ...] = ("int8", "bf16", "fp16", "fp32")
"""The usual order of speed: fewer bytes to move, more numbers an instruction."""

COMPILE_S = 30.0
"""What compiling all-MiniLM-L6-v2 took torch.compile on two busy cores: 27 and 40 s (docs/exporting.md)."""


def measure(
    exported: Sequence[Exported],
    *,
    model: ModelProfile,
    texts: Sequence[str],
    reference_texts: Sequence[str],
    request: Request,
    pick: str,
    log_dir: Path,
    work_dir: Path,
    time_budget_s: float,
    on_event: Callable[[Event], None],
    clock: Callable[[], float],
    journal: Journal | None = None,
    doubt: Callable[[MeasureResult], str | None] = lambda _: None,
    control: Control | None = None,
    worker_module: str = WORKER_MODULE,
    torch: Preload | None = None,
    labels: LabelledSet | None = None,
    memory: Callable[[], int | None] = available_bytes,
    gpu_memory: Callable[[str], int | None] = available_gpu_bytes,
    pace: Pace = DEFAULT_PACE,
) -> MeasureResult:
    """Time the candidates against each other, each in its own process, and compare their embeddings with fp32's.

    `exported` must hold the baseline; `pick` is the ruleset's. All candidates get the same texts and the same threads.
    `clock` gives the seconds since the run's start, for events and for `time_budget_s`, which bounds the whole
    measurement (short of a few rounds that it always takes). `log_dir` gets one log for each candidate, `work_dir` the
    texts and embeddings. What `journal` holds of an earlier run counts as if it were measured now, and what is measured
    now is added to it. `doubt` says why a result carries no verdict (None if it does one): the race is then run once
    more, if there is time. Losses are measured on `labels` where there are some, and estimated else. Workers on PyTorch
    are forked from `torch`, which is closed on the way out. `worker_module`, `memory`, `gpu_memory` and
    `pace` are seams for tests.

    A candidate that fails is in the result with its reason. Every process is ended on the way out, however that is.
    Raises InputError if there are no texts or no baseline, and UnavailableError if the baseline itself fails before
    the race.
    """
    if not texts:
        raise InputError("There are no texts to measure with.")
    contestants = {
        files.candidate: Contestant(exported=files, candidate=catalogue.get(files.candidate), model=model)
        for files in exported
    }
    journal = journal or Journal(None, scratch=work_dir)
    if BASELINE not in contestants:
        raise InputError(f"{BASELINE} is not among the candidates: every speedup and loss refers to it.")
    admission = Admission(
        model=model,
        texts=texts,
        reference_texts=reference_texts,
        request=request,
        log_dir=log_dir,
        work_dir=work_dir,
        journal=journal,
        worker_module=worker_module,
        torch=torch,
        pace=pace,
        labels=labels,
    )
    control = control or Control()
    session = _Session(
        contestants=contestants,
        admission=admission,
        request=request,
        pick=pick,
        time_budget_s=time_budget_s,
        journal=journal,
        doubt=doubt,
        herald=Herald(emit=on_event, clock=clock),
        clock=lambda: clock() - control.paused_s,
        control=control,
        room=Room(model=model, memory=memory, gpu_memory=gpu_memory),
        pace=pace,
    )
    try:
        return session.run()
    finally:
        session.kill_all()


@dataclass(slots=True, kw_only=True)
class _Session:
    """Heats: as many candidates as fit into memory race at once, the baseline always among them."""

    contestants: dict[str, Contestant]
    admission: Admission
    request: Request
    pick: str
    time_budget_s: float
    journal: Journal
    doubt: Callable[[MeasureResult], str | None]
    herald: Herald
    clock: Callable[[], float]
    """Without the pauses, which count against no time budget."""
    control: Control
    room: Room
    pace: Pace
    start_s: float = 0.0
    before: Noise | None = None
    """The machine's counters when the measurement began, and when the race did."""
    before_race: Noise | None = None
    disturbed: str | None = None
    """By what, if a race was disturbed so much that no verdict rests on it."""
    tally: Tally = field(default_factory=Tally)
    revived: set[str] = field(default_factory=set)
    """Who got a race although the probe had cut it."""
    was_short: bool = False
    """Whether memory was too short for one race."""

    def run(self) -> MeasureResult:
        """Everything, in order."""
        self.start_s = self.clock()
        if self._recall_everything():
            return self._result(self.admission.label_warnings())
        self.control.during_pause = self._pause
        self.before = read_noise()
        self._get_baseline_ready()
        others = [contestant for name, contestant in self.contestants.items() if name != BASELINE]
        pending = sorted(others, key=self._turn)
        while True:
            ready = self._admit_those_that_fit(pending)
            baseline = self.contestants[BASELINE]
            if baseline.exit is None and (ready or not self.tally.endings):
                self._race([baseline, *ready], num_pending=len(pending))
            for contestant in others:
                self._retire(contestant)
            pending = pending or self._revive(others)
            if not pending:
                break
        self._retire(self.contestants[BASELINE])
        self.admission.close()  # the CPU time of what it forked is known to be ours from here on
        self._reinstate()
        about_labels = self.admission.label_warnings()
        found = self._warnings(self.before)
        for message in (*found, *about_labels):
            self.herald.warned(message)
        self._close_journal(self._result(found))
        return self._result((*found, *about_labels))

    @contextlib.contextmanager
    def _pause(self) -> Iterator[None]:
        """What else the machine does while the user holds the race is no noise."""
        start = read_noise()
        yield
        end = read_noise()
        self.before = None if self.before is None else self.before.without(start, end)
        self.before_race = None if self.before_race is None else self.before_race.without(start, end)

    def _close_journal(self, result: MeasureResult) -> None:
        """Rounds that carry a verdict are the answer to the same command; noisy ones are not used again."""
        endings = self.tally.endings
        if self.disturbed is not None:
            self.journal.forget_rounds()
            return
        if self.control.stopped or "time" in endings or len(endings) != 1:
            return  # the same command goes on from here
        if result.warnings or self.doubt(result) is not None:
            self.journal.forget_rounds()
        else:
            self.journal.finish()

    def _result(self, warnings: tuple[str, ...]) -> MeasureResult:
        return MeasureResult(
            candidates=self.tally.measured(self.contestants.values(), self.admission.plan.block_texts),
            warnings=warnings,
            measurement=self.tally.measurement(started=self.journal.started, disturbed=self.disturbed),
            labels=None if self.admission.labels is None else self.admission.labels.profile,
        )

    def kill_all(self) -> None:
        """End every worker."""
        for contestant in self.contestants.values():
            if contestant.client is not None:
                contestant.client.kill()
        self.admission.close()

    # -- what is known already -------------------------------------------------------------------------------

    def _recall_everything(self) -> bool:
        """Whether the journal holds the whole measurement; nothing is then started. Else all is as before."""
        in_order = sorted(self.contestants.values(), key=self._turn)
        if not self.journal.finished or not all(
            self.admission.recall(one, spare=one.name == self.pick) for one in in_order
        ):
            self._forget(in_order)
            return False
        ready = [one for one in in_order if one.exit is None]
        exits = {one.name: one.exit for one in in_order}
        try:
            self._heat(ready, Listeners(), time_s=self.time_budget_s, live=False).run()
        except ExhaustedError:
            self._forget(in_order)
            return False
        self.herald.reused(self.journal)
        for one in in_order:
            self.herald.loaded(one)
            if exits[one.name] is not None:
                self._tell(one, ())
        self.tally.take(
            self._heat(ready, self._listeners(ready), time_s=self.time_budget_s, live=False).run(), self.contestants
        )
        for one in in_order:
            peak = self.journal.peak(one.name)
            one.peak_rss_bytes, one.batch_limit = peak.rss_bytes, peak.batch_limit
        self._reinstate()
        return True

    def _forget(self, contestants: Sequence[Contestant]) -> None:
        for one in contestants:
            one.probe_s_per_text = one.probe_speedup = one.load = one.exit = one.reference_path = None
            one.loss = one.estimated = one.drift = one.most_moved = None

    # -- getting ready ---------------------------------------------------------------------------------------

    def _get_baseline_ready(self) -> None:
        baseline = self.contestants[BASELINE]
        recalled = self.admission.recall(baseline)
        if not recalled:
            self.journal.forget()
        self.journal.go_on()
        self.herald.reused(self.journal)
        wanted = [one for one in self.contestants.values() if not self._is_hopeless(one)]
        on_torch = [one for one in wanted if _on_torch(one)]
        together = next((ones for ones in (wanted, on_torch) if self.room.holds_all(ones)), [])
        self.admission.import_ahead(together)
        try:
            if recalled:
                self.admission.reopen(baseline)
            else:
                self.admission.admit_baseline(
                    baseline,
                    time_s=self.start_s + self.time_budget_s - self.clock(),
                    num_candidates=len(wanted),
                )
        except ChildFailed as error:
            raise UnavailableError(
                f"The baseline {BASELINE} could not be measured: {error.message}.", hint=f"See {error.log}."
            ) from None
        self.herald.loaded(baseline)

    def _turn(self, contestant: Contestant) -> tuple[bool, bool, bool, int]:
        """The baseline first, then the pick, then the quick to load (PyTorch alone takes seconds to import), and of
        these the likelier to win: there may not be time for all."""
        likelier = _LIKELIER.index(contestant.candidate.precision)
        return contestant.name != BASELINE, contestant.name != self.pick, _on_torch(contestant), likelier

    def _is_hopeless(self, contestant: Contestant) -> bool:
        known = self.journal.admitted(contestant.exported)
        return known is not None and known.exit is not None and contestant.name != self.pick

    def _admit_those_that_fit(self, pending: list[Contestant]) -> list[Contestant]:
        """Take candidates off `pending` until memory is short; one that does not even fit alone is skipped."""
        ready: list[Contestant] = []
        while pending:
            self.control.wait()
            refusal = self._refusal(pending[0])
            short = self.room.short(pending[0])
            if refusal is None and short is not None:
                if ready:
                    self.was_short = True
                    break
                refusal = f"skipped: {short}"
            contestant = pending.pop(0)
            if refusal is not None:
                self._end(contestant, Exit(name=contestant.name, status="skipped", reason=refusal))
            elif self._admit(contestant):
                ready.append(contestant)
        return ready

    def _revive(self, others: Sequence[Contestant]) -> list[Contestant]:
        """Those that the probe cut for a rival that failed or was left out since: they get their race, once."""
        back = [one for one in others if self._is_void(one) and not self._raced(one) and one.name not in self.revived]
        back = [one for one in back if one.exit is not None and one.exit.rival != BASELINE]
        for one in back:
            one.exit = None
        self.revived |= {one.name for one in back}
        return back

    def _refusal(self, contestant: Contestant) -> str | None:
        if self.contestants[BASELINE].exit is not None:
            return f"skipped: {BASELINE} failed, and there is nothing to compare with"
        if self.control.stopped:
            return "skipped: the measurement was stopped before its turn"
        if self.control.skips(contestant.name):
            return "skipped: left out by the user"
        left_s = self._loading_time_s()
        if contestant.name != self.pick and left_s <= 0:
            return "skipped: the time budget left no room to load it"
        if contestant.name != self.pick and contestant.candidate.compiled and left_s < COMPILE_S:
            return (
                f"skipped: PyTorch takes about {COMPILE_S:.0f} s to compile it, and the time budget leaves "
                f"{left_s:.0f} s (--time-budget)"
            )
        return None

    def _loading_time_s(self) -> float:
        return self.start_s + _LOADING_SHARE * self.time_budget_s - self.clock()

    def _admit(self, contestant: Contestant) -> bool:
        try:
            spare = contestant.name == self.pick or contestant.name in self.revived
            if not self.admission.recall(contestant, spare=spare):
                time_s = None if contestant.name == self.pick else self._loading_time_s()
                self.admission.admit(contestant, time_s=time_s)
            elif contestant.exit is None:
                self.admission.reopen(contestant)
        except ChildFailed as error:
            reason = f"failed before the race: {error.message}"
            self._end(contestant, Exit(name=contestant.name, status="failed", reason=reason, log=error.log))
            return False
        self.herald.loaded(contestant)
        if contestant.exit is not None:
            self._end(contestant, contestant.exit)
            return False
        return True

    # -- racing and leaving ----------------------------------------------------------------------------------

    def _race(self, ready: list[Contestant], *, num_pending: int) -> None:
        left_s = max(0.0, self.start_s + self.time_budget_s - self.clock())
        time_s = left_s * len(ready) / (len(ready) + num_pending)
        self.before_race = read_noise()
        result = self._heat(ready, self._listeners(ready), time_s=time_s, live=True).run()
        self.disturbed = self._disturbance(result.deciding.rounds) or self.disturbed
        self.tally.take(result, self.contestants)

    def _heat(self, ready: Sequence[Contestant], listeners: Listeners, *, time_s: float, live: bool) -> Heat:
        stages = Stages(
            index=len(self.tally.endings),
            plan=self.admission.plan,
            pace=self.pace,
            request=self.request,
            pick=self.pick,
            time_s=time_s,
            clock=self.clock,
            control=self.control,
            journal=self.journal,
            live=live,
        )
        return Heat(ready=ready, stages=stages, listeners=listeners)

    def _listeners(self, ready: Sequence[Contestant]) -> Listeners:
        def doubt(rounds: Sequence[Round], singles: Sequence[Round]) -> str | None:
            for one in ready:
                self._read_peak(one)
            measured = self.tally.measured(
                self.contestants.values(), self.admission.plan.block_texts, rounds=rounds, singles=singles
            )
            decisive = singles if self.request.objective == "latency" else rounds
            so_far = self.tally.measurement(started=None, disturbed=self._disturbance(decisive))
            return self.doubt(MeasureResult(candidates=measured, warnings=(), measurement=so_far))

        def repeat(why: str) -> None:
            for one in ready:
                if one.exit is not None and one.exit.status == "cut":
                    one.exit = None
            self.before_race = read_noise()
            self.herald.repeated(why)

        def reopen(contestant: Contestant) -> None:
            self._retire(contestant)
            contestant.open_settings.clear()
            self.admission.reopen(contestant)

        return Listeners(
            on_lap=self._lap,
            on_exit=self._exit,
            on_tried=self.herald.tried,
            doubt=doubt,
            on_repeat=repeat,
            reopen=reopen,
        )

    def _lap(self, name: str, round_index: int, block: int, seconds: float) -> None:
        most = HEAT_PLANS[self.request.objective].throughput.max_rounds
        self.herald.lap(name, round_index, most, self.admission.plan.block_texts[block] / seconds)

    def _exit(self, left: Exit, rounds: Sequence[Round]) -> None:
        contestant = self.contestants[left.name]
        if contestant.exit is None:  # one that was cut may still fail later; the cut stands
            contestant.exit = left
            self._tell(contestant, rounds)

    def _end(self, contestant: Contestant, left: Exit) -> None:
        contestant.exit = left
        self._retire(contestant)
        self._tell(contestant, ())

    def _tell(self, contestant: Contestant, rounds: Sequence[Round]) -> None:
        (measured,) = self.tally.measured([contestant], self.admission.plan.block_texts, rounds=rounds)
        self.herald.ended(contestant, measured)

    def _retire(self, contestant: Contestant) -> None:
        if contestant.client is not None:
            self._read_peak(contestant)
            contestant.client.kill()
            contestant.client = None

    def _read_peak(self, contestant: Contestant) -> None:
        """Its peak memory so far, unless settings that were not kept have raised it since it was read last."""
        if contestant.client is None or (contestant.tried and contestant.settings is None):
            return
        with contextlib.suppress(ChildFailed):
            usage = contestant.client.usage()
            contestant.peak_rss_bytes, contestant.batch_limit = usage.peak_rss_bytes, usage.batch_limit
            self.journal.add_peak(contestant.name, Peak(rss_bytes=usage.peak_rss_bytes, batch_limit=usage.batch_limit))

    def _reinstate(self) -> None:
        """A cut is void where the rival that it lost to failed later or was left out."""
        for contestant in self.contestants.values():
            if self._is_void(contestant) and self._raced(contestant):
                contestant.exit = None

    def _is_void(self, contestant: Contestant) -> bool:
        """Whether it was cut for a rival that failed later or was left out."""
        rival = None if contestant.exit is None else contestant.exit.rival
        rival_exit = None if rival is None else self.contestants[rival].exit
        return rival_exit is not None and rival_exit.status != "cut"

    def _raced(self, contestant: Contestant) -> bool:
        return any(contestant.name in one.seconds for one in self.tally.rounds)

    # -- what to say -----------------------------------------------------------------------------------------

    def _able(self) -> list[str]:
        return [name for name, one in self.contestants.items() if one.may_win(self.request.max_loss)]

    def _disturbance(self, deciding: Sequence[Round]) -> str | None:
        contest = contest_of(deciding, self._able())
        if contest is None or self.before_race is None:
            return None
        return disturbed(self.before_race, read_noise(), contest, threads=self.request.threads)

    def _warnings(self, before: Noise) -> tuple[str, ...]:
        found = []
        num_heats = len(self.tally.endings)
        if num_heats > 1:
            why = "Memory was short" if self.was_short else "A candidate failed for which others had been left out"
            found.append(
                f"{why}, so the candidates raced in {num_heats} heats, each against {BASELINE}: "
                "their speedups compare less sharply than in one race."
            )
        contest = self.tally.contest(self._able())
        if contest is not None:
            found += warnings(before, read_noise(), contest, threads=self.request.threads)
        return tuple(found)


def _on_torch(contestant: Contestant) -> bool:
    return contestant.candidate.runtime == "torch"
