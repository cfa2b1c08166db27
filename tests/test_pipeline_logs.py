"""Old log folders make room for new ones, and nothing else in the folder of logs is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from advisor.pipeline.run import KEEP_LOGS, _new_log_dir


def test_only_the_logs_of_old_runs_that_have_ended_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVISOR_CACHE", str(tmp_path))
    logs = tmp_path / "logs"
    ended = [logs / f"20200101T0000{index:02}-{2**22 + index}" for index in range(KEEP_LOGS + 5)]
    foreign = [logs / f"2019-experiment-{index:02}" for index in range(KEEP_LOGS + 5)]
    for folder in (*ended, *foreign):
        folder.mkdir(parents=True)
        (folder / "a.log").write_text("kept?")
    going_on = logs / f"20991231T235959-{os.getpid()}"
    going_on.mkdir()
    new = _new_log_dir()
    left = set(logs.iterdir())
    assert {new, going_on, *foreign} <= left
    assert left - {new, going_on, *foreign} == set(ended[-(KEEP_LOGS - 2) :])
