"""The six screens after runs of every kind, at four sizes, as a person reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import factories
import pytest
from tui_support import SIZES, app_of, held, replaying, seen, start_and_finish, until

from advisor.events import RoundFinished, ScreenFinished
from advisor.report import format as fmt
from advisor.report.verdict import headline
from advisor.tui.keys import SCREENS
from advisor.types import Findings, Gpu, Hardware, Recommendation, Untried


def cancelled() -> Recommendation:
    """Stopped by the user: what was not measured by then is skipped."""
    base = factories.confirmed()
    stopped = replace(
        base.candidates[2],
        status="skipped",
        timing=None,
        findings=Findings(),
        reason="skipped: the measurement was stopped before its turn",
        untried=Untried(needs_s=None),
    )
    return replace(
        base,
        candidates=(*base.candidates[:2], stopped, *base.candidates[3:]),
        verdict="inconclusive",
        why="openvino-qint8 is the fastest of the 4 that there was time for; onnx-qint8 was not tried (a larger "
        "--time-budget tries it).",
    )


def with_gpu() -> Recommendation:
    """A machine with a CUDA GPU, as it is recorded."""
    base = factories.confirmed()
    gpu = Gpu(kind="cuda", name="NVIDIA H100", memory_total_bytes=85_899_345_920, compute_capability="9.0")
    hardware: Hardware = replace(base.hardware, gpus=(gpu,))
    return replace(base, hardware=hardware)


KINDS: dict[str, Callable[[], Recommendation]] = {
    "normal": factories.confirmed,
    "detailed": factories.detailed,
    "overturned": factories.overturned,
    "tie": factories.tie,
    "inconclusive": factories.inconclusive,
    "no time for all": factories.unfinished,
    "a failed candidate": factories.with_failures,
    "the baseline kept": factories.keep_baseline,
    "everything rejected": factories.nothing_passes,
    "cancelled": cancelled,
    "a GPU": with_gpu,
}


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_any_kind_can_be_read_at_any_size(kind: str) -> None:
    rec = KINDS[kind]()

    async def scenario() -> None:
        app = app_of(replaying(factories.events(rec)))
        async with app.run_test(size=SIZES[0]) as pilot:
            await start_and_finish(pilot, app)
            assert app.state.recommendation == rec
            for size in SIZES if kind == "detailed" else SIZES[:1]:  # the narrowest: what fits there fits everywhere
                await pilot.resize_terminal(*size)
                for number, name in enumerate(SCREENS, start=1):
                    await pilot.press(*(["escape"] if app.pane.id == "setup" else []), str(number))
                    await pilot.pause()
                    assert app.pane.id == name
                    screen = seen(app)
                    assert f"[{number} {name.capitalize()}]" in screen
                    assert max(map(len, screen.splitlines())) <= size[0]
                screen = squeezed(seen(app))
                assert headline(rec).name in screen
                for row in rec.candidates:
                    assert row.status == "skipped" or size[1] < 24 or row.name in screen

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [(80, 24), (140, 45)], ids=["80x24", "140x45"])
def test_each_screen_says_what_it_is_for(size: tuple[int, int]) -> None:
    rec = factories.detailed()
    says = {
        "setup": ("Model", "demo", "Loss budget", "0.4%", "Time budget", "10m", "Ruleset", "sbert-2024", "Start"),
        "machine": ("AMD EPYC 9B45", "cpu.isa", "avx512_vnni", "/proc/cpuinfo", "no driver"),
        "texts": ("in tokens", "256", "0% truncated", "▲ p50 11", "▲ p95 31", "171", "┆"),
        "rules": ("Is there a CUDA GPU?", "= no GPU found", "openvino-qint8 ✓", "onnx-O4"),
        "race": ("✓ openvino-qint8", "measured", "2,579", "6.3", "6.1-6.5", "0.08%", "baseline", "cut", "⚠"),
        "result": ("6.3x faster than torch-fp32", "confirmed", 'advisor.load("', "> A openvino-qint8", "─A─", "0.26%"),
    }

    async def scenario() -> None:
        app = app_of(replaying(factories.events(rec)))
        async with app.run_test(size=size) as pilot:
            await start_and_finish(pilot, app)
            for number, name in enumerate(SCREENS, start=1):
                await pilot.press("escape", str(number))
                await pilot.pause()
                screen = seen(app)
                for words in says[name]:
                    assert words in screen, f"{words!r} is not on the screen {name}:\n{screen}"

    asyncio.run(scenario())


def test_a_small_terminal_gets_lists_instead_of_pictures() -> None:
    rec = factories.confirmed()

    async def scenario() -> None:
        app = app_of(opened=rec)
        async with app.run_test(size=(60, 15)) as pilot:
            assert "─A─" not in seen(app)
            await pilot.press("3")
            await pilot.pause()
            assert "p50" in seen(app)
            assert "▲" not in seen(app)
            await pilot.press("5")
            await pilot.pause()
            assert "95% CI  " not in seen(app)
            assert "openvino-qint8" in seen(app)

    asyncio.run(scenario())


def test_by_keys_alone_the_whole_result_can_be_read_in_a_small_terminal() -> None:
    async def scenario() -> None:
        app = app_of(opened=factories.detailed())
        async with app.run_test(size=(60, 15)) as pilot:
            assert "onnx-O4" not in seen(app)
            await pilot.press(*["down"] * 3)
            await pilot.pause()
            assert app.query_one("#result-table").candidate == "torch-fp32"  # type: ignore[attr-defined]
            assert "torch-fp32 " in "\n".join(seen(app).splitlines()[2:])  # the cursor is followed
            await pilot.press(*["down"] * 30)
            await pilot.pause()
            assert "took" in seen(app)
            await pilot.press(*["up"] * 60)
            await pilot.pause()
            assert "6.3x faster" in seen(app).splitlines()[2]
            await pilot.press(*["pagedown"] * 5)
            await pilot.pause()
            assert "took" in seen(app)
            await pilot.press(*["pageup"] * 5)
            await pilot.pause()
            assert "6.3x faster" in seen(app).splitlines()[2]

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [(1, 1), (39, 10), (300, 100)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_no_size_keeps_it_from_starting(size: tuple[int, int]) -> None:
    async def scenario() -> None:
        app = app_of(replaying(factories.events(factories.confirmed())))
        async with app.run_test(size=size) as pilot:
            await start_and_finish(pilot, app)
            for number in range(1, 7):
                await pilot.press("escape", str(number))
            assert app.state.phase == "finished"

    asyncio.run(scenario())


def test_a_failed_candidate_is_one_line_and_its_log_is_a_key_away(tmp_path: object) -> None:
    rec = factories.with_failures()
    log = tmp_path / "onnx.log"  # type: ignore[operator]
    log.write_text("\x1b[31mTraceback (most recent call last):\x1b[0m\n  boom\n\x07ValueError: no\n")
    rec = replace(rec, candidates=tuple(replace(each, log=str(log)) for each in rec.candidates))

    async def scenario() -> None:
        app = app_of(replaying(factories.events(rec)))
        async with app.run_test(size=(80, 24)) as pilot:
            await start_and_finish(pilot, app)
            await pilot.press("5")
            await pilot.pause()
            lines = seen(app).splitlines()
            assert sum("✗ onnx: failed: no answer to export in 600 s" in line for line in lines) == 1
            names = [row.name for row in app.state.rows if row.planned]
            await pilot.press("home", *["down"] * names.index("onnx"), "enter")
            await pilot.pause()
            detail = seen(app)
            assert "failed: no answer to export in 600 s" in detail
            assert "ValueError: no" in detail
            assert "\x1b" not in detail
            await pilot.press("escape")
            await pilot.pause()
            assert app.pane.id == "race"

    asyncio.run(scenario())


def test_rows_keep_their_order_and_the_cursor_while_the_race_runs() -> None:
    rec = factories.confirmed()
    told = factories.events(rec, rounds=6)
    orders: list[list[str]] = []
    cursors: list[str | None] = []

    async def scenario() -> None:
        app = app_of(replaying(told))

        def look(state: object) -> None:
            orders.append([row.name for row in app.state.rows if row.planned])
            cursors.append(app.query_one("#race-table").candidate)  # type: ignore[attr-defined]

        async with app.run_test(size=(100, 30)) as pilot:
            set_state = app._set

            def watched(state: object) -> None:
                set_state(state)  # type: ignore[arg-type]
                look(state)

            app._set = watched  # type: ignore[method-assign,assignment]
            await start_and_finish(pilot, app)

    asyncio.run(scenario())
    final = orders[-1]
    assert all(order in ([], final) for order in orders)
    assert {cursor for cursor in cursors if cursor is not None} == {final[0]}


def test_live_figures_are_marked_by_their_state_and_a_round_adds_a_bar() -> None:
    rec = factories.confirmed()
    told = factories.events(rec, rounds=4)
    last = max(index for index, event in enumerate(told) if isinstance(event, RoundFinished))

    async def scenario() -> None:
        app = app_of(held(told[: last + 1], rec))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("ctrl+r")
            await until(pilot, lambda: app.state.lap_index == 4 and len(app.state.rows) > 3)
            await until(pilot, lambda: "▄▄▄▄" in seen(app))
            screen = seen(app)
            assert "▸ openvino-qint8  racing" in screen
            assert fmt.rate(2579.0) in screen
            assert "race" in screen.splitlines()[-2]
            await pilot.press("X")
            await until(pilot, lambda: not app.state.running)

    asyncio.run(scenario())


@pytest.mark.parametrize(("columns", "shown"), [(110, "openvino-qint8-mixed"), (76, "openvino-qint…")])
def test_names_that_begin_alike_are_told_apart_in_the_race(columns: int, shown: str) -> None:
    rec = factories.confirmed()
    mixed = replace(rec.candidates[0], name="openvino-qint8-mixed")
    rec = replace(rec, candidates=(*rec.candidates, mixed))

    async def scenario() -> None:
        app = app_of(replaying(factories.events(rec)))
        async with app.run_test(size=(columns, 30)) as pilot:
            await start_and_finish(pilot, app)
            await pilot.press("escape", "5")
            await pilot.pause()
            names = {word for line in seen(app).splitlines() for word in line.split()[1:2]}
            assert {"openvino-qint8", shown} <= names

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("size", "row"),
    [((80, 24), "· openvino-qint8 waiting ~6.3 predicted"), ((60, 15), "· openvino-qint8")],  # there without a figure
)
def test_a_predicted_speedup_never_stands_there_like_a_measured_one(size: tuple[int, int], row: str) -> None:
    rec = factories.unfinished()
    told = factories.events(rec)
    at = next(index for index, event in enumerate(told) if isinstance(event, ScreenFinished))

    async def scenario() -> None:
        app = app_of(held(told[: at + 2], rec))
        async with app.run_test(size=size) as pilot:
            await pilot.press("ctrl+r")
            await until(pilot, lambda: app.state.stage == "measure")
            lines = [squeezed(line) for line in seen(app).splitlines()]
            assert row in lines, seen(app)
            assert any("openvino-qint8: ~6.3x predicted from 1 and 3" in line for line in lines)  # under the cursor
            assert not any("6.3" in line and "predicted" not in line for line in lines)
            await pilot.press("enter")
            await pilot.pause()
            assert "screen ~6.3x predicted from 1 and 3 of 12 layers" in squeezed(seen(app).replace("│", ""))
            await pilot.press("escape", "X")
            await until(pilot, lambda: not app.state.running)

    asyncio.run(scenario())
