"""Any number of texts: generators, files, windows, several streams, other processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from test_encode_load import write

from advisor.encode import Encoder, load, open_encoder
from advisor.encode import windows as windows_module
from advisor.encode.ahead import Shared, ahead
from advisor.encode.backend import EncodeOptions
from advisor.encode.windows import portions, windows
from advisor.errors import InputError
from advisor.types import RuntimeSettings

pytest.importorskip("sentence_transformers", reason="builds the models")
pytest.importorskip("onnxruntime", reason="runs ONNX graphs")
pytest.importorskip("openvino", reason="runs OpenVINO graphs")

TEXTS = [f"text {index} " * (1 + index * 7 % 11) for index in range(300)]


@pytest.fixture(scope="module", params=["onnx", "openvino", "torch"])
def encoder(request: pytest.FixtureRequest) -> Iterator[Encoder]:
    folder = tiny_models.shared()
    file = {"onnx": tiny_models.shared_onnx, "openvino": tiny_models.shared_openvino, "torch": lambda _: None}
    settings = RuntimeSettings(threads=2, num_streams=2 if request.param == "openvino" else None)
    with open_encoder(folder, runtime=request.param, file=file[request.param](folder), settings=settings) as opened:
        yield opened


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_module, "TEXTS_AT_ONCE", 37)
    monkeypatch.setattr(windows_module, "PORTION_CHARS", 400)


@pytest.mark.usefixtures("small_windows")
def test_a_generator_gives_what_a_list_gives(encoder: Encoder) -> None:
    np.testing.assert_allclose(encoder.encode(text for text in TEXTS), encoder.encode(TEXTS), atol=1e-5)


@pytest.mark.usefixtures("small_windows")
def test_no_more_of_a_generator_is_held_than_two_windows(encoder: Encoder) -> None:
    taken = 0

    def source() -> Iterator[str]:
        nonlocal taken
        for text in TEXTS:
            taken += 1
            yield text

    pieces = encoder.backend.embed(source(), EncodeOptions())
    first = next(pieces)
    assert len(first) <= taken <= 2 * 37
    assert len(first) + sum(map(len, pieces)) == len(TEXTS) == taken


@pytest.mark.usefixtures("small_windows")
def test_out_is_a_whole_file_and_its_memory_map(encoder: Encoder, tmp_path: Path) -> None:
    path = tmp_path / "embeddings.npy"
    mapped = encoder.encode((text for text in TEXTS), out=path, normalize_embeddings=True)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_allclose(mapped, encoder.encode(TEXTS, normalize_embeddings=True), atol=1e-5)
    np.testing.assert_array_equal(mapped, np.load(path))
    assert [each.name for each in tmp_path.iterdir()] == ["embeddings.npy"]


def test_no_texts_give_an_empty_file(encoder: Encoder, tmp_path: Path) -> None:
    assert encoder.encode(iter(()), out=tmp_path / "empty.npy", truncate_dim=5).shape == (0, 5)
    assert encoder.encode("one", out=tmp_path / "one.npy").shape == (1, encoder.embedding_dimension)


def test_a_generator_that_fails_leaves_no_file(encoder: Encoder, tmp_path: Path) -> None:
    def source() -> Iterator[str]:
        yield "one"
        raise OSError("the network went away")

    with pytest.raises(OSError, match="the network went away"):
        encoder.encode(source(), out=tmp_path / "x.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["fine", None], "Text 1 is a NoneType"),
        (["fine", "bad \ud800"], "Text 1 holds half of a surrogate pair at position 4"),
    ],
)
def test_a_bad_text_in_a_generator_is_named(encoder: Encoder, texts: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        encoder.encode(iter(texts))


@pytest.mark.parametrize("name", ["", "no/such/folder/x.npy"])
def test_an_output_that_cannot_be_written_is_one_sentence(encoder: Encoder, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        encoder.encode(["one"], out=tmp_path / name)


def test_a_bar_is_drawn_on_stderr_on_request(encoder: Encoder, capfd: pytest.CaptureFixture[str]) -> None:
    encoder.encode(TEXTS, show_progress_bar=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert f"{len(TEXTS)}/{len(TEXTS)}" in err
    encoder.encode(TEXTS)
    assert capfd.readouterr() == ("", "")


def test_a_loaded_encoder_can_be_pickled(tmp_path: Path) -> None:
    with load(write(tmp_path / "artifact"), threads=1) as encoder:
        again = pickle.loads(pickle.dumps(encoder))
        np.testing.assert_array_equal(again.encode(TEXTS[:9]), encoder.encode(TEXTS[:9]))
        assert again.settings == encoder.settings
        again.close()


def test_an_opened_model_cannot_be_pickled_and_says_so(encoder: Encoder) -> None:
    with pytest.raises(InputError, match="was not loaded from an artifact"):
        pickle.dumps(encoder)


def _encode_in_child(encoder: Encoder, queue: object) -> None:
    try:
        encoder.encode("one")
        queue.put("it worked")  # type: ignore[attr-defined]  # a queue of multiprocessing
    except InputError as error:
        queue.put(str(error))  # type: ignore[attr-defined]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_is_told_what_to_do_instead_of_hanging(encoder: Encoder) -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_encode_in_child, args=(encoder, queue))
    child.start()
    said = queue.get(timeout=600)
    child.join(300)
    assert f"opened in process {os.getpid()}" in said
    assert "'spawn'" in said


@pytest.mark.usefixtures("small_windows")
def test_windows_and_portions_hold_every_text_once() -> None:
    assert [text for window in windows(iter(TEXTS)) for text in window] == TEXTS
    rows = np.concatenate(list(portions(TEXTS)))
    assert sorted(rows.tolist()) == list(range(len(TEXTS)))
    lengths = [len(TEXTS[row]) for row in rows]
    assert lengths == sorted(lengths, reverse=True)


def test_long_texts_end_a_window_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_module, "CHARS_AT_ONCE", 100)
    assert [len(window) for window in windows(["x" * 60] * 5)] == [2, 2, 1]


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_work_ahead_keeps_the_order_and_is_one_ahead(count: int) -> None:
    begun: list[int] = []
    results = ahead(lambda item: begun.append(item) or item * 10, range(count))
    for position, result in enumerate(results):
        assert result == position * 10
        assert len(begun) <= position + 2
    assert begun == list(range(count))


def test_an_error_ahead_reaches_whoever_takes_the_results() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda item: 1 // item, [2, 1, 0, 1]))


def test_what_several_threads_share_is_done_once_each_and_an_error_ends_it() -> None:
    done: list[int] = []
    shared = Shared(iter(range(100)))
    threads = [threading.Thread(target=shared.drain, args=(done.append,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(100))

    failing = Shared(iter(range(100)))
    with pytest.raises(ZeroDivisionError):
        failing.drain(lambda item: 1 // (item - 3))
    failing.drain(done.append)
    assert len(done) == 100
