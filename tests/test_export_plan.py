"""Which files a candidate needs, and how the encoder runs them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from export_support import AVX512, hardware

from advisor import catalogue
from advisor.errors import UnavailableError
from advisor.export.plan import settings_for, steps_for, typical_s


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


def test_what_a_step_takes_grows_with_the_weights_and_is_unknown_where_nothing_was_measured():
    plain, int8 = steps_for(catalogue.get("openvino-qint8"), AVX512)
    small, large = 90 * 10**6, 440 * 10**6
    assert 0 < typical_s(plain, weights_bytes=small) < typical_s(plain, weights_bytes=large)
    assert typical_s(plain, weights_bytes=large) < typical_s(int8, weights_bytes=large)
    assert typical_s(plain, weights_bytes=None) is None
    (*_, mixed) = steps_for(catalogue.get(catalogue.MIXED), AVX512)
    assert typical_s(mixed, weights_bytes=large) is None


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
    without = hardware("avx2", "avx512f", "avx512_vnni")
    for name, machine, precision in (
        (catalogue.MIXED, without, "f32"),
        (catalogue.MIXED, AVX512, "bf16"),
        ("openvino-qint8", AVX512, "f32"),
    ):
        settings = settings_for(catalogue.get(name), threads=2, objective="throughput", hardware=machine)
        assert settings.inference_precision == precision


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
        name: settings_for(catalogue.get(name), threads=2, objective="throughput").inference_precision
        for name in ("openvino", "openvino-bf16", "openvino-qint8")
    }
    assert precision == {"openvino": "f32", "openvino-bf16": "bf16", "openvino-qint8": "f32"}


def test_onnx_always_names_its_provider():
    assert settings_for(catalogue.get("onnx"), threads=2, objective="throughput").provider == "CPUExecutionProvider"
    assert settings_for(catalogue.get("onnx-O4"), threads=2, objective="throughput").provider == "CUDAExecutionProvider"
    assert settings_for(catalogue.get("onnx-O4"), threads=2, objective="throughput").device == "cuda"


def test_torch_keeps_sentence_transformers_batch_size_and_names_its_dtype():
    for name, dtype in (("torch-fp32", "float32"), ("torch-bf16", "bfloat16"), ("torch-fp16", "float16")):
        settings = settings_for(catalogue.get(name), threads=3, objective="throughput")
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


def test_for_throughput_every_thread_has_a_stream_and_for_latency_they_share_one():
    for name in ("onnx", "onnx-qint8", "openvino", "openvino-qint8"):
        bulk = settings_for(catalogue.get(name), threads=4, objective="throughput")
        single = settings_for(catalogue.get(name), threads=4, objective="latency")
        assert (bulk.num_streams, single.num_streams) == (4, 1)
        assert not bulk.spinning
        assert bool(single.spinning) == name.startswith("onnx")
    assert not settings_for(catalogue.get("onnx"), threads=1, objective="latency").spinning
    assert settings_for(catalogue.get("onnx-O4"), threads=4, objective="throughput").num_streams == 1


@pytest.mark.covers("torch-fp16-fa2", "torch-fp16-compile", device="cuda", how="seam")
@pytest.mark.covers("torch-fp32-compile", "torch-bf16-compile", device="cuda", how="seam")
@pytest.mark.covers("torch-fp32-compile", "torch-bf16-compile", device="mps", how="seam")
@pytest.mark.covers("torch-bf16-compile", how="seam")
@pytest.mark.parametrize(
    ("name", "device", "expected"),
    [
        ("torch-fp32", "cuda", ("cuda", "float32", None, None)),
        ("torch-fp16", "cuda:1", ("cuda:1", "float16", None, None)),
        ("torch-bf16", "mps", ("mps", "bfloat16", None, None)),
        ("torch-fp16-fa2", "cuda", ("cuda", "float16", "flash_attention_2", None)),
        ("torch-bf16-compile", "cpu", ("cpu", "bfloat16", None, True)),
        ("torch-fp16-compile", "cuda", ("cuda", "float16", None, True)),
        ("torch-fp32-compile", "cuda", ("cuda", "float32", None, True)),
        ("torch-bf16-compile", "cuda", ("cuda", "bfloat16", None, True)),
        ("torch-fp32-compile", "mps", ("mps", "float32", None, True)),
        ("torch-bf16-compile", "mps", ("mps", "bfloat16", None, True)),
    ],
)
def test_torch_runs_on_the_run_s_device_and_is_told_how(name, device, expected):
    settings = settings_for(catalogue.get(name), threads=2, objective="throughput", device=device)
    assert (settings.device, settings.dtype, settings.attention, settings.compiled) == expected
    larger = device.startswith("cuda") and name != "torch-fp32"
    assert settings.batch_size == (256 if larger else 32), "the baseline stays what users run today"


@pytest.mark.covers("onnx", "onnx-O1", "onnx-O2", "onnx-O3", "onnx-O4", device="cuda", how="seam")
@pytest.mark.parametrize(
    ("name", "device", "where", "provider"),
    [
        ("onnx", "cuda:1", "cuda:1", "CUDAExecutionProvider"),
        ("onnx-O1", "cuda", "cuda", "CUDAExecutionProvider"),
        ("onnx-O2", "cuda", "cuda", "CUDAExecutionProvider"),
        ("onnx-O3", "cuda", "cuda", "CUDAExecutionProvider"),
        ("onnx-O4", "cuda:1", "cuda:1", "CUDAExecutionProvider"),
        ("onnx-qint8", "cuda", "cpu", "CPUExecutionProvider"),
        ("onnx", "mps", "cpu", "CPUExecutionProvider"),
        ("onnx", "cpu", "cpu", "CPUExecutionProvider"),
    ],
)
def test_onnx_runs_on_a_cuda_gpu_in_one_stream_with_large_batches_else_on_the_cpu(name, device, where, provider):
    settings = settings_for(catalogue.get(name), threads=2, objective="throughput", device=device)
    assert (settings.device, settings.provider) == (where, provider)
    assert (settings.num_streams, settings.tokens_per_batch) == ((1, 8192) if where != "cpu" else (2, None))
    assert (
        not settings_for(catalogue.get(name), threads=2, objective="latency", device="cuda").spinning or where == "cpu"
    )


def test_openvino_stays_on_the_cpu_whatever_the_run_is_for():
    for device in ("cuda", "mps"):
        settings = settings_for(catalogue.get("openvino-qint8"), threads=2, objective="throughput", device=device)
        assert settings.device == "cpu"
