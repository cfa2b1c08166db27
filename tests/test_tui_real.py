"""The app around a real run: real exports, real workers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import tiny_models
from tui_support import app_of, seen, until

import advisor
from advisor.texts import builtin_texts
from advisor.tui.preview import preview
from advisor.tui.runner import run_pipeline


@pytest.mark.slow
def test_a_real_run_in_the_app_writes_an_artifact_that_opens_again(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(" ".join(text.split()) for text in builtin_texts()[:48]), encoding="utf-8")
    out = tmp_path / "out"

    async def scenario() -> None:
        app = app_of(
            run_pipeline,
            look=preview,
            model=str(tiny_models.shared()),
            max_loss="90%",
            time_budget="20m",
            texts=str(texts),
            candidates="openvino",
            out=str(out),
        )
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.press("ctrl+r")
            await until(pilot, lambda: app.state.phase != "running", tries=15_000)
            assert app.state.phase == "finished", app.state.error
            rec = app.state.recommendation
            assert rec is not None
            assert rec.winner is not None
            assert rec.winner in seen(app)
            for name in ("torch-fp32", "openvino"):
                row = app.state.row(name)
                assert row is not None
                assert row.outcome is not None
                assert row.outcome.status == "measured"

    asyncio.run(scenario())
    assert advisor.verify(out).ok
