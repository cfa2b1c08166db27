"""Embeddings into a .npy file: streaming, whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from advisor.cli import main
from advisor.encode import loading
from advisor.encode.npy import NpyWriter


class FakeEncoder:
    """Embeds a text as (its length, its number)."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.calls: list[int] = []
        self.asked: dict[str, Any] = {}
        self._fail_after = fail_after
        self._seen = 0

    def encode(self, sentences: list[str], **asked: Any) -> NDArray[np.float32]:
        self.calls.append(len(sentences))
        self.asked = asked
        if self._fail_after is not None and len(self.calls) > self._fail_after:
            raise KeyboardInterrupt
        rows = [[len(sentence), self._seen + index] for index, sentence in enumerate(sentences)]
        self._seen += len(sentences)
        return np.array(rows, dtype=np.float32)

    def __enter__(self) -> FakeEncoder:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closed = True


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:
    fake = FakeEncoder()
    monkeypatch.setattr(loading, "load", lambda folder, *, threads=None, trust_remote_code=False, expect=None: fake)
    return fake


def lines(path: Path, number: int) -> Path:
    path.write_text("".join(f"text {index} {'of some length ' * 40}\n" for index in range(number)), encoding="utf-8")
    return path


def test_every_text_gets_a_row_in_order(
    encoder: FakeEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = lines(tmp_path / "texts.txt", 5000), tmp_path / "out.npy"
    assert main(["encode", "artifact", str(source), "-o", str(output)]) == 0
    embeddings = np.load(output, allow_pickle=False)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (5000, 2)
    assert (embeddings[:, 1] == np.arange(5000)).all()
    assert max(encoder.calls) < 5000  # streamed
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "5,000 texts x 2 float32" in printed.err
    assert "texts/s" in printed.err
    assert {path.name for path in tmp_path.iterdir()} == {"texts.txt", "out.npy"}


def test_standard_input_is_a_source(encoder: FakeEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one\n\nthree\n")))
    output = tmp_path / "out.npy"
    assert main(["encode", "artifact", "-", "-o", str(output), "-q", "--normalize", "--prompt-name", "query"]) == 0
    assert np.load(output)[:, 0].tolist() == [3, 0, 5], "a blank line keeps its row"
    assert encoder.asked == {"prompt_name": "query", "normalize_embeddings": True}


def test_an_interruption_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        loading,
        "load",
        lambda folder, *, threads=None, trust_remote_code=False, expect=None: FakeEncoder(fail_after=1),
    )
    source, output = lines(tmp_path / "texts.txt", 5000), tmp_path / "out.npy"
    output.write_bytes(b"old")
    assert main(["encode", "artifact", str(source), "-o", str(output)]) == 130
    assert output.read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"texts.txt", "out.npy"}
    assert capsys.readouterr().err == "interrupted: nothing was written\n"


def test_a_source_without_texts_writes_nothing(
    encoder: FakeEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "blank.csv"
    source.write_text("text\n", encoding="utf-8")
    assert main(["encode", "artifact", str(source), "-o", str(tmp_path / "out.npy")]) == 2
    assert "blank.csv" in capsys.readouterr().err
    assert not (tmp_path / "out.npy").exists()


def test_a_missing_value_keeps_its_row(encoder: FakeEncoder, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"id": 1, "text": "one"}\n{"id": 2, "text": null}\n{"id": 3}\n{"id": 4, "text": "four"}\n')
    output = tmp_path / "out.npy"
    assert main(["encode", "artifact", str(source), "--field", "text", "-o", str(output), "-q"]) == 0
    assert np.load(output)[:, 0].tolist() == [3, 0, 0, 4]


def test_a_folder_as_output_is_refused_before_the_artifact_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["encode", "no-such-artifact", "no-such-source", "-o", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@given(st.lists(st.integers(min_value=0, max_value=9), min_size=1, max_size=8), st.integers(min_value=1, max_value=5))
def test_whatever_the_blocks_the_file_is_their_concatenation(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], dimension: int
) -> None:
    path = tmp_path_factory.mktemp("npy") / "x.npy"
    generator = np.random.default_rng(0)
    blocks = [generator.random((size, dimension), dtype=np.float32) for size in sizes]
    with NpyWriter(path) as npy:
        for block in blocks:
            npy.append(block)
        assert npy.shape == (sum(sizes), dimension)
    assert np.array_equal(np.load(path, allow_pickle=False), np.concatenate(blocks))


def test_the_header_has_room_for_any_number_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    with NpyWriter(path) as npy:
        npy.append(np.ones((1, 3), np.float32))
        small = len(npy.header())
        npy.num_rows = 10**12
        assert len(npy.header()) == small
        npy.num_rows = 1
    assert np.load(path).shape == (1, 3)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    path, other = tmp_path / "x.npy", tmp_path / "other"
    with NpyWriter(path) as npy:
        npy.append(np.ones((1, 1), np.float32))
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode
