"""PyTorch and ONNX Runtime on GPUs, at the seam: what they are told, and what is made of what they answer.

None of this has run on a GPU (docs/hardware.md): the libraries are stand-ins, which have the real ones' names.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from fake_gpu import ORT_OUT_OF_MEMORY, TORCH_OUT_OF_MEMORY, FakeModels, FakeOnnxRuntime, FakeTorch

from advisor.encode import Encoder, open_encoder
from advisor.encode.limit import is_out_of_memory
from advisor.errors import DeviceMemoryError, InputError, ModelError, UnavailableError
from advisor.types import RuntimeSettings

pytest.importorskip("sentence_transformers", reason="builds the models")

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
TEXTS = [f"text {index} " + "word " * (index % 5) for index in range(40)]


def in_torch(
    monkeypatch: pytest.MonkeyPatch, torch: FakeTorch, models: FakeModels | None = None, **settings: Any
) -> Encoder:
    folder = tiny_models.shared()  # built with the real ones
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "sentence_transformers", models or FakeModels(torch))
    return open_encoder(folder, runtime="torch", file=None, settings=RuntimeSettings(threads=2, **settings))


def in_onnxruntime(monkeypatch: pytest.MonkeyPatch, ort: FakeOnnxRuntime, **settings: Any) -> Encoder:
    folder = tiny_models.shared()
    monkeypatch.setitem(sys.modules, "onnxruntime", ort)
    told = RuntimeSettings(threads=2, **{"provider": CUDA, "device": "cuda", **settings})
    return open_encoder(folder, runtime="onnx", file=folder / "config.json", settings=told)


# -- PyTorch -------------------------------------------------------------------------------------------------


def test_the_stand_ins_have_nothing_that_the_real_packages_lack() -> None:
    import torch

    fake = FakeTorch(num_gpus=1)
    for name in ("set_num_threads", "set_float32_matmul_precision", "compile", "OutOfMemoryError", "float16"):
        assert hasattr(torch, name), name
    for path in ("cuda", "mps", "backends.mps"):
        real, ours = torch, fake
        for part in path.split("."):
            real, ours = getattr(real, part), getattr(ours, part)
        assert [name for name in vars(ours) if not callable(getattr(real, name, None))] == []
    assert isinstance(torch.backends.cuda.matmul.allow_tf32, bool)
    assert isinstance(torch.backends.cudnn.allow_tf32, bool)
    assert issubclass(torch.OutOfMemoryError, RuntimeError)
    onnxruntime = pytest.importorskip("onnxruntime")
    for name in (
        "SessionOptions",
        "InferenceSession",
        "get_available_providers",
        "preload_dlls",
        "set_default_logger_severity",
    ):
        assert callable(getattr(onnxruntime, name)), name


@pytest.mark.covers("torch-fp32", "torch-fp16", "torch-bf16", "torch-fp16-fa2", device="cuda", how="seam")
@pytest.mark.covers("torch-fp32", "torch-fp16", "torch-bf16", device="mps", how="seam")
@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        ({"device": "cuda", "dtype": "float16"}, {"dtype": "torch.float16"}),
        ({"device": "cuda:1", "dtype": "bfloat16"}, {"dtype": "torch.bfloat16"}),
        (
            {"device": "cuda", "dtype": "float16", "attention": "flash_attention_2"},
            {"dtype": "torch.float16", "attn_implementation": "flash_attention_2"},
        ),
        ({"device": "cuda"}, {"dtype": "torch.float32"}),
        ({"device": "mps"}, {"dtype": "torch.float32"}),
        ({"device": "mps", "dtype": "float16"}, {"dtype": "torch.float16"}),
        ({"device": "mps", "dtype": "bfloat16"}, {"dtype": "torch.bfloat16"}),
    ],
)
def test_the_model_is_opened_on_the_device_in_the_dtype_and_with_the_attention_that_are_named(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], arguments: dict[str, Any]
) -> None:
    torch = FakeTorch(num_gpus=2, mps=True)
    models = FakeModels(torch)
    in_torch(monkeypatch, torch, models, **settings)
    (opened,) = models.opened
    assert opened["device"] == settings["device"]
    assert opened["model_kwargs"] == arguments


def test_float32_is_never_computed_in_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = FakeTorch(num_gpus=1)
    in_torch(monkeypatch, torch, device="cuda")
    assert torch.precision == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(
    ("device", "waits"), [("cuda:1", ["cuda.synchronize cuda:1"]), ("mps", ["mps.synchronize"]), ("cpu", [])]
)
def test_embeddings_are_handed_over_when_the_device_is_done_with_them(
    monkeypatch: pytest.MonkeyPatch, device: str, waits: list[str]
) -> None:
    torch = FakeTorch(num_gpus=2, mps=True)
    encoder = in_torch(monkeypatch, torch, device=device)
    torch.calls.clear()
    assert encoder.encode(TEXTS).shape == (40, 4)
    assert torch.calls == ["encode 40", *waits]


@pytest.mark.parametrize(
    ("torch", "device", "error", "says"),
    [
        (FakeTorch(), "cuda", UnavailableError, "PyTorch finds no CUDA GPU here"),
        (FakeTorch(num_gpus=1), "cuda:1", UnavailableError, "cuda:1, and PyTorch finds 1 CUDA GPU"),
        (FakeTorch(), "mps", UnavailableError, "no Apple GPU"),
        (FakeTorch(), "tpu", InputError, "'tpu' is not a device"),
    ],
)
def test_a_device_that_is_not_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, torch: FakeTorch, device: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        in_torch(monkeypatch, torch, device=device)


def test_a_model_without_flash_attention_is_told_in_transformers_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = FakeTorch(num_gpus=1)
    models = FakeModels(torch, refuses=ValueError("MPNetModel does not support Flash Attention 2 yet.\nPlease request"))
    with pytest.raises(ModelError, match="MPNetModel does not support Flash Attention 2 yet"):
        in_torch(monkeypatch, torch, models, device="cuda", attention="flash_attention_2")


def test_when_the_gpu_s_memory_is_full_batches_are_halved_and_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = FakeTorch(num_gpus=1)
    models = FakeModels(torch, fits=10)
    encoder = in_torch(monkeypatch, torch, models, device="cuda", batch_size=32)
    assert encoder.encode(TEXTS).shape == (40, 4)
    assert encoder.encode(TEXTS, batch_size=16).shape == (40, 4)
    assert models.batch_sizes == [32, 16, 8, 8]
    assert torch.calls.count("cuda.empty_cache") == 2
    assert encoder.settings.batch_size == 8, "what is in the artifact must fit"


def test_a_caller_s_own_larger_batches_are_made_smaller_too(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = FakeTorch(num_gpus=1)
    models = FakeModels(torch, fits=8)
    encoder = in_torch(monkeypatch, torch, models, device="cuda", batch_size=32)
    encoder.encode(TEXTS, batch_size=40)
    assert models.batch_sizes == [40, 20, 10, 5]


def test_one_text_that_does_not_fit_is_a_failure_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = FakeTorch(num_gpus=1)
    encoder = in_torch(monkeypatch, torch, FakeModels(torch, fits=0), device="cuda")
    with pytest.raises(DeviceMemoryError, match="The memory of cuda is too small for a batch of one text: CUDA out of"):
        encoder.encode(TEXTS)


def test_another_error_is_not_taken_for_a_full_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_out_of_memory(RuntimeError(TORCH_OUT_OF_MEMORY))
    assert is_out_of_memory(RuntimeError(ORT_OUT_OF_MEMORY))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert not is_out_of_memory(RuntimeError("CUDA error: device-side assert triggered"))
    torch = FakeTorch(num_gpus=1)
    models = FakeModels(torch)
    encoder = in_torch(monkeypatch, torch, models, device="cuda")

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(models.SentenceTransformer, "encode", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        encoder.encode(TEXTS)


@pytest.mark.covers("torch-fp32-compile", "torch-bf16-compile", "torch-fp16-compile", device="cuda", how="seam")
def test_a_compiled_model_is_compiled_when_it_is_opened_for_any_shape_and_for_one_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = FakeTorch(num_gpus=1)
    models = FakeModels(torch)
    in_torch(monkeypatch, torch, models, device="cuda", compiled=True)
    (compiled,) = torch.compiled
    assert compiled["dynamic"] is True
    assert [call for call in torch.calls if call.startswith("encode")] == ["encode 2", "encode 1"]


def test_a_model_that_cannot_be_compiled_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = FakeTorch()
    models = FakeModels(torch)

    def no_compiler(*_: Any, **__: Any) -> None:
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found in (None, 'g++')\nSet TORCH_LOGS")

    monkeypatch.setattr(models.SentenceTransformer, "encode", no_compiler)
    with pytest.raises(UnavailableError, match=r"cannot compile the model: InvalidCxxCompiler.* a C\+\+ compiler"):
        in_torch(monkeypatch, torch, models, compiled=True)


# -- ONNX Runtime --------------------------------------------------------------------------------------------


@pytest.mark.covers("onnx", "onnx-O4", device="cuda", how="seam")
@pytest.mark.parametrize(("device", "device_id"), [("cuda", "0"), ("cuda:1", "1")])
def test_cuda_is_named_though_tensorrt_comes_first_with_its_gpu_and_without_tf32(
    monkeypatch: pytest.MonkeyPatch, device: str, device_id: str
) -> None:
    ort = FakeOnnxRuntime("TensorrtExecutionProvider", CUDA, CPU)
    in_onnxruntime(monkeypatch, ort, device=device)
    options = {"device_id": device_id, "use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"}
    assert ort.told == [{"providers": [(CUDA, options)], "enable_fallback": 0}]


def test_cuda_s_libraries_are_looked_for_in_their_packages_and_standard_output_stays_clean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ort = FakeOnnxRuntime(CUDA, CPU)
    in_onnxruntime(monkeypatch, ort)
    assert ort.preloaded == 1
    assert capsys.readouterr().out == ""
    in_onnxruntime(monkeypatch, ort, provider=CPU, device="cpu")
    assert ort.preloaded == 1, "the CPU needs none of them"


def test_the_warning_that_comes_with_every_session_on_a_gpu_is_not_printed_and_others_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ort = FakeOnnxRuntime(CUDA, CPU)
    in_onnxruntime(monkeypatch, ort)
    assert ort.severities == [3], "errors alone while it opens"
    assert ort.severity == 2, "its default afterwards"


def test_a_silent_fall_back_to_the_cpu_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match=f"could not start {CUDA} and fell back to {CPU}"):
        in_onnxruntime(monkeypatch, FakeOnnxRuntime(CUDA, CPU, starts=()))


def test_a_build_without_cuda_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match=f"no {CUDA} here; it has {CPU}"):
        in_onnxruntime(monkeypatch, FakeOnnxRuntime(CPU))


def test_when_memory_is_full_the_token_budget_is_halved_and_every_text_keeps_its_embedding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    roomy, tight = FakeOnnxRuntime(CUDA, CPU), FakeOnnxRuntime(CUDA, CPU, fits=60)
    with in_onnxruntime(monkeypatch, roomy, tokens_per_batch=1000) as encoder:
        expected = encoder.encode(TEXTS)
        assert encoder.settings.tokens_per_batch == 1000
    with in_onnxruntime(monkeypatch, tight, tokens_per_batch=1000) as encoder:
        np.testing.assert_array_equal(encoder.encode(TEXTS), expected)
        lowered = encoder.settings.tokens_per_batch
        assert lowered is not None
        assert lowered < 1000
        failures = sum(rows * tokens > 60 for rows, tokens in tight.batches)
        encoder.encode(TEXTS)
        assert sum(rows * tokens > 60 for rows, tokens in tight.batches) == failures, "it stays low"


def test_one_text_that_onnx_runtime_has_no_memory_for_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        in_onnxruntime(monkeypatch, FakeOnnxRuntime(CUDA, CPU, fits=1)) as encoder,
        pytest.raises(DeviceMemoryError, match=r"one text: .*Failed to allocate memory"),
    ):
        encoder.encode(TEXTS)


def test_onnx_runtime_itself_takes_the_option_that_forbids_the_fall_back() -> None:
    """The stand-in's `enable_fallback` is the real one's."""
    ort = pytest.importorskip("onnxruntime")
    file: Path = tiny_models.shared_onnx(tiny_models.shared())
    session = ort.InferenceSession(str(file), providers=[CPU], enable_fallback=0)
    assert session._enable_fallback is False


def test_a_file_that_is_checked_on_the_gpu_is_not_checked_on_the_cpu_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    from advisor.export.check import onnx_runner
    from advisor.export.failure import ExportError

    ort = FakeOnnxRuntime(CUDA, CPU, starts=())
    monkeypatch.setitem(sys.modules, "onnxruntime", ort)
    with pytest.raises(ExportError, match=f"could not start {CUDA} and fell back to {CPU}"):
        onnx_runner(Path("model_O4.onnx"), threads=1, provider=CUDA)
    assert ort.told[0]["enable_fallback"] == 0
