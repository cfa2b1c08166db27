"""Events as lines on stderr while the answer is on its way.

On a terminal there is one more line below them that is redrawn: only when an event arrives, at most four times a
second. Events arrive between timed windows, never inside one, and no thread draws by itself, so that drawing costs the
measurement nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from advisor import events
from advisor.cli.terminal import Stream
from advisor.report import format as fmt
from advisor.report import steps
from advisor.report.eta import Estimator
from advisor.report.table import note
from advisor.report.text import hanging, step, warning
from advisor.report.words import words
from advisor.types import Outcome, Status

if TYPE_CHECKING:
    from rich.live import Live

REDRAW_S = 0.25
BAR_WIDTH = 15
NAME_WIDTH = 16

_CALIBRATED = {"openvino-qint8": ", with calibration"}


class Race:
    """Who is in the race, and how far."""

    def __init__(self) -> None:
        self._progress: dict[str, float] = {}

    def loaded(self, candidate: str) -> None:
        """A candidate takes part."""
        self._progress.setdefault(candidate, 0.0)

    def left(self, candidate: str) -> None:
        """A candidate takes part no longer."""
        self._progress.pop(candidate, None)

    def round(self, event: events.RoundFinished) -> None:
        """A round of a candidate ended."""
        self._progress[event.candidate] = event.round_index / max(1, event.num_rounds)

    def repeated(self) -> None:
        """Everyone starts again."""
        self._progress = dict.fromkeys(self._progress, 0.0)

    @property
    def entrants(self) -> int:
        """How many candidates take part."""
        return len(self._progress)

    def place(self, candidate: str) -> int:
        """How many candidates have come as far in their rounds as this one, itself included."""
        mine = self._progress.get(candidate, 0.0)
        return sum(progress >= mine for progress in self._progress.values())


class Progress:
    """A listener for events. A context manager: on leaving it the line that is redrawn is gone.

    The bar is for the whole run, and so is the time to go, which `time_budget_s` bounds unless it is None.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        verbose: bool,
        time_budget_s: float | None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stream = stream
        self._verbose = verbose
        self._clock = clock
        self._now = now
        self._race = Race()
        self._time_budget_s = time_budget_s
        self._estimator = Estimator(time_budget_s=time_budget_s)
        self._live: Live | None = None
        self._drawn_at = float("-inf")
        self._ended: dict[str, Status] = {}
        self._downloading = False
        self._stage = ""
        self._words = words(None)

    def __enter__(self) -> Progress:
        if self._stream.live:
            from rich.live import Live

            self._live = Live(
                Text(),
                console=self._stream.console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if exc_type is None:
            self._stream.print()

    def __call__(self, event: events.Event) -> None:
        """Say what an event says."""
        if isinstance(event, events.ModelResolved):
            self._words = words(event.model)
        for line in self._lines(event):
            self._stream.print(line)
        eta = self._estimator.add(event)
        if isinstance(event, events.RulesDecided) and eta.remaining_s is not None:
            text = steps.takes(eta.remaining_s, at_most_s=self._time_budget_s)
            self._stream.print(step("time", text, width=self._stream.width, glyphs=self._stream.glyphs))
        self._follow(event)

    def _lines(self, event: events.Event) -> list[Text]:
        width, glyphs = self._stream.width, self._stream.glyphs
        match event:
            case events.ModelDownloading() if self._live is None and not self._downloading:
                self._downloading = True
                return [Text(f"  {steps.downloading(event)}", style="dim")]
            case events.MachineProbed():
                return [step("machine", steps.machine(event.hardware), width=width, glyphs=glyphs)]
            case events.TextsSampled():
                return [step(self._words.items, steps.texts(event.profile), width=width, glyphs=glyphs)]
            case events.RulesDecided():
                return [step("rules", steps.rules(event.decision, glyphs), width=width, glyphs=glyphs)]
            case events.ScreenFinished():
                return [step("screen", steps.screened(event.screened), width=width, glyphs=glyphs)]
            case events.WarningRaised():
                return [warning(event.message, width=width, glyphs=glyphs)]
            case events.RoundsReused():
                return [step("rounds", steps.reused(event, now=self._now()), width=width, glyphs=glyphs)]
            case events.SettingTried() if event.tried.kept or self._verbose:
                return [step("settings", steps.tried(event), width=width, glyphs=glyphs)]
            case events.RaceRepeated():
                return [step("race", steps.repeated(event), width=width, glyphs=glyphs)]
            case events.CandidateEnded():
                return self._ending(event.outcome)
            case events.Finished():
                return [line for outcome in event.recommendation.candidates for line in self._ending(outcome)]
            case _ if self._verbose and (said := _verbose_line(event, self._words.rate)):
                return [Text(f"  {said}", style="dim")]
        return []

    def _ending(self, outcome: Outcome) -> list[Text]:
        """A line for each candidate; on a terminal only for one that failed, as the table will hold them all."""
        if self._ended.get(outcome.name) == outcome.status:
            return []
        self._ended[outcome.name] = outcome.status
        if self._live is not None and outcome.status != "failed" and not self._verbose:
            return []
        sign, style = {
            "measured": (self._stream.glyphs.tick, "green"),
            "failed": (self._stream.glyphs.cross, "red"),
            "skipped": ("-", "dim"),
        }.get(outcome.status, (self._stream.glyphs.cross, "yellow"))
        said = _ending_words(outcome, self._words.rate)
        if self._verbose and outcome.log is not None:
            said += f" (log: {outcome.log})"
        return [hanging(f"{sign} {outcome.name.ljust(NAME_WIDTH)}  ", said, self._stream.width, style=style)]

    def _follow(self, event: events.Event) -> None:
        match event:
            case events.CandidateLoaded():
                self._race.loaded(event.candidate)
                self._draw("load", f"{event.candidate}, {fmt.duration(event.load_s)}")
            case events.CandidateEnded():
                self._race.left(event.outcome.name)
            case events.RoundFinished():
                self._race.round(event)
                if self._live is not None and self._clock() - self._drawn_at >= REDRAW_S:
                    lead = f"{self._race.place(event.candidate)}/{self._race.entrants}"
                    line = f"{event.candidate.ljust(NAME_WIDTH)}  round {event.round_index}"
                    self._draw("race", line, lead=lead)
            case events.RaceRepeated():
                self._race.repeated()
            case events.SettingTried():
                self._draw("settings", f"{event.candidate}, {event.tried.label}")
            case events.ScreenStep():
                self._draw("screen", steps.screening(event))
            case events.ExportStarted() if self._stage == "export":  # else its files are there
                self._draw("export", f"{event.candidate}{_CALIBRATED.get(event.candidate, '')}")
            case events.ModelDownloading():
                self._draw("model", steps.downloading(event))
            case events.StageStarted():
                self._stage = event.stage
                self._draw(event.stage, steps.STAGES.get(event.stage, event.stage))

    def _draw(self, label: str, said: str, *, lead: str = "") -> None:
        if self._live is None:
            return
        eta = self._estimator.eta
        bar = self._stream.glyphs.progress(eta.fraction, BAR_WIDTH)
        line = Text.assemble((f"  {label.ljust(8)} ", "bold"), f"{lead} " if lead else "", (bar, "cyan"), "  ")
        to_go = "" if eta.remaining_s is None else f"   ETA {fmt.clock(eta.remaining_s)}"
        line.append(said[: max(0, self._stream.width - line.cell_len - len(to_go))] + to_go)
        line.truncate(self._stream.width)
        self._live.update(line, refresh=True)
        self._drawn_at = self._clock()


def _ending_words(outcome: Outcome, unit: str) -> str:
    timing = outcome.timing
    if outcome.status in {"failed", "skipped", "cut"} or timing is None:
        return note(outcome)
    said_of = [f"{fmt.rate(timing.texts_per_s.median)} {unit}"]
    if timing.speedup is not None:
        said_of.append(fmt.times(timing.speedup.median))
    if outcome.loss is not None:
        said_of.append(f"loss {fmt.percent_between(outcome.loss.value, outcome.loss.ci95)}")
    said = note(outcome)
    return ", ".join(said_of) + (f"; {said}" if said else "")


def _verbose_line(event: events.Event, unit: str) -> str | None:
    match event:
        case events.ModelResolved():
            return f"model {event.model.id}: {event.model.architecture}"
        case events.ExportFinished():
            done = event.exported
            took = "from the cache" if done.cached else "exported"
            took += "" if done.export_s is None else f" in {fmt.duration(done.export_s)}"
            return f"{done.candidate}: {took}, {fmt.size(done.size_bytes)}" + "".join(
                f"; {each}" for each in done.notes
            )
        case events.CandidateLoaded():
            return f"{event.candidate}: loaded in {fmt.duration(event.load_s)}"
        case events.FidelityMeasured() if event.loss is not None:
            loss = fmt.percent_between(event.loss.value, event.loss.ci95)
            return f"{event.candidate}: loss {loss} ({event.loss.metric})"
        case events.RoundFinished():
            rate = fmt.rate(event.texts_per_s)
            return f"{event.candidate}: round {event.round_index} of {event.num_rounds}, {rate} {unit}"
    return None
