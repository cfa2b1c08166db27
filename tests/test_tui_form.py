"""The Setup screen's fields are read as the command line reads its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from advisor.cli.tui import parsers
from advisor.pipeline import RunSpec
from advisor.tui.form import Fields, read
from advisor.tui.models import KnownModel, cached_models, known_models, recent_models, remember
from advisor.tui.preview import preview


def test_the_defaults_are_those_of_the_command_line() -> None:
    assert read(Fields(model="demo"), parsers()).spec == RunSpec(model="demo")


def test_every_field_reaches_the_run() -> None:
    typed = Fields(
        model=" demo ",
        texts="a.jsonl",
        field="body",
        max_loss="0.2%",
        objective="latency",
        time_budget="3m",
        threads="1",
        device="cuda:1",
        ruleset="sbert-2026",
        candidates="openvino, onnx",
        skip="torch-fp16",
        eval="pairs.tsv",
        eval_field="a,b,score",
        out="here",
        seed="7",
        offline=True,
    )
    assert read(typed, parsers()).spec == RunSpec(
        model="demo",
        texts="a.jsonl",
        field="body",
        max_loss=0.002,
        objective="latency",
        time_budget_s=180.0,
        threads=1,
        device="cuda:1",
        ruleset="sbert-2026",
        candidates=("openvino", "onnx"),
        skip=("torch-fp16",),
        labels="pairs.tsv",
        label_field="a,b,score",
        out=Path("here"),
        seed=7,
        offline=True,
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("model", "", "Name a folder"),
        ("texts", "-", "cannot come from stdin"),
        ("eval_field", "a,b,score", "name the labels as well"),
        ("max_loss", "0.4", "ambiguous: write 0.4% or 0.004"),
        ("max_loss", "much", "is not a number"),
        ("objective", "speed", "Choose one of throughput, latency, memory"),
        ("time_budget", "soon", "write 90s, 3m or 1h"),
        ("threads", "two", "not a whole number"),
        ("threads", "0", "less than 1"),
        ("ruleset", "sbert-1999", "There is no ruleset called 'sbert-1999'"),
        ("candidates", "onx", "did you mean onnx"),
        ("skip", "torch-fp32", "it is the baseline"),
        ("seed", "x", "not a whole number"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field_with_what_to_type(name: str, text: str, said: str) -> None:
    checked = read(Fields(model="demo").with_(name, text), parsers())
    assert checked.spec is None
    assert [error.name for error in checked.errors] == [name]
    assert said in checked.errors[0].message


def test_all_wrong_fields_are_told_at_once() -> None:
    checked = read(Fields(model="", max_loss="x", seed="y"), parsers())
    assert {error.name for error in checked.errors} == {"model", "max_loss", "seed"}


# -- what can be seen before a run ---------------------------------------------------------------------------


def test_a_model_that_is_not_here_may_be_on_the_hub_but_a_missing_folder_is_wrong() -> None:
    seen = preview(RunSpec(model="somebody/some-model"))
    assert not seen.errors
    assert [(note.name, "Hugging Face" in note.message) for note in seen.notes] == [("model", True)]
    assert seen.explanation is not None
    offline = preview(RunSpec(model="somebody/some-model", offline=True))
    assert [error.name for error in offline.errors] == ["model"]
    missing = preview(RunSpec(model="./no/such/folder"))
    assert [error.name for error in missing.errors] == ["model"]
    assert missing.explanation is not None


def test_texts_that_cannot_be_read_are_told_and_the_machine_is_shown_all_the_same(tmp_path: Path) -> None:
    seen = preview(RunSpec(model="", texts=str(tmp_path / "none.txt")))
    assert [error.name for error in seen.errors] == ["texts"]
    assert seen.explanation is not None
    assert not seen.texts_known


def test_labels_that_cannot_be_read_are_told_before_the_run(tmp_path: Path) -> None:
    missing = preview(RunSpec(model="", labels=str(tmp_path / "none.tsv")))
    assert [(each.name, "none.tsv" in each.message) for each in missing.errors] == [("eval", True)]
    good = tmp_path / "pairs.tsv"
    good.write_text("a\tb\tscore\n" + "".join(f"one {n}\ttwo {n}\t{n % 6}\n" for n in range(40)), encoding="utf-8")
    assert preview(RunSpec(model="", labels=str(good))).errors == ()
    on_the_hub = preview(RunSpec(model="", labels="hub:somebody/some-data"))
    assert (on_the_hub.errors, [note.name for note in on_the_hub.notes]) == ((), ["eval"])


def test_texts_on_the_hub_are_not_fetched_for_a_look() -> None:
    seen = preview(RunSpec(model="", texts="hub:somebody/some-data"))
    assert not seen.errors
    assert [note.name for note in seen.notes] == ["texts"]
    assert not seen.texts_known


# -- models to choose from -----------------------------------------------------------------------------------


def test_a_device_that_is_not_there_is_told_beside_its_field_and_the_machine_is_shown_all_the_same() -> None:
    seen = preview(RunSpec(model="", device="cuda:7"))
    assert [error.name for error in seen.errors] == ["device"]
    assert "There is no device 'cuda:7' here." in seen.errors[0].message
    assert seen.explanation is not None


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ({"threads": 4096}, "threads"),
        ({"field": "body"}, "field"),
        ({}, "field"),  # which of the columns holds the texts is not clear
        ({"texts": "device threads field.jsonl"}, "texts"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field_whatever_the_names_of_files_are(
    tmp_path: Path, typed: dict[str, Any], name: str
) -> None:
    path = tmp_path / "device or logical threads.jsonl"
    path.write_text('{"left": "two words", "right": "and two more"}\n' * 3)
    seen = preview(RunSpec(model="", **{"texts": str(path), **typed}))
    assert [error.name for error in seen.errors] == [name]


def test_models_that_were_run_come_first_newest_first_and_once(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("a/b", str(folder), "c/d", "a/b"):
        remember(name)
    assert recent_models() == ("a/b", "c/d", str(folder.resolve()))
    assert known_models()[:2] == (KnownModel(name="a/b", where="recent"), KnownModel(name="c/d", where="recent"))
    folder.rmdir()
    assert recent_models() == ("a/b", "c/d")


def test_a_damaged_list_of_recent_models_is_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVISOR_CACHE", str(tmp_path))
    for text in ("{", '{"a": 1}', "\xff"):
        (tmp_path / "recent-models.json").write_text(text, encoding="latin-1")
        assert recent_models() == ()


def test_only_sentence_transformers_models_in_the_hubs_cache_are_listed(tmp_path: Path) -> None:
    for name, file in (("models--a--b", "modules.json"), ("models--c--d", "config.json"), ("datasets--e--f", "x")):
        snapshot = tmp_path / name / "snapshots" / "0"
        snapshot.mkdir(parents=True)
        (snapshot / file).touch()
    assert cached_models(tmp_path) == ("a/b",)
    assert cached_models(tmp_path / "none") == ()
