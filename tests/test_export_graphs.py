"""Graphs of every architecture, made in this process: right at other shapes, by the second exporter if need be."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from advisor.export.attempts import first_right
from advisor.export.check import ANY_DIFFERENCE, FP32_TOLERANCE, check, onnx_runner, openvino_runner
from advisor.export.failure import ExportError, reason_of
from advisor.export.loading import LoadedModel, Probe, load
from advisor.export.onnx_files import load as load_onnx
from advisor.export.onnx_files import save, sidecar_of
from advisor.export.onnx_graph import export_onnx
from advisor.export.onnx_optimize import optimize_onnx
from advisor.export.onnx_quantize import quantize_onnx
from advisor.export.openvino_graph import export_openvino
from advisor.export.openvino_quantize import quantize_openvino

SECOND = "Exported by transformers' own exporter"


def loaded(folder: Path) -> LoadedModel:
    return load(str(folder), trust_remote_code=False, threads=2)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A model whose tokenizer pads on the left."""
    return loaded(tiny_models.build(tmp_path_factory.mktemp("bert"), padding_side="left"))


@pytest.fixture(scope="module")
def plain(bert: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    export_onnx(bert, folder / "onnx" / "model.onnx", work=folder, threads=2)
    return folder / "onnx" / "model.onnx"


@pytest.mark.parametrize("architecture", tiny_models.ARCHITECTURES)
def test_both_plain_graphs_answer_as_torch_does_at_shapes_that_were_not_traced(architecture, tmp_path):
    model = loaded(tiny_models.build(tmp_path / "model", architecture=architecture))
    traced, *others = [probe.inputs["input_ids"].shape for probe in model.probes]
    assert len({traced, *others}) == 4
    onnx, openvino = tmp_path / "onnx" / "model.onnx", tmp_path / "openvino" / "openvino_model.xml"
    export_onnx(model, onnx, work=tmp_path, threads=2)
    export_openvino(model, openvino, threads=2)
    assert check(onnx_runner(onnx, threads=2), model.probes, tolerance=1e-5) < 1e-5
    assert check(openvino_runner(openvino, threads=2), model.probes, tolerance=1e-5) < 1e-5


@pytest.mark.parametrize("level", ["O1", "O2", "O3"])
def test_every_level_serves_a_tokenizer_that_pads_on_the_left(bert, plain, tmp_path, level):
    assert any((probe.inputs["attention_mask"][:, 0] == 0).any() for probe in bert.probes)
    file = tmp_path / f"model_{level}.onnx"
    optimize_onnx(bert, plain, file, work=tmp_path, threads=2)
    assert check(onnx_runner(file, threads=2), bert.probes, tolerance=2e-3) < 2e-3


def test_where_the_first_exporter_fails_the_second_makes_the_file_and_the_notes_say_so(bert, tmp_path, monkeypatch):
    import torch

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("unsupported operator\nand a long story")

    original = torch.onnx.export
    monkeypatch.setattr(
        torch.onnx,
        "export",
        lambda *args, **kwargs: fail() if kwargs.get("dynamo") is False else original(*args, **kwargs),
    )
    file = tmp_path / "onnx" / "model.onnx"
    notes = export_onnx(bert, file, work=tmp_path, threads=2)
    assert notes[0].startswith(SECOND)
    assert notes[1] == "PyTorch's TorchScript exporter failed: RuntimeError: unsupported operator"
    assert check(onnx_runner(file, threads=2), bert.probes, tolerance=FP32_TOLERANCE) < 1e-5
    assert [path.name for path in file.parent.iterdir()] == ["model.onnx"]
    assert b"site-packages" not in file.read_bytes()
    assert [output.name for output in load_onnx(file).graph.output] == ["last_hidden_state"]


def test_weights_above_the_limit_go_to_one_sidecar_that_every_later_step_reads(bert, plain, tmp_path):
    file = tmp_path / "large" / "model.onnx"
    save(load_onnx(plain), file, limit_bytes=10_000)
    assert sorted(path.name for path in file.parent.iterdir()) == ["model.onnx", "model.onnx_data"]
    assert sidecar_of(file).stat().st_size > file.stat().st_size
    assert check(onnx_runner(file, threads=2), bert.probes, tolerance=1e-5) < 1e-5
    optimize_onnx(bert, file, tmp_path / "model_O2.onnx", work=tmp_path, threads=2)
    quantize_onnx(bert, file, tmp_path / "model_qint8_avx512.onnx", work=tmp_path, threads=2)
    assert sorted(path.name for path in file.parent.iterdir()) == ["model.onnx", "model.onnx_data"]


def test_a_model_without_a_transformer_is_refused_in_one_line(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    tokenizer = tiny_models._tokenizer("bert")
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    model.save_pretrained(str(tmp_path), create_model_card=False)
    with pytest.raises(
        ExportError, match=r"^the model starts with StaticEmbedding, which is no transformer to export$"
    ):
        loaded(tmp_path)


def test_static_int8_without_texts_is_refused(bert, tmp_path):
    with pytest.raises(ExportError, match="calibrated on texts, and there are none"):
        quantize_openvino(bert, tmp_path / "any.xml", tmp_path / "q.xml", texts=(), threads=1)


def test_graph_parameters_leave_out_the_embeddings(bert):
    total = sum(weight.numel() for weight in bert.transformer.parameters())
    embeddings = sum(weight.numel() for weight in bert.transformer.embeddings.parameters())
    norm = 2 * tiny_models.HIDDEN_SIZE  # LayerNorm's scale and shift stay
    assert bert.num_graph_parameters == total - embeddings + norm


# -- the check -------------------------------------------------------------------------------------------------


PROBE = Probe(
    inputs={"input_ids": np.ones((2, 3), np.int64), "attention_mask": np.array([[1, 1, 1], [1, 1, 0]])},
    expected=np.ones((2, 3, 4), np.float32),
)


def test_a_wrong_answer_under_the_mask_is_refused_and_one_at_a_padded_place_is_not():
    answer = PROBE.expected.copy()
    answer[1, 2] = 7.0
    assert check(lambda inputs: answer, [PROBE], tolerance=FP32_TOLERANCE) == 0.0
    answer[1, 1, 0] = 1.5
    with pytest.raises(ExportError, match=r"differs from torch by 0\.5 .* on 2 texts of 3 tokens"):
        check(lambda inputs: answer, [PROBE], tolerance=FP32_TOLERANCE)
    assert check(lambda inputs: answer, [PROBE], tolerance=ANY_DIFFERENCE) == 0.5


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_inf_are_refused_even_at_a_padded_place_and_for_int8(bad):
    answer = PROBE.expected.copy()
    answer[1, 2, 0] = bad
    with pytest.raises(ExportError, match="NaN or Inf"):
        check(lambda inputs: answer, [PROBE], tolerance=ANY_DIFFERENCE)


def test_another_shape_and_a_crash_are_refused_in_one_line():
    with pytest.raises(ExportError, match=r"shape \(2, 4\) where torch gives \(2, 3, 4\)"):
        check(lambda inputs: np.ones((2, 4), np.float32), [PROBE], tolerance=ANY_DIFFERENCE)

    def crash(inputs: object) -> np.ndarray:
        raise RuntimeError("no kernel\nfor this")

    with pytest.raises(ExportError, match=r"^the file does not run on 2 texts of 3 tokens: no kernel$"):
        check(crash, [PROBE], tolerance=ANY_DIFFERENCE)


# -- several exporters -----------------------------------------------------------------------------------------


def raising(error: Exception):
    def make() -> float:
        raise error

    return make


def test_if_all_exporters_fail_every_reason_is_in_one_line(tmp_path):
    with pytest.raises(ExportError, match=r"^A failed: ValueError: no; B failed: the file is wrong$"):
        first_right(
            {"A": raising(ValueError("no\nmore")), "B": raising(ExportError("the file is wrong"))},
            folder=tmp_path / "onnx",
            needed_bytes=1,
        )


def test_a_full_disk_is_no_reason_to_try_the_next_exporter(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        first_right({"A": raising(full), "B": lambda: 0.0}, folder=tmp_path / "onnx", needed_bytes=1)


def test_a_writer_that_fails_in_its_own_words_on_a_full_disk_is_told_from_others(tmp_path):
    exporters = {"A": raising(RuntimeError("basic_ios::clear: iostream error"))}
    with pytest.raises(OSError, match="No space left"):
        first_right(exporters, folder=tmp_path / "onnx", needed_bytes=1 << 62)
    with pytest.raises(ExportError, match="iostream error"):
        first_right(exporters, folder=tmp_path / "onnx", needed_bytes=1)


def test_what_a_failed_exporter_wrote_is_gone_before_the_next(tmp_path):
    folder = tmp_path / "onnx"

    def half() -> float:
        folder.mkdir()
        (folder / "half").write_text("half")
        raise ValueError("no")

    made = first_right({"A": half, "B": lambda: 0.5}, folder=folder, needed_bytes=1)
    assert (made.by, made.difference, made.notes) == ("B", 0.5, ("A failed: ValueError: no",))
    assert not folder.exists()


def test_a_missing_package_is_named_with_what_to_type():
    error = ModuleNotFoundError("No module named 'nncf'", name="nncf.common")
    assert reason_of(error) == "needs nncf, which is not installed: pip install 'backend-advisor[profile]'"
