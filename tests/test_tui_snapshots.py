"""The six screens as pictures, at two sizes: what they show and how it looks changes only where that is meant.

    ADVISOR_WRITE_SCREENS=1 pytest tests/test_tui_snapshots.py

writes them anew; look at them in a browser before they are committed.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import factories
import pytest
import svg_screens
from textual.pilot import Pilot
from tui_support import app_of, held, until

from advisor.tui.app import AdvisorApp
from advisor.tui.keys import SCREENS
from advisor.tui.models import KnownModel
from advisor.tui.panes.setup import SetupPane

FOLDER = Path(__file__).parent / "data" / "screens"
SIZES = {"80x24": (80, 24), "140x45": (140, 45)}
MAX_BYTES = 100_000


async def picture(pilot: Pilot[Any], app: AdvisorApp) -> str:
    """The screen once it has come to rest."""
    before = None
    for _ in range(100):
        await pilot.pause(0.02)
        now = app.export_screenshot(title="advisor")
        if before is not None and not svg_screens.difference(before, now):
            return svg_screens.slim(now)
        before = now
    raise AssertionError("the screen does not come to rest")


async def pictures(size: tuple[int, int]) -> dict[str, str]:
    """The race while it is run, the others once it has ended."""
    rec = factories.detailed()
    app = app_of(held(factories.events(rec, rounds=4), rec), texts="tickets.jsonl")
    found = {}
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: all(worker.is_finished for worker in app.workers))
        app.query_one(SetupPane).offer((KnownModel(name="demo", where="packaged"),))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.state.lap_index == 4 and app.state.last_lap == "torch-fp32")
        found["race"] = await picture(pilot, app)
        await pilot.press("X")
        await until(pilot, lambda: app.state.phase == "finished" and not app.state.running)
        for number, name in enumerate(SCREENS, start=1):
            if name != "race":
                await pilot.press("escape", str(number))
                found[name] = await picture(pilot, app)
    return found


@pytest.mark.parametrize("size", SIZES)
def test_the_six_screens_look_as_they_did(size: str, tmp_path: Path) -> None:
    wrong = []
    for name, drawn in asyncio.run(pictures(SIZES[size])).items():
        kept = FOLDER / f"{name}-{size}.svg"
        assert len(drawn.encode()) < MAX_BYTES
        if os.environ.get("ADVISOR_WRITE_SCREENS"):
            FOLDER.mkdir(exist_ok=True)
            kept.write_text(drawn, encoding="utf-8")
        found = svg_screens.difference(kept.read_text(encoding="utf-8"), drawn)
        if found:
            (tmp_path / kept.name).write_text(drawn, encoding="utf-8")
            wrong.append(f"{kept.name} differs from {tmp_path / kept.name}:\n{found}")
    assert not wrong, "\n\n".join([*wrong, "Where that is meant: ADVISOR_WRITE_SCREENS=1 pytest " + __file__])


def test_a_kept_picture_loads_nothing() -> None:
    kept = sorted(FOLDER.glob("*.svg"))
    assert len(kept) == len(SCREENS) * len(SIZES)
    for path in kept:
        text = path.read_text(encoding="utf-8")
        assert "url(" not in text.replace("url(#", "")
        assert text.count("http") == text.count('xmlns="http://www.w3.org/2000/svg"') == 1


STYLES = "<style>.t-r1 { fill: #98e024;font-weight: bold } .t-r2 { fill: #e0e0e0 }</style>"


def drawn(*texts: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg">{STYLES}{"".join(texts)}</svg>'


def text(words: str, *, at: int, style: str = "t-r2", row: int = 1) -> str:
    x, y, length = 12.2 * at, 24.4 * row - 4, 12.2 * len(words)
    return f'<text class="{style}" x="{x}" y="{y}" textLength="{length}">{words}</text>'


def test_the_comparison_sees_words_places_weight_and_colour_and_nothing_else() -> None:
    whole = drawn(text("one two", at=0))
    in_pieces = drawn(text("one&#160;", at=0), text("two", at=4)).replace("#e0e0e0", "#dedede")
    assert svg_screens.difference(whole, in_pieces) == ""
    for other in (
        drawn(text("one ten", at=0)),
        drawn(text("one two", at=1)),
        drawn(text("one two", at=0, row=2)),
        drawn(text("one two", at=0, style="t-r1")),
        drawn(),
    ):
        assert svg_screens.difference(whole, other)
