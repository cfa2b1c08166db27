"""`advisor cache`: what it shows, what it removes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cache_inventory import DAY_S, elsewhere, ended_pid, leave_half_built, put, put_log, put_rounds, used

from advisor.cli import main
from advisor.cli.cache import age_s
from advisor.errors import InputError
from advisor.export.cache import ExportCache
from advisor.paths import cache_dir

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "100")
    return cache_dir()


def document(capsys: Printed, *args: str) -> dict:
    assert main(["cache", "--json", *args]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("args", [(), ("--prune",), ("--all",)])
def test_a_missing_cache_is_said_and_is_no_error(
    args: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("ADVISOR_CACHE", str(tmp_path / "none"))
    assert main(["cache", *args]) == 0
    assert capsys.readouterr().out == f"There is no cache at {tmp_path / 'none'} yet.\n"
    assert document(capsys, *args)["exists"] is False
    assert not (tmp_path / "none").exists()


def test_an_empty_cache_is_said_and_is_no_error(root: Path, capsys: Printed) -> None:
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"The cache {root} is empty.\n"
    assert main(["cache", "--prune"]) == 0
    assert capsys.readouterr().out == "Nothing was removed.\n"


def test_the_table_shows_each_export_under_its_model_with_what_is_wrong(root: Path, capsys: Printed) -> None:
    used(put(root, "onnx/model.onnx", model="owner/name"), ago_s=3 * DAY_S + 60)
    damaged = put(root, "onnx/model_O1.onnx", model="demo")
    (damaged / "onnx" / "model_O1.onnx").write_text("gra")
    leave_half_built(root)
    assert main(["cache"]) == 0
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines()]
    assert lines[0][0] == f"{root}:"
    assert ["owner/name"] in lines
    assert ["demo"] in lines
    size = next(line for line in lines if line[:1] == ["onnx/model.onnx"])
    assert size[:5] == ["onnx/model.onnx", "3", "d", "3", "d"]
    assert "corrupt: onnx/model_O1.onnx has another size than was written" in printed.out
    assert any(line[-1:] == ["half-built"] for line in lines)
    assert "2 exports of no use. They are removed by: advisor cache --prune" in " ".join(printed.out.split())
    assert printed.err == ""


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_note_that_does_not_fit_has_a_line_of_its_own(
    columns: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    damaged = put(root, "openvino/openvino_model.xml")
    (damaged / "openvino" / "openvino_model.xml").write_text("gra")
    assert main(["cache"]) == 0
    note = "      corrupt: openvino/openvino_model.xml has another size than was written"
    assert note in capsys.readouterr().out.splitlines()


def test_one_in_use_is_marked_and_kept_by_name(root: Path, capsys: Printed) -> None:
    folder = put(root)
    with elsewhere(lambda: ExportCache(root).find(folder.name)):
        assert main(["cache"]) == 0
        assert "  in use\n" in capsys.readouterr().out
        assert main(["cache", "--all"]) == 0
        said = capsys.readouterr().out
        assert said == "Nothing was removed.\nKept onnx/model.onnx of demo: a running process uses it.\n"
        assert document(capsys, "--all")["pruned"]["kept"] == [{"path": str(folder), "why": "in use"}]


def test_prune_says_what_went_and_what_it_freed(root: Path, capsys: Printed) -> None:
    used(put(root), ago_s=40 * DAY_S)
    used(put(root, "onnx/model_O1.onnx"), ago_s=10 * DAY_S)
    assert main(["cache", "--prune"]) == 0
    said = capsys.readouterr().out
    assert "  onnx/model.onnx of demo" in said
    assert "not used lately" in said
    assert "Removed 1 export: " in said
    assert " freed.\n" in said
    assert [entry["file"] for entry in document(capsys)["exports"]] == ["onnx/model_O1.onnx"]
    assert document(capsys, "--prune", "--older-than", "9d")["exports"] == []


def test_all_removes_logs_too_and_says_so(root: Path, capsys: Printed) -> None:
    put(root)
    put_log(root, pid=ended_pid())
    (root / "notes.txt").write_text("mine")
    assert main(["cache", "--all"]) == 0
    assert "Removed 1 export and 1 log: " in capsys.readouterr().out
    assert [path.name for path in root.iterdir()] == ["notes.txt"]


def test_as_json_it_is_one_document_with_what_is_left_and_what_went(root: Path, capsys: Printed) -> None:
    folder = put(root)
    put_log(root, pid=ended_pid())
    before = document(capsys)
    assert before["schema"] == {"name": "advisor.cache", "version": "1.0"}
    (entry,) = before["exports"]
    assert (entry["path"], entry["state"], entry["model"], entry["in_use"]) == (str(folder), "whole", "demo", False)
    assert before["logs"]["count"] == 1
    assert before["size_bytes"] == entry["size_bytes"] + before["logs"]["size_bytes"]
    assert "pruned" not in before
    after = document(capsys, "--prune", "--older-than", "0")
    assert after["exports"] == []
    assert after["pruned"]["removed"] == [{"path": str(folder), "why": "unused", "size_bytes": entry["size_bytes"]}]
    assert after["pruned"]["freed_bytes"] == entry["size_bytes"]
    assert after["logs"]["count"] == 1


def test_what_cannot_be_removed_is_one_sentence_and_exit_code_2(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    put(root)

    def refuse(cache: ExportCache, name: str) -> bool:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(ExportCache, "remove", refuse)
    assert main(["cache", "--all"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "Nothing was removed.\n"
    assert "cannot be removed: Permission denied." in printed.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--prune", "--all"), "--prune and --all exclude each other"),
        (("--older-than", "7d"), "--older-than goes with --prune"),
        (("--all", "--older-than", "7d"), "--older-than goes with --prune"),
        (("--prune", "--older-than", "soon"), "--older-than 'soon' is not an age: write whole days or hours"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_removes_nothing(
    args: tuple[str, ...], said: str, root: Path, capsys: Printed
) -> None:
    folder = put(root)
    used(folder, ago_s=99 * DAY_S)
    assert main(["cache", *args]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert folder.exists()


def test_a_cache_that_is_a_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ADVISOR_CACHE", str(tmp_path / "file"))
    assert main(["cache"]) == 2
    assert "is not a folder" in capsys.readouterr().err


@given(st.integers(min_value=0, max_value=99999))
def test_days_and_hours_are_seconds(number: int) -> None:
    assert age_s(f"{number}d") == number * 86400
    assert age_s(f"{number}h") == number * 3600


@pytest.mark.parametrize(
    "typed", ["", "7", "00", "-1d", "+1d", "1.5d", "1 d", "7D", "d", "1d12h", "1m", "٣d", "9" * 9 + "d"]
)
def test_any_other_age_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match=r"is not an age: write whole days or hours, such as 7d or 12h, or 0\."):
        age_s(typed)


@given(st.text(alphabet="0123456789dhm. -", max_size=6))
def test_whatever_is_typed_gives_an_age_or_one_sentence(typed: str) -> None:
    try:
        age = age_s(typed)
    except InputError:
        return
    assert age >= 0


def test_measurements_are_counted_in_the_table_and_in_the_document(root: Path, capsys: Printed) -> None:
    folder = put_rounds(root)
    assert main(["cache"]) == 0
    assert "0 exports, 0 B; 1 measurement, 107 B; logs, 0 B" in capsys.readouterr().out
    (found,) = document(capsys)["measurements"]
    assert found["path"] == str(folder)
    assert main(["cache", "--all"]) == 0
    assert "Removed 1 measurement: 107 B freed." in capsys.readouterr().out
    assert document(capsys)["measurements"] == []
