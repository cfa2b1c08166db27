"""The app: six screens over one state, one run in a thread, and the keys."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterable
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Static

from advisor.errors import InputError
from advisor.events import Event
from advisor.report.glyphs import ASCII, for_terminal
from advisor.tui import signals, snippet
from advisor.tui.ascii import AsciiFilter
from advisor.tui.bar import Bar
from advisor.tui.dialogs.confirm import Confirm
from advisor.tui.form import FieldError, Fields, Parsers, read
from advisor.tui.keys import BINDINGS, SCREENS, acts, commands, help_text
from advisor.tui.looking import look, request_so_far, with_seen
from advisor.tui.messages import FieldsChanged, OpenCandidate, RunEnded, RunEvents, StartAsked
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
from advisor.tui.runner import DRAW_TIMEOUT_S, Run, run_pipeline
from advisor.tui.state import Row, State, finished
from advisor.tui.status import status
from advisor.tui.steering import LEAVE_S, Steering
from advisor.types import Recommendation


class AdvisorApp(App[bool]):
    """Renders events. Its result is True where a run was interrupted by leaving."""

    TITLE = "advisor"
    CSS = """
    #panes { height: 1fr; }
    #problem { height: auto; max-height: 4; padding: 0 1; color: $text-error; display: none; }
    #status { height: 1; padding: 0 1; background: $boost; }
    #below { dock: bottom; height: auto; }
    #below Footer { dock: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = list(BINDINGS)

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
        if ascii_only is None:
            ascii_only = for_terminal(sys.__stdout__.encoding if sys.__stdout__ else None) is ASCII
        if ascii_only:
            self._filters.append(AsciiFilter())
        self.state = State() if opened is None else finished(State(), opened)
        self._fields = fields
        self._parsers = parsers
        self._preview = look
        self._steering = Steering(run, draw=self._draw, ended=self._ended)
        self._field_errors: tuple[FieldError, ...] = ()
        self._leaving = False
        self._keys: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        """The bar, the six screens, the line that says what is going on, the keys."""
        panes = [
            SetupPane(self._fields, id="setup"),
            MachinePane(id="machine"),
            TextsPane(id="texts"),
            RulesPane(id="rules"),
            RacePane(id="race"),
            ResultPane(id="result"),
        ]
        yield Bar([(pane.id or "", pane.TITLE) for pane in panes], id="bar")
        with ContentSwitcher(initial=None, id="panes"):
            yield from panes
        with Vertical(id="below"):
            yield Static(id="problem", markup=False)
            yield Static(id="status", markup=False)
            yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show the first screen at once; look at the machine after that."""
        signals.listen(leave=self._leave_now, end_run=self.end_run)
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
        base.query_one("#status", Static).update(status(state, self._steering.eta, width=width))
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
        return acts(action, self.state, self._current)

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
        self.call_from_thread(self._looked, fields, look(fields, self._parsers, self._preview))

    def _looked(self, fields: Fields, seen: Preview) -> None:
        if fields != self._fields or self.state.running:
            return
        self._field_errors = seen.errors
        self.query_one(SetupPane).tell(seen.errors, seen.notes)
        self._set(with_seen(self.state, fields, seen))

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
        self._set(self._steering.start(spec))
        self.query_one(SetupPane).freeze(True)
        self.action_go("race")

    def _draw(self, told: tuple[Event, ...]) -> None:
        """In the run's thread: hand over events, and wait until they are on the screen."""
        drawn = threading.Event()
        if self.post_message(RunEvents(told, drawn)):
            drawn.wait(DRAW_TIMEOUT_S)

    def _ended(self, error: Exception | None) -> None:
        self.post_message(RunEnded(error))

    @on(RunEvents)
    def _run_events(self, message: RunEvents) -> None:
        state = self._steering.told(self.state, message.told)
        done = state.phase == "finished" and self.state.phase != "finished"
        self._set(state)
        if done and self._current == "race" and len(self.screen_stack) == 1:
            self.action_go("result")
        self.screen.call_after_refresh(message.drawn.set)

    @on(RunEnded)
    def _run_ended(self, message: RunEnded) -> None:
        self.query_one(SetupPane).freeze(False)
        self._set(self._steering.over(self.state, message.error))
        if self._leaving:
            self.exit(True)

    # -- what the keys do ------------------------------------------------------------------------------------

    def action_pause(self) -> None:
        """Hold the race before the next block, or let it go on."""
        self._set(self._steering.pause(self.state))

    def action_skip(self) -> None:
        """Leave out the candidate under the cursor."""
        try:
            self._set(self._steering.skip(self.state, self.query_one(RacePane).candidate))
        except InputError as error:
            self.notify(str(error), severity="warning", markup=False)

    def action_stop(self) -> None:
        """Measure no more; the answer is chosen among what is measured."""
        self._set(self._steering.stop(self.state))

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

        request = request_so_far(self.state, self._fields, self._parsers)
        if request is None:
            self.notify("Mend the fields of the Setup screen first.", severity="warning")
            return
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
        return commands(self)

    # -- leaving ---------------------------------------------------------------------------------------------

    @work(exclusive=True, group="leave")
    async def action_leave(self) -> None:
        """Quit; during a run only after a question."""
        if not self._steering.busy:
            self.exit(False)
        elif isinstance(self.screen, Confirm) or await self.push_screen_wait(
            Confirm(
                "A run is under way. Leaving ends it; finished exports and rounds are kept.", yes="Leave", no="Stay"
            )
        ):
            self._leave_now()

    def _leave_now(self) -> None:
        if not self._steering.busy:
            self.exit(False)
        elif not self._leaving:
            self._leaving = True
            self.set_timer(LEAVE_S, lambda: self.exit(True))
            self.cancel()

    @work(thread=True, exclusive=True, group="cancel")
    def cancel(self) -> None:
        """End the run without an answer."""
        self._steering.end()

    def end_run(self) -> bool:
        """After the app has closed, however that was: end what still runs; whether there was anything."""
        return self._steering.end()
