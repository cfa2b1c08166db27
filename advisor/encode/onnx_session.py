"""Running an ONNX graph in ONNX Runtime."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.catalogue import CUDA_PROVIDER
from advisor.device import index_of
from advisor.encode.session import TOKEN_EMBEDDINGS, GraphOutput, as_floats, cannot_load, check_inputs
from advisor.encode.tokenize import Inputs
from advisor.errors import MissingExtraError, ModelError, UnavailableError
from advisor.types import RuntimeSettings

DEFAULT_PROVIDER = "CPUExecutionProvider"

CUDA_OPTIONS = {
    "use_tf32": "0",
    "arena_extend_strategy": "kSameAsRequested",
}
"""TF32 keeps 10 bits of a float32's mantissa and is on by default: a file called fp32 that runs in it is a surprise.
The arena's own default doubles what it takes from the GPU each time, which several processes share in a race.
https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#configuration-options"""

_WARNINGS, _ERRORS = 2, 3
"""Severities of its log; the first is the default, and there is no way to ask for the present one."""

_DTYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}


class OnnxSession:
    """One graph, with exactly the threads that it is given, divided among the streams.

    The provider is always named, and nothing falls back to another one: ONNX Runtime's own default is the first that
    it was built with, and where that one fails it prints a line and goes on with the CPU. Threads do not spin while
    they wait, unless the settings say so, and then inside of a run only: a parked session must not take cores from what
    runs beside it.
    """

    def __init__(self, file: Path, settings: RuntimeSettings, *, output: GraphOutput = TOKEN_EMBEDDINGS) -> None:
        ort = import_onnxruntime()
        provider = settings.provider or DEFAULT_PROVIDER
        available = ort.get_available_providers()
        if provider not in available:
            raise UnavailableError(
                f"ONNX Runtime has no {provider} here; it has {', '.join(available)}.",
                hint="Install a build of onnxruntime that has it, or name another provider.",
            )
        options = ort.SessionOptions()
        self.concurrency = settings.num_streams or 1
        options.intra_op_num_threads = max(1, settings.threads // self.concurrency)
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _ERRORS
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if settings.spinning else "0")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if provider == CUDA_PROVIDER:
            with contextlib.redirect_stdout(sys.stderr):
                ort.preload_dlls()  # finds CUDA and cuDNN in their Python packages
            ort.set_default_logger_severity(_ERRORS)  # since 1.31 it warns of every session on a GPU
        try:
            session = ort.InferenceSession(
                str(file), options, providers=[_with_options(provider, settings.device)], enable_fallback=0
            )
        except Exception as error:  # its exceptions share no base class but Exception
            raise cannot_load(file, "ONNX Runtime", error) from None
        finally:
            if provider == CUDA_PROVIDER:
                ort.set_default_logger_severity(_WARNINGS)
        if session.get_providers()[0] != provider:
            raise UnavailableError(
                f"ONNX Runtime could not start {provider} and fell back to {session.get_providers()[0]}.",
                hint="Check the driver and the libraries that the provider needs.",
            )
        self._session: Any = session
        self._file = file
        self._wanted = output
        self._dtypes = {}
        kinds = {node.name: node.type for node in session.get_inputs()}
        check_inputs(kinds, file)
        for name, kind in kinds.items():
            if kind not in _DTYPES:
                raise ModelError(f"The graph {file.name} takes {name} as {kind}, which advisor does not support.")
            self._dtypes[name] = _DTYPES[kind]
        outputs = [node.name for node in session.get_outputs()]
        self._output = [next((name for name in output.names if name in outputs), outputs[0])]

    def run(self, inputs: Inputs) -> NDArray[np.float32]:
        """The output, float32."""
        taken = {name: getattr(inputs, name).astype(dtype, copy=False) for name, dtype in self._dtypes.items()}
        return as_floats(self._session.run(self._output, taken)[0], self._wanted, self._file)

    def close(self) -> None:
        """Give the memory back."""
        self._session = None


def _with_options(provider: str, device: str) -> str | tuple[str, dict[str, str]]:
    """The provider as InferenceSession takes it; on which GPU, and how."""
    if provider != CUDA_PROVIDER:
        return provider
    return provider, {"device_id": str(index_of(device)), **CUDA_OPTIONS}


def import_onnxruntime() -> Any:
    """The package; raises MissingExtraError where it is not installed.

    Its telemetry is off: here that of Windows, in `advisor/__init__.py` what is sent elsewhere.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("onnxruntime", "onnx", purpose="Running an ONNX model") from None
    onnxruntime.disable_telemetry_events()
    return onnxruntime
