"""The app: six screens over one state, one run in a thread, and the keys."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Static

from advisor.events import Event
from advisor.report.eta import Estimator, Eta
from advisor.tui import snippet
from advisor.tui.ascii import AsciiFilter, needs_ascii
from advisor.tui.bar import Bar
from advisor.tui.dialogs.confirm import Confirm
from advisor.tui.form import FieldError, Fields, Parsers, read
from advisor.tui.keys import help_text
from advisor.tui.messages import FieldsChanged, OpenCandidate, StartAsked
from advisor.tui.models import known_models, remember
from advisor.tui.opening import open_report
from advisor.tui.panes.base import Pane
from advisor.tui.panes.machine import MachinePane
from advisor.tui.panes.race import RacePane
from advisor.tui.panes.result import ResultPane
from advisor.tui.panes.rules import RulesPane
from advisor.tui.panes.setup import SetupPane
from advisor.tui.panes.texts import TextsPane
from advisor.tui.preview import Look, Preview, preview
from advisor.tui.runner import DRAW_TIMEOUT_S, Run, Runner, run_pipeline, sentence
from advisor.tui.state import Row, State, finished, fold
from advisor.tui.status import status
from advisor.types import BASELINE, Recommendation, Request

LEAVE_S = 20.0
"""How long the children and scratch files of a run may take to go, before the app leaves without having seen it."""

SCREENS = ("setup", "machine", "texts", "rules", "race", "result")


class RunEvents(Message):
    """Events of the run; `drawn` is set once they are on the screen."""

    def __init__(self, told: tuple[Event, ...], drawn: threading.Event) -> None:
        super().__init__()
        self.told = told
        self.drawn = drawn


class RunEnded(Message):
    """The run's thread has unwound."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error


class AdvisorApp(App[bool]):
    """Renders events. Its result is True where a run was interrupted by leaving."""

    TITLE = "advisor"
    ENABLE_COMMAND_PALETTE = True
    CSS = """
    #panes { height: 1fr; }
    #problem { height: auto; max-height: 4; padding: 0 1; color: $text-error; display: none; }
    #status { height: 1; padding: 0 1; background: $boost; }
    #below { dock: bottom; height: auto; }
    #below Footer { dock: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"go('{name}')", show=False) for number, name in enumerate(SCREENS, start=1)),
        Binding("ctrl+r", "start", "Start", priority=True),
        Binding("space", "pause", "Pause"),
        Binding("x", "skip", "Skip"),
        Binding("X,shift+x", "stop", "Stop", key_display="X"),
        Binding("y", "copy", "Copy"),
        Binding("o", "report", "Report"),
        Binding("w", "what_if", "What if"),
        Binding("f1", "help", "Help", priority=True),
        Binding("q", "leave", "Quit"),
        Binding("ctrl+q,ctrl+c", "leave", show=False, priority=True),
        Binding("escape", "unfocus", show=False),
    ]

    def __init__(
        self,
        fields: Fields,
        parsers: Parsers,
        *,
        opened: Recommendation | None = None,
        run: Run = run_pipeline,
        look: Look = preview,
        ascii_only: bool | None = None,
    ) -> None:
        super().__init__()
        self.animation_level = "none"  # nothing moves by itself while candidates are timed
        if needs_ascii(sys.__stdout__.encoding if sys.__stdout__ else None) if ascii_only is None else ascii_only:
            self._filters.append(AsciiFilter())
        self.state = State() if opened is None else finished(State(), opened)
        self.eta: Eta | None = None
        self._fields = fields
        self._parsers = parsers
        self._run = run
        self._preview = look
        self._runner: Runner | None = None
        self._estimator: Estimator | None = None
        self._field_errors: tuple[FieldError, ...] = ()
        self._leaving = False
        self._keys: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        """The bar, the six screens, the line that says what is going on, the keys."""
        panes = self._panes()
        yield Bar([(pane.id or "", pane.TITLE) for pane in panes], id="bar")
        with ContentSwitcher(initial=None, id="panes"):
            yield from panes
        with Vertical(id="below"):
            yield Static(id="problem", markup=False)
            yield Static(id="status", markup=False)
            yield Footer(compact=True, show_command_palette=False)

    def _panes(self) -> list[Pane]:
        return [
            SetupPane(self._fields, id="setup"),
            MachinePane(id="machine"),
            TextsPane(id="texts"),
            RulesPane(id="rules"),
            RacePane(id="race"),
            ResultPane(id="result"),
        ]

    def on_mount(self) -> None:
        """Show the first screen at once; look at the machine after that."""
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
                for sent in (signal.SIGTERM, signal.SIGINT):
                    loop.add_signal_handler(sent, self._leave_now)
                loop.add_signal_handler(signal.SIGHUP, threading.Thread(target=self._hang_up, daemon=True).start)
        self.action_go("setup" if self.state.recommendation is None else "result")
        self._offer_models()
        if self.state.recommendation is None:
            self._look(self._fields)

    @property
    def failure(self) -> Exception | None:
        """What closed the app, if it was an error of the app itself."""
        return self._exception

    # -- showing ---------------------------------------------------------------------------------------------

    @property
    def pane(self) -> Pane:
        """The screen that is open."""
        return self.screen_stack[0].query_one(f"#{self._current}", Pane)

    @property
    def _current(self) -> str:
        return self.screen_stack[0].query_one("#panes", ContentSwitcher).current or SCREENS[0]

    def _set(self, state: State) -> None:
        self.state = state
        base = self.screen_stack[0]
        for pane in base.query(Pane):
            pane.show(state)
        width = self.size.width - 2
        base.query_one("#status", Static).update(status(state, self.eta, width=width))
        problem = base.query_one("#problem", Static)
        problem.display = state.error is not None and len(state.error) > width - 2
        problem.update(state.error or "")
        keys = (state.phase, self._current)
        if keys != self._keys:  # the footer is made anew then, which costs more than all else
            self._keys = keys
            self.refresh_bindings()

    def action_go(self, name: str) -> None:
        """Open a screen."""
        base = self.screen_stack[0]
        base.query_one("#panes", ContentSwitcher).current = name
        base.query_one("#bar", Bar).mark(name)
        self._set(self.state)
        self.pane.to_focus().focus(scroll_visible=False)

    def on_resize(self, event: events.Resize) -> None:
        """Pass a new size on to the screens, and cut the status line to it.

        Textual 8.2 does that from a one-shot timer of 8 ms. A loop that is busy for longer, as beside a race, skips
        the timer, and from then on no resize arrives any more.
        """
        self.call_next(self._resized, event)

    def _resized(self, event: events.Resize) -> None:
        for screen in self.screen_stack:
            screen.post_message(event)
        if self.screen_stack[0].query("#status"):
            self._set(self.state)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which keys act now; the footer shows those alone."""
        del parameters
        running, rec = self.state.running, self.state.recommendation
        if action == "start":
            return not running
        if action in {"pause", "stop"}:
            return running
        if action == "skip":
            return running and self._current == "race"
        if action in {"copy", "report"}:
            return rec is not None
        return True

    def _fatal_error(self) -> None:
        """Close without Textual's traceback: `open_app` raises the error again, and the command line says it."""
        self._close_messages_no_wait()

    # -- before the run --------------------------------------------------------------------------------------

    @work(thread=True, exclusive=True, group="models")
    def _offer_models(self) -> None:
        models = known_models()
        self.call_from_thread(lambda: self.query_one(SetupPane).offer(models))

    @on(FieldsChanged)
    def _fields_changed(self, event: FieldsChanged) -> None:
        self._fields = event.fields
        if not self.state.running and (event.settled or self._field_errors):
            self._look(event.fields)

    @work(thread=True, exclusive=True, group="preview")
    def _look(self, fields: Fields) -> None:
        """Check the fields and ask the rules, without getting in the way of typing."""
        checked = read(fields, self._parsers)
        typed = tuple(error for error in checked.errors if not (error.name == "model" and not fields.model.strip()))
        if checked.spec is None and (typed or fields.model.strip()):
            self.call_from_thread(self._looked, fields, typed, None)
            return
        spec = checked.spec or read(replace(fields, model="demo"), self._parsers).spec
        if spec is None:
            return
        seen = self._preview(spec if checked.spec is not None else replace(spec, model=""))
        self.call_from_thread(self._looked, fields, seen.errors, seen)

    def _looked(self, fields: Fields, errors: tuple[FieldError, ...], seen: Preview | None) -> None:
        if fields != self._fields or self.state.running:
            return
        self._field_errors = errors
        self.query_one(SetupPane).tell(errors, () if seen is None else seen.notes)
        known = None if seen is None else seen.explanation
        if known is None or seen is None or self.state.recommendation is not None:
            return
        self._set(
            replace(
                self.state,
                hardware=known.hardware,
                threads=known.request.threads,
                model=known.model,
                profile=known.profile if seen.texts_known else None,
                ruleset=fields.ruleset.strip() or None,
                decision=known.decision,
                alternatives=known.alternatives,
            )
        )

    # -- the run ---------------------------------------------------------------------------------------------

    @on(StartAsked)
    def action_start(self) -> None:
        """Check once more, then begin."""
        if self.state.running:
            return
        checked = read(self._fields, self._parsers)
        self._field_errors = checked.errors
        self.query_one(SetupPane).tell(checked.errors)
        spec = checked.spec
        if spec is None:
            self.action_go("setup")
            with contextlib.suppress(Exception):  # a wrong field that cannot be focused is still marked
                self.query_one(f"#field-{checked.errors[0].name}").focus()
            self.notify(checked.errors[0].message, severity="error", markup=False)
            return
        remember(spec.model)
        self._estimator = Estimator(time_budget_s=spec.time_budget_s)
        self.eta = None
        self._runner = Runner(spec, draw=self._draw, ended=self._ended, run=self._run)
        self._set(State(phase="running", ruleset=spec.ruleset))
        self.query_one(SetupPane).freeze(True)
        self.action_go("race")
        self._runner.start()

    def _draw(self, told: tuple[Event, ...]) -> None:
        """In the run's thread: hand over events, and wait until they are on the screen."""
        drawn = threading.Event()
        if self.post_message(RunEvents(told, drawn)):
            drawn.wait(DRAW_TIMEOUT_S)

    def _ended(self, error: Exception | None) -> None:
        self.post_message(RunEnded(error))

    @on(RunEvents)
    def _run_events(self, message: RunEvents) -> None:
        state = self.state
        for event in message.told:
            state = fold(state, event)
            if self._estimator is not None:
                self.eta = self._estimator.add(event)
        done = state.phase == "finished" and self.state.phase != "finished"
        self._set(state)
        if done and self._current == "race" and len(self.screen_stack) == 1:
            self.action_go("result")
        self.screen.call_after_refresh(message.drawn.set)

    @on(RunEnded)
    def _run_ended(self, message: RunEnded) -> None:
        state = replace(self.state, paused=False, stopping=False, stage=None)
        if message.error is not None:
            state = replace(state, phase="failed", error=sentence(message.error))
        elif state.phase == "running":
            state = replace(state, phase="cancelled")
        self._runner = None
        self.query_one(SetupPane).freeze(False)
        self._set(state)
        if self._leaving:
            self.exit(True)

    # -- what the keys do ------------------------------------------------------------------------------------

    def action_pause(self) -> None:
        """Hold the race before the next block, or let it go on."""
        if self._runner is None:
            return
        control = self._runner.control
        if control.paused:
            control.resume()
        else:
            control.pause()
        self._set(replace(self.state, paused=control.paused))

    def action_skip(self) -> None:
        """Leave out the candidate under the cursor."""
        name = self.query_one(RacePane).candidate
        row = None if name is None else self.state.row(name)
        if self._runner is None or row is None or row.outcome is not None:
            return
        if row.name == BASELINE:
            self.notify(f"{BASELINE} is the baseline: every speedup and loss refers to it.", severity="warning")
            return
        self._runner.control.skip(row.name)
        rows = tuple(replace(each, skip_asked=True) if each is row else each for each in self.state.rows)
        self._set(replace(self.state, rows=rows))

    def action_stop(self) -> None:
        """Measure no more; the answer is chosen among what is measured."""
        if self._runner is not None:
            self._runner.control.stop()
            self._set(replace(self.state, stopping=True, paused=False))

    @on(OpenCandidate)
    def _open_candidate(self, message: OpenCandidate) -> None:
        from advisor.tui.dialogs.detail import Detail

        row = self.state.row(message.candidate) or Row(name=message.candidate)
        self.push_screen(Detail(row, self.state))

    def action_copy(self) -> None:
        """Give the snippet to the terminal's clipboard, and show it, for not every terminal has one."""
        rec = self.state.recommendation
        text = None if rec is None else snippet.full(rec)
        if text is None:
            self.notify("There is nothing to load: no artifact was written.", severity="warning")
            return
        self.copy_to_clipboard(text)
        self.notify(text, title="Copied, where the terminal allows it", timeout=15, markup=False)

    def action_report(self) -> None:
        """Open the report in a browser, or say where it lies."""
        rec = self.state.recommendation
        if rec is not None:
            self.notify(open_report(rec), markup=False)

    def action_what_if(self) -> None:
        """Open the what-if panel, over any screen."""
        from advisor.tui.dialogs.whatif import WhatIf

        rec = self.state.recommendation
        spec = read(replace(self._fields, model=self._fields.model or "demo"), self._parsers).spec
        if rec is not None:
            request = rec.request
        elif spec is None:
            self.notify("Mend the fields of the Setup screen first.", severity="warning")
            return
        else:
            request = Request(
                objective=spec.objective, max_loss=spec.max_loss, threads=self.state.threads or 1, seed=spec.seed
            )
        self.push_screen(WhatIf(self.state, request=request, parse_loss=self._parsers.max_loss))

    def action_help(self) -> None:
        """What this screen shows, and the keys."""
        from advisor.tui.dialogs.reading import Reading

        self.push_screen(Reading("Help", help_text(self.pane.TITLE, self.pane.HELP)))

    def action_unfocus(self) -> None:
        """Leave a text field, so that the keys act again."""
        self.pane.focus(scroll_visible=False)

    def action_theme(self) -> None:
        """Light or dark."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette."""
        del screen
        for name in SCREENS:
            yield SystemCommand(name.capitalize(), f"Open the screen {name}", lambda name=name: self.action_go(name))
        yield SystemCommand("Light or dark", "Change the theme", self.action_theme)
        yield SystemCommand("What if", "Another budget, objective or machine", self.action_what_if)
        yield SystemCommand("Help", "The keys, and what this screen shows", self.action_help)
        if self.state.running:
            yield SystemCommand("Pause", "Hold the race between rounds, or go on", self.action_pause)
            yield SystemCommand("Stop", "Measure no more, keep what is measured", self.action_stop)
            yield SystemCommand("End the run", "End it without an answer; exports and rounds are kept", self._cancel)
        else:
            yield SystemCommand("Start", "Start the run", self.action_start)
        if self.state.recommendation is not None:
            yield SystemCommand("Copy", "Copy the snippet that loads the winner", self.action_copy)
            yield SystemCommand("Report", "Open the report", self.action_report)
        yield SystemCommand("Quit", "Leave the app", self.action_leave)

    # -- leaving ---------------------------------------------------------------------------------------------

    @work(exclusive=True, group="leave")
    async def action_leave(self) -> None:
        """Quit; during a run only after a question."""
        if self._runner is None:
            self.exit(False)
        elif isinstance(self.screen, Confirm) or await self.push_screen_wait(
            Confirm(
                "A run is under way. Leaving ends it; finished exports and rounds are kept.", yes="Leave", no="Stay"
            )
        ):
            self._leave_now()

    def _leave_now(self) -> None:
        if self._runner is None:
            self.exit(False)
        elif not self._leaving:
            self._leaving = True
            self.set_timer(LEAVE_S, lambda: self.exit(True))
            self._cancel()

    def _hang_up(self) -> None:
        """The terminal is gone, and Textual would wait for it: end the run, then this process."""
        self.end_run()
        os._exit(128 + signal.SIGHUP)

    @work(thread=True, exclusive=True, group="cancel")
    def _cancel(self) -> None:
        runner = self._runner
        if runner is not None:
            runner.join(LEAVE_S)

    def end_run(self) -> bool:
        """After the app has closed, however that was: end what still runs; whether there was anything."""
        runner = self._runner
        if runner is None or not runner.alive:
            return False
        runner.join(LEAVE_S)
        return True
