"""What OpenVINO compiled is kept inside the artifact, and never believed without its hash."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from test_encode_load import write

from advisor.encode import load
from advisor.encode.blob import FOLDER, MOST_BLOBS, Blob

pytest.importorskip("sentence_transformers", reason="builds the models")
pytest.importorskip("openvino", reason="runs OpenVINO graphs")

TEXTS = list(tiny_models.TEXTS)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return write(tmp_path / "artifact", "openvino")


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done with graphs, in order: `compiled` or `imported`."""
    import openvino

    seen: list[str] = []

    class Core(openvino.Core):  # type: ignore[misc]  # its package is skipped by mypy
        def compile_model(self, *args: Any) -> Any:
            seen.append("compiled")
            return super().compile_model(*args)

        def import_model(self, *args: Any) -> Any:
            seen.append("imported")
            return super().import_model(*args)

    monkeypatch.setattr(openvino, "Core", Core)
    return seen


def embed(artifact: Path, **options: Any) -> Any:
    with load(artifact, **options) as encoder:
        return encoder.encode(TEXTS)


def test_the_embeddings_outlive_the_encoder_and_its_file(artifact: Path) -> None:
    """The weights are in the mapped file, which stays as long as the encoder, whatever happens to its name."""
    embed(artifact)
    encoder = load(artifact)
    for path in (artifact / FOLDER).iterdir():
        path.unlink()
    expected = encoder.encode(TEXTS)
    gc.collect()
    again = encoder.encode(TEXTS)
    encoder.close()
    gc.collect()
    np.testing.assert_allclose(again, expected, atol=1e-6)
    assert np.isfinite(expected).all()


def test_an_empty_blob_is_made_again(artifact: Path, compiled: list[str]) -> None:
    first = embed(artifact)
    (blob,) = (artifact / FOLDER).glob("*.blob")
    blob.write_bytes(b"")
    np.testing.assert_allclose(embed(artifact), first, atol=1e-6)
    assert compiled == ["compiled", "compiled"]
    assert blob.stat().st_size > 0


def test_the_second_load_compiles_nothing_and_gives_the_same(artifact: Path, compiled: list[str]) -> None:
    first, second = embed(artifact), embed(artifact)
    assert compiled == ["compiled", "imported"]
    np.testing.assert_allclose(second, first, atol=1e-6)
    assert sorted(path.suffix for path in (artifact / FOLDER).iterdir()) == [".blob", ".sha256"]


def test_other_settings_are_compiled_anew(artifact: Path, compiled: list[str], tmp_path: Path) -> None:
    embed(artifact)
    other = write(tmp_path / "other", "openvino", num_streams=1, inference_precision="f32")
    (other / FOLDER).mkdir()
    for path in (artifact / FOLDER).iterdir():
        (other / FOLDER / path.name).write_bytes(path.read_bytes())
    embed(other)
    assert compiled == ["compiled", "compiled"]


@pytest.mark.parametrize("damage", ["bit", "cut", "no label", "label", "version"])
def test_a_damaged_blob_is_made_again(artifact: Path, compiled: list[str], damage: str) -> None:
    first = embed(artifact)
    (blob,) = (artifact / FOLDER).glob("*.blob")
    label = blob.with_suffix(".sha256")
    content = blob.read_bytes()
    match damage:
        case "bit":
            blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "cut":
            blob.write_bytes(content[: len(content) // 2])
        case "no label":
            label.unlink()
        case "label":
            label.write_bytes(b"\xff\xfe")
        case "version":
            label.write_text(label.read_text().splitlines()[0] + "\n2020.1\n")
    np.testing.assert_allclose(embed(artifact), first, atol=1e-6)
    np.testing.assert_allclose(embed(artifact), first, atol=1e-6)
    assert compiled == ["compiled", "compiled", "imported"]


def test_a_blob_that_openvino_refuses_is_made_again(artifact: Path, compiled: list[str]) -> None:
    import hashlib

    first = embed(artifact)
    (blob,) = (artifact / FOLDER).glob("*.blob")
    label = blob.with_suffix(".sha256")
    blob.write_bytes(b"no blob")
    label.write_text("\n".join([hashlib.sha256(b"no blob").hexdigest(), label.read_text().splitlines()[1]]))
    np.testing.assert_allclose(embed(artifact), first, atol=1e-6)
    assert compiled == ["compiled", "imported", "compiled"]


def test_without_keep_compiled_nothing_is_written(artifact: Path) -> None:
    embed(artifact, keep_compiled=False)
    assert not (artifact / FOLDER).exists()


def test_an_artifact_that_cannot_be_written_loads_all_the_same(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("advisor.files.tempfile.mkstemp", refuse)
    assert embed(artifact).shape == (len(TEXTS), 32)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(MOST_BLOBS + 2):
        Blob(tmp_path, identity=number).put(b"%d" % number, "1")
    assert len(list((tmp_path / FOLDER).glob("*.blob"))) == MOST_BLOBS
    assert len(list((tmp_path / FOLDER).glob("*.sha256"))) == MOST_BLOBS
    assert Blob(tmp_path, identity=0).get("1") is None
    newest = Blob(tmp_path, identity=MOST_BLOBS + 1).get("1")
    assert newest is not None
    assert bytes(newest) == b"%d" % (MOST_BLOBS + 1)


def test_openvino_s_converter_is_there_for_whoever_wants_it() -> None:
    script = (
        "import sys; from advisor.encode.openvino_session import import_openvino; ov = import_openvino();"
        "assert 'openvino.tools' not in sys.modules;"
        "import openvino; from openvino import convert_model; assert callable(openvino.convert_model);"
        "assert 'openvino.tools.ovc' in sys.modules; assert not hasattr(openvino, 'nothing_like_it')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
