"""An artifact on another machine, or in another version of its runtime, than it was measured with."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_encode_load import write

from advisor.encode import load
from advisor.encode.fit import warn_if_unfit
from advisor.encode.loading import this_machine
from advisor.encode.manifest import Manifest
from advisor.errors import ArtifactWarning, UnavailableError
from advisor.types import RuntimeSettings


def manifest(**values: Any) -> Manifest:
    fields = {
        "runtime": "onnx",
        "file": "onnx/model_qint8_avx512_vnni.onnx",
        "settings": RuntimeSettings(threads=1),
        "files": (),
        "document": {"winner": "onnx-qint8", "packages": {}},
    }
    return Manifest(**(fields | values))


def said(of: Manifest, *isa: str, arch: str = "x86_64") -> list[str]:
    machine = this_machine()
    machine = replace(machine, cpu=replace(machine.cpu, isa=isa, arch=arch))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_unfit(of, machine)
    assert all(issubclass(each.category, ArtifactWarning) for each in caught)
    return [str(each.message) for each in caught]


def test_an_int8_file_for_other_instructions_is_named_with_what_to_do() -> None:
    (sentence,) = said(manifest(), "avx2")
    assert "onnx-qint8 needs a CPU with avx512_vnni" in sentence
    assert "advisor verify" in sentence


def test_a_file_for_arm_on_x86_is_told() -> None:
    arm = manifest(file="onnx/model_qint8_arm64.onnx")
    assert "needs an ARM64 CPU" in said(arm, "avx2")[0]
    assert said(arm, "asimd", arch="arm64") == []


@pytest.mark.parametrize(
    "file", ["onnx/model_qint8_avx512_vnni.onnx", "0_Transformer/onnx/model_qint8_avx512_vnni.onnx"]
)
def test_on_a_machine_that_has_everything_nothing_is_said(file: str) -> None:
    assert said(manifest(file=file), "avx2", "avx512f", "avx512_vnni") == []


def test_bf16_without_native_bf16_is_told() -> None:
    bf16 = manifest(
        runtime="openvino",
        file="openvino/openvino_model.xml",
        document={"winner": "openvino-bf16", "packages": {}},
    )
    assert "needs a CPU with native bf16" in said(bf16, "avx2")[0]


def test_another_version_of_the_runtime_is_told_with_both() -> None:
    import onnxruntime

    (sentence,) = said(manifest(document={"winner": "onnx-qint8", "packages": {"onnxruntime": "0.1"}}), "avx512_vnni")
    assert f"measured with onnxruntime 0.1 and runs in {onnxruntime.__version__}" in sentence


def test_load_warns_and_loads(tmp_path: Path) -> None:
    folder = write(tmp_path / "artifact")
    path = folder / "advisor.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"packages": {"onnxruntime": "0.1"}}))
    with pytest.warns(ArtifactWarning, match=r"onnxruntime 0\.1"), load(folder) as encoder:
        assert encoder.encode("one").shape == (32,)


def test_a_gpu_artifact_without_a_gpu_is_one_sentence(tmp_path: Path) -> None:
    folder = write(tmp_path / "onnx", provider="CUDAExecutionProvider", device="cuda")
    with pytest.raises(UnavailableError, match="no CUDAExecutionProvider here"):
        load(folder)
    folder = write(tmp_path / "torch", "torch", device="cuda")
    with pytest.raises(UnavailableError, match="finds no CUDA GPU here"):
        load(folder)
