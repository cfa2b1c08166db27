"""Runtimes: what they are told, and what they say when something is wrong."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from advisor.encode import open_encoder
from advisor.encode.onnx_session import OnnxSession
from advisor.encode.openvino_session import OpenvinoSession
from advisor.errors import ArtifactError, InputError, MissingExtraError, ModelError, UnavailableError
from advisor.types import Runtime, RuntimeSettings

pytest.importorskip("sentence_transformers", reason="builds the models")
pytest.importorskip("onnxruntime", reason="runs ONNX graphs")
pytest.importorskip("openvino", reason="runs OpenVINO graphs")

ONE = RuntimeSettings(threads=1)


def test_onnx_runtime_is_given_its_threads_and_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    seen = []
    original = onnxruntime.InferenceSession

    def record(path: str, options: Any, providers: list[str], enable_fallback: int) -> Any:
        seen.append((options, providers, enable_fallback))
        return original(path, options, providers=providers, enable_fallback=enable_fallback)

    monkeypatch.setattr(onnxruntime, "InferenceSession", record)
    OnnxSession(tiny_models.shared_onnx(tiny_models.shared()), RuntimeSettings(threads=2))
    options, providers, enable_fallback = seen[0]
    assert providers == ["CPUExecutionProvider"]
    assert enable_fallback == 0
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.parametrize("streams", [1, 2])
def test_openvino_is_given_its_precision_threads_and_streams(streams: int) -> None:
    file = tiny_models.shared_openvino(tiny_models.shared())
    session = OpenvinoSession(file, RuntimeSettings(threads=2, num_streams=streams))
    compiled = session._compiled
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 2
    assert compiled.get_property("NUM_STREAMS") == streams == session.concurrency


def test_an_unknown_provider_is_named_with_those_that_exist() -> None:
    file = tiny_models.shared_onnx(tiny_models.shared())
    with pytest.raises(UnavailableError, match=r"no NopeProvider here; it has .*CPUExecutionProvider"):
        OnnxSession(file, RuntimeSettings(threads=1, provider="NopeProvider"))


@pytest.mark.parametrize(("runtime", "name"), [("onnx", "model.onnx"), ("openvino", "openvino_model.xml")])
def test_a_damaged_graph_is_one_sentence(tmp_path: Path, runtime: Runtime, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"this is no graph")
    with pytest.raises(ArtifactError, match=f"cannot load {name}"):
        open_encoder(tiny_models.shared(), runtime=runtime, file=file, settings=ONE)


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_missing_graph_is_one_sentence(tmp_path: Path, runtime: Runtime) -> None:
    with pytest.raises(ArtifactError, match="is missing"):
        open_encoder(tiny_models.shared(), runtime=runtime, file=tmp_path / "nope.onnx", settings=ONE)


@pytest.mark.parametrize(
    ("runtime", "package", "extra"),
    [("onnx", "onnxruntime", "onnx"), ("openvino", "openvino", "openvino"), ("torch", "torch", "profile")],
)
def test_a_missing_runtime_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, runtime: Runtime, package: str, extra: str
) -> None:
    folder = tiny_models.shared()
    file = tiny_models.shared_onnx(folder)
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == package:
            raise ImportError(f"No module named {package!r}", name=package)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError) as error:
        open_encoder(folder, runtime=runtime, file=file, settings=ONE)
    assert f"pip install 'backend-advisor[{extra}]'" in str(error.value)


def graph(path: Path, *, inputs: tuple[str, ...], rank: int = 3) -> Path:
    """An ONNX graph that gives its first input back as floats."""
    import onnx
    from onnx import TensorProto, helper

    axes = ["batch", "tokens"]
    nodes = [helper.make_node("Cast", [inputs[0]], ["floats"], to=TensorProto.FLOAT)]
    if rank == 3:
        nodes.append(helper.make_node("Unsqueeze", ["floats", "axis"], ["last_hidden_state"]))
    else:
        nodes.append(helper.make_node("Identity", ["floats"], ["last_hidden_state"]))
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in inputs],
            [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, None)],
            [helper.make_tensor("axis", TensorProto.INT64, [1], [2])],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, path)
    return path


def test_a_graph_that_needs_position_ids_is_refused(tmp_path: Path) -> None:
    file = graph(tmp_path / "model.onnx", inputs=("input_ids", "attention_mask", "position_ids"))
    with pytest.raises(ModelError, match="needs the input position_ids"):
        OnnxSession(file, ONE)


def test_a_graph_without_a_token_axis_is_refused(tmp_path: Path) -> None:
    file = graph(tmp_path / "model.onnx", inputs=("input_ids",), rank=2)
    with (
        open_encoder(tiny_models.shared(), runtime="onnx", file=file, settings=ONE) as encoder,
        pytest.raises(ModelError, match="instead of \\(batch, tokens, hidden\\)"),
    ):
        encoder.encode("one")


def test_a_graph_that_takes_only_input_ids_runs(tmp_path: Path) -> None:
    file = graph(tmp_path / "model.onnx", inputs=("input_ids",))
    with open_encoder(tiny_models.shared(), runtime="onnx", file=file, settings=ONE) as encoder:
        assert encoder.encode("one").shape == (1,)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (RuntimeSettings(threads=0), "threads must be at least 1"),
        (RuntimeSettings(threads=1, dtype="int3"), "'int3' is not a dtype to run"),
    ],
)
def test_wrong_settings_are_input_errors(settings: RuntimeSettings, says: str) -> None:
    with pytest.raises(InputError, match=says):
        open_encoder(tiny_models.shared(), runtime="torch", file=None, settings=settings)
