"""The app with a run that is told beforehand, and what a person sees of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from textual.pilot import Pilot

from advisor.cli.tui import parsers
from advisor.events import Event, Finished
from advisor.measure import Control
from advisor.pipeline import RunSpec
from advisor.tui import Fields
from advisor.tui.app import AdvisorApp
from advisor.tui.preview import Preview
from advisor.tui.runner import REDRAW_S
from advisor.types import Recommendation

SIZES = ((60, 15), (80, 24), (100, 30), (140, 45))


def replaying(told: Sequence[Event], *, error: Exception | None = None) -> Callable[..., Recommendation]:
    """A run that tells these events, as fast as they are drawn, and looks at the control between them."""

    def run(spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
        del spec
        for event in told:
            control.wait()
            emit(event)
        if error is not None:
            raise error
        return told[-1].recommendation  # type: ignore[attr-defined]  # the last event is Finished

    return run


def held(told: Sequence[Event], rec: Recommendation) -> Callable[..., Recommendation]:
    """A run that tells the events up to the end, and ends with `rec` when the user stops it."""

    def run(spec: RunSpec, emit: Callable[[Event], None], control: Control) -> Recommendation:
        del spec
        *before, last = (event for event in told if not isinstance(event, Finished))
        for event in before:
            emit(event)
        time.sleep(REDRAW_S)  # in a race only an event draws, once it is due
        emit(last)
        while not control.stopped:
            time.sleep(0.01)
        emit(Finished(elapsed_s=99.0, recommendation=rec))
        return rec

    return run


def app_of(
    run: Callable[..., Any] | None = None,
    *,
    opened: Recommendation | None = None,
    look: Callable[[RunSpec], Preview] | None = None,
    ascii_only: bool = False,
    **typed: str,
) -> AdvisorApp:
    """The app with `demo` filled in; without `look` nothing is looked at before the run."""
    fields = Fields(**{"model": "demo", **typed})  # type: ignore[arg-type]
    return AdvisorApp(
        fields,
        parsers(),
        opened=opened,
        run=run or replaying(()),
        look=look or (lambda spec: Preview(explanation=None)),
        ascii_only=ascii_only,
    )


def seen(app: AdvisorApp) -> str:
    """The screen as text, line by line."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[Any], holds: Callable[[], bool], *, tries: int = 300) -> None:
    """Wait until something holds; fail if it does not come about."""
    for _ in range(tries):
        if holds():
            await pilot.pause()
            return
        await pilot.pause(0.02)
    raise AssertionError(f"it did not come about; the screen shows:\n{seen(pilot.app)}")  # type: ignore[arg-type]


async def start_and_finish(pilot: Pilot[Any], app: AdvisorApp) -> None:
    await pilot.press("ctrl+r")
    await until(pilot, lambda: app.state.phase not in {"idle", "running"})
