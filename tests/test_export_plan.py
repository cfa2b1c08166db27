"""Which files a candidate needs, and how the encoder runs them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from export_support import AVX512, hardware

from advisor import catalogue
from advisor.errors import UnavailableError
from advisor.export.plan import settings_for, steps_for


def files(name: str, machine=AVX512) -> list[str]:
    return [step.file for step in steps_for(catalogue.get(name), machine)]


@pytest.mark.parametrize("candidate", catalogue.CATALOGUE, ids=lambda candidate: candidate.name)
def test_every_candidate_has_a_plan_that_ends_in_its_own_file_and_starts_from_the_model(candidate):
    steps = steps_for(candidate, AVX512)
    if candidate.runtime == "torch":
        assert steps == ()
        return
    assert steps[0].source is None
    assert [step.source for step in steps[1:]] == [step.file for step in steps[:-1]]
    assert steps[-1].file == catalogue.file_of(candidate, AVX512)


def test_optimised_and_dynamic_int8_files_start_from_the_plain_onnx_file():
    for name in ("onnx-O1", "onnx-O2", "onnx-O3", "onnx-O4", "onnx-qint8", "onnx-quint8-avx2"):
        assert files(name)[0] == "onnx/model.onnx"


def test_openvino_and_openvino_bf16_share_one_file():
    assert files("openvino") == files("openvino-bf16") == ["openvino/openvino_model.xml"]


def test_static_int8_starts_from_the_openvino_file_and_alone_depends_on_the_texts():
    steps = steps_for(catalogue.get("openvino-qint8"), AVX512)
    assert [step.calibrated for step in steps] == [False, True]
    assert "nncf" in steps[1].packages
    calibrated = {step.file for one in catalogue.CATALOGUE for step in steps_for(one, AVX512) if step.calibrated}
    (mixed,) = steps_for(catalogue.get(catalogue.MIXED), AVX512)[2:]
    assert calibrated == {steps[1].file, mixed.file}


def test_layers_are_taken_back_from_the_int8_file_and_compared_with_the_float32_one():
    plain, quantized, mixed = steps_for(catalogue.get(catalogue.MIXED), AVX512)
    assert (mixed.source, mixed.reference) == (quantized.file, plain.file)
    assert (
        settings_for(catalogue.get(catalogue.MIXED), threads=2, hardware=hardware("avx2")).inference_precision == "f32"
    )
    native = hardware("avx2", "avx512f", "avx512_vnni", "avx512_bf16")
    assert settings_for(catalogue.get(catalogue.MIXED), threads=2, hardware=native).inference_precision == "bf16"
    assert settings_for(catalogue.get("openvino-qint8"), threads=2, hardware=native).inference_precision == "f32"


@pytest.mark.parametrize(
    ("machine", "file"),
    [
        (AVX512, "onnx/model_qint8_avx512_vnni.onnx"),
        (hardware("avx2", "avx512f"), "onnx/model_qint8_avx512.onnx"),
        (hardware("avx2"), "onnx/model_quint8_avx2.onnx"),
        (hardware(arch="arm64"), "onnx/model_qint8_arm64.onnx"),
    ],
)
def test_onnx_qint8_becomes_the_variant_of_the_machine(machine, file):
    assert files("onnx-qint8", machine)[-1] == file


def test_a_machine_without_a_variant_is_told_what_is_missing():
    with pytest.raises(UnavailableError, match="onnx-qint8 needs AVX2, AVX-512 or an ARM64 CPU"):
        files("onnx-qint8", hardware())


def test_openvino_always_names_its_precision():
    precision = {
        name: settings_for(catalogue.get(name), threads=2).inference_precision
        for name in ("openvino", "openvino-bf16", "openvino-qint8")
    }
    assert precision == {"openvino": "f32", "openvino-bf16": "bf16", "openvino-qint8": "f32"}


def test_onnx_always_names_its_provider():
    assert settings_for(catalogue.get("onnx"), threads=2).provider == "CPUExecutionProvider"
    assert settings_for(catalogue.get("onnx-O4"), threads=2).provider == "CUDAExecutionProvider"
    assert settings_for(catalogue.get("onnx-O4"), threads=2).device == "cuda"


def test_torch_keeps_sentence_transformers_batch_size_and_names_its_dtype():
    for name, dtype in (("torch-fp32", "float32"), ("torch-bf16", "bfloat16"), ("torch-fp16", "float16")):
        settings = settings_for(catalogue.get(name), threads=3)
        assert (settings.dtype, settings.batch_size, settings.threads) == (dtype, 32, 3)
        assert settings.tokens_per_batch is None


def test_importing_the_parent_side_loads_nothing_heavy():
    code = (
        "import sys, advisor.export; "
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'onnx', 'onnxruntime', 'openvino', 'nncf'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
