"""Hugging Face datasets are streamed, and say clearly why they cannot be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import AdvisorError, InputError, MissingExtraError, UnavailableError
from advisor.texts import sample_texts
from advisor.texts.batches import TextStream
from advisor.texts.hub import HubSource, read_hub

ROWS = [{"id": index, "text": f"text number {index}"} for index in range(300)]


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake needs no network, so a machine that is offline must not refuse it."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)


@dataclass
class FakeLoader:
    """Stands for `datasets.load_dataset`."""

    answer: Any = None
    error: Exception | None = None
    calls: list[tuple[str, str | None, str | None, bool]] = field(default_factory=list)

    def __call__(self, path: str, name: str | None, /, *, split: str | None, streaming: bool) -> Any:
        self.calls.append((path, name, split, streaming))
        if self.error is not None:
            raise self.error
        return self.answer


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("hub:owner/name", ("owner/name", None, None)),
        ("hub:owner/name:config", ("owner/name", "config", None)),
        ("hub:owner/name:config:test", ("owner/name", "config", "test")),
        ("hub:owner/name::test", ("owner/name", None, "test")),
    ],
)
def test_the_name_is_taken_apart(source: str, parts: tuple[str, str | None, str | None]) -> None:
    assert HubSource.parse(source) == HubSource(name=parts[0], config=parts[1], split=parts[2])


@pytest.mark.parametrize("source", ["hub:", "hub::config", "hub:a/b:c:d:e"])
def test_a_source_that_names_no_dataset_is_refused(source: str) -> None:
    with pytest.raises(InputError, match="does not name a dataset"):
        sample_texts(source)


def test_a_split_is_streamed_and_its_text_column_found() -> None:
    loader = FakeLoader(answer=ROWS)
    stream = read_hub("hub:owner/name:config:test", field=None, load_dataset=loader)
    assert loader.calls == [("owner/name", "config", "test", True)]
    assert (stream.label, stream.field) == ("hub:owner/name:config:test", "text")
    assert texts_of(stream) == [str(row["text"]) for row in ROWS]


@pytest.mark.parametrize(("splits", "taken"), [(("test", "train"), "train"), (("validation", "test"), "validation")])
def test_without_a_split_train_or_the_first_is_taken(splits: tuple[str, ...], taken: str) -> None:
    answer = {split: [{"text": f"from {split}"}] for split in splits}
    assert texts_of(read_hub("hub:owner/name", field=None, load_dataset=FakeLoader(answer=answer))) == [f"from {taken}"]


def test_an_unknown_field_lists_the_columns() -> None:
    with pytest.raises(InputError, match="hub:owner/name has no column 'body'; it has id, text"):
        read_hub("hub:owner/name", field="body", load_dataset=FakeLoader(answer=ROWS))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError("Dataset 'owner/name' doesn't exist on the Hub or cannot be accessed."), UnavailableError),
        (ConnectionError("Couldn't reach the Hub\nlong trace"), UnavailableError),
        (RuntimeError(""), UnavailableError),
        (ValueError("Bad split: test. Available splits: ['train']"), InputError),
    ],
)
def test_a_dataset_that_cannot_be_loaded_is_one_clear_sentence(error: Exception, kind: type[AdvisorError]) -> None:
    with pytest.raises(kind, match="The dataset owner/name cannot be") as caught:
        read_hub("hub:owner/name", field=None, load_dataset=FakeLoader(error=error))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == (3 if kind is UnavailableError else 2)


def test_a_connection_that_breaks_on_the_way_is_the_same_error() -> None:
    def rows() -> Iterator[dict[str, object]]:
        yield from ROWS
        raise ConnectionError("connection reset")

    stream = read_hub("hub:owner/name", field=None, load_dataset=FakeLoader(answer=rows()))
    with pytest.raises(UnavailableError, match="connection reset"):
        texts_of(stream)


def test_offline_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = FakeLoader(answer=ROWS)
    with pytest.raises(UnavailableError, match="offline mode forbids it") as caught:
        read_hub("hub:owner/name", field=None, offline=True, load_dataset=loader)
    assert caught.value.exit_code == 3
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UnavailableError, match="offline mode forbids it"):
        sample_texts("hub:owner/name")
    assert not loader.calls


def test_without_datasets_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"backend-advisor\[profile\]"):
        sample_texts("hub:owner/name")


def test_a_local_dataset_folder_is_streamed_by_datasets_itself(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="datasets is not installed")
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    sample = sample_texts(f"hub:{folder}", offline=True, num_texts=10)
    assert sample.profile.num_seen == 300
    assert (sample.profile.source, sample.profile.field) == ("hub:corpus", "text")
    with pytest.raises(InputError, match="Bad split: test"):
        sample_texts(f"hub:{folder}::test", offline=True)


def texts_of(stream: TextStream) -> list[str]:
    return [text for batch in stream.batches for text in batch.texts]
