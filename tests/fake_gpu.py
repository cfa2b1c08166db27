"""Stand-ins for PyTorch, Sentence Transformers and ONNX Runtime on a machine with GPUs, with the names that they have.

They record what they are told and fail as the real ones do. `test_encode_gpu.py` checks that the real packages have
everything that the stand-ins have.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

TORCH_OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 is full."
ORT_OUT_OF_MEMORY = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running FusedMatMul node. "
    "Name:'MatMul_92_FusedMatMulAndScale' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:331 "
    "void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer of "
    "size 8388608000"
)
"""Recorded: https://github.com/microsoft/onnxruntime/issues/9939."""


class OutOfMemoryError(RuntimeError):
    """As `torch.OutOfMemoryError`, which is a RuntimeError, too."""


class FakeTorch(ModuleType):
    """`torch` with `num_gpus` CUDA GPUs. `calls` is what was done, in order."""

    float32, float16, bfloat16 = "torch.float32", "torch.float16", "torch.bfloat16"
    OutOfMemoryError = OutOfMemoryError

    def __init__(self, *, num_gpus: int = 0, mps: bool = False) -> None:
        super().__init__("torch")
        self.calls: list[str] = []
        self.compiled: list[dict[str, Any]] = []
        say = self.calls.append
        self.cuda = SimpleNamespace(
            is_available=lambda: num_gpus > 0,
            device_count=lambda: num_gpus,
            synchronize=lambda device: say(f"cuda.synchronize {device}"),
            empty_cache=lambda: say("cuda.empty_cache"),
        )
        self.mps = SimpleNamespace(
            synchronize=lambda: say("mps.synchronize"), empty_cache=lambda: say("mps.empty_cache")
        )
        self.backends = SimpleNamespace(
            cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=True)),
            cudnn=SimpleNamespace(allow_tf32=True),
            mps=SimpleNamespace(is_available=lambda: mps),
        )
        self.precision = "high"

    def set_num_threads(self, threads: int) -> None:
        self.calls.append(f"set_num_threads {threads}")

    def set_float32_matmul_precision(self, precision: str) -> None:
        self.precision = precision

    def compile(self, model: Callable[..., Any], *, dynamic: bool) -> Callable[..., Any]:
        self.compiled.append({"model": model, "dynamic": dynamic})
        return model


class FakeModels(ModuleType):
    """`sentence_transformers`, whose models take at most `fits` texts in a batch before the GPU's memory is full."""

    def __init__(self, torch: FakeTorch, *, fits: int = 1000, refuses: Exception | None = None) -> None:
        super().__init__("sentence_transformers")
        self.opened: list[dict[str, Any]] = []
        self.batch_sizes: list[int] = []
        models = self

        class SentenceTransformer:
            def __init__(self, folder: str, **arguments: Any) -> None:
                models.opened.append(arguments)
                if refuses is not None:
                    raise refuses
                self._transformer = SimpleNamespace(auto_model=SimpleNamespace(forward=lambda: None))

            def __getitem__(self, index: int) -> Any:
                return self._transformer

            def encode(self, texts: list[str], *, batch_size: int = 32, **_: Any) -> Any:
                models.batch_sizes.append(batch_size)
                torch.calls.append(f"encode {len(texts)}")
                if min(batch_size, len(texts)) > fits:
                    raise OutOfMemoryError(TORCH_OUT_OF_MEMORY)
                return np.ones((len(texts), 4), np.float32)

        self.SentenceTransformer = SentenceTransformer


class FakeOnnxRuntime(ModuleType):
    """`onnxruntime`, a build with `providers`, of which `starts` can be started here.

    A session takes at most `fits` padded tokens in a batch. As the real one does, it goes on with the CPU where a
    provider does not start.
    """

    class ExecutionMode:
        ORT_SEQUENTIAL = 0

    def __init__(self, *providers: str, starts: tuple[str, ...] | None = None, fits: int = 10**9) -> None:
        super().__init__("onnxruntime")
        self.providers = providers
        self.starts = providers if starts is None else starts
        self.fits = fits
        self.told: list[dict[str, Any]] = []
        self.batches: list[tuple[int, int]] = []
        self.preloaded = 0
        self.severity = 2
        self.severities: list[int] = []
        runtime = self

        class SessionOptions:
            def add_session_config_entry(self, key: str, value: str) -> None:
                pass

        class InferenceSession:
            def __init__(self, path: str, options: Any, *, providers: list[Any], enable_fallback: int = 1) -> None:
                runtime.told.append({"providers": providers, "enable_fallback": enable_fallback})
                runtime.severities.append(runtime.severity)
                names = [each if isinstance(each, str) else each[0] for each in providers]
                self._providers = [name for name in names if name in runtime.starts]

            def get_providers(self) -> list[str]:
                return [*self._providers, "CPUExecutionProvider"]

            def get_inputs(self) -> list[Any]:
                return [SimpleNamespace(name=name, type="tensor(int64)") for name in ("input_ids", "attention_mask")]

            def get_outputs(self) -> list[Any]:
                return [SimpleNamespace(name="last_hidden_state")]

            def run(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
                ids = inputs["input_ids"]
                runtime.batches.append(ids.shape)
                if ids.size > runtime.fits:
                    raise RuntimeError(ORT_OUT_OF_MEMORY)
                return [np.repeat(ids[:, :, None], 4, axis=2).astype(np.float32)]

        self.SessionOptions = SessionOptions
        self.InferenceSession = InferenceSession

    def get_available_providers(self) -> list[str]:
        return list(self.providers)

    def disable_telemetry_events(self) -> None:
        pass

    def set_default_logger_severity(self, severity: int) -> None:
        self.severity = severity

    def preload_dlls(self) -> None:
        self.preloaded += 1
        print("it talks on standard output")  # noqa: T201 - as the real one does where a library is missing
