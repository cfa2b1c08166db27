"""Running an OpenVINO graph."""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.encode.blob import Blob
from advisor.encode.session import TOKEN_EMBEDDINGS, GraphOutput, as_floats, cannot_load, check_inputs
from advisor.encode.tokenize import Inputs
from advisor.errors import MissingExtraError
from advisor.types import RuntimeSettings

DEFAULT_PRECISION = "f32"


class OpenvinoSession:
    """One compiled graph, and one inference request for every thread that runs it.

    The inference precision is always named: OpenVINO's own default is bf16 on CPUs that have it. The streams share
    `threads` and run as many batches side by side; a single text only ever runs in one of them.
    """

    def __init__(
        self,
        file: Path,
        settings: RuntimeSettings,
        *,
        output: GraphOutput = TOKEN_EMBEDDINGS,
        blob: Blob | None = None,
    ) -> None:
        openvino = import_openvino()
        streams = settings.num_streams or 1
        config = {
            "PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT",
            "INFERENCE_NUM_THREADS": settings.threads,
            "INFERENCE_PRECISION_HINT": settings.inference_precision or DEFAULT_PRECISION,
            "NUM_STREAMS": streams,
        }
        self._compiled: Any
        self._compiled, lent = _compile(openvino, file, settings.device.upper(), config, blob)
        self._file = file
        self._wanted = output
        self._tensor = openvino.Tensor
        self._requests = threading.local()
        self.concurrency = streams
        self._inputs = [(node.get_any_name(), node.get_element_type().to_dtype()) for node in self._compiled.inputs]
        check_inputs([name for name, _ in self._inputs], file)
        names = [node.get_names() for node in self._compiled.outputs]
        self._output = next((index for name in output.names for index, own in enumerate(names) if name in own), 0)
        self._lent = lent  # the last to be freed

    def run(self, inputs: Inputs) -> NDArray[np.float32]:
        """The output, float32: a view, until this thread runs again."""
        request = getattr(self._requests, "own", None)
        if request is None:
            request = self._requests.own = self._compiled.create_infer_request()
        # The arrays are lent, not copied; they live until infer() returns.
        taken = [np.ascontiguousarray(getattr(inputs, name), dtype=dtype) for name, dtype in self._inputs]
        for index, array in enumerate(taken):
            request.set_input_tensor(index, self._tensor(array, shared_memory=True))
        request.infer()
        return as_floats(request.get_output_tensor(self._output).data, self._wanted, self._file)

    def close(self) -> None:
        """Give the memory back."""
        self._requests = threading.local()
        self._compiled = self._lent = None


def _compile(openvino: Any, file: Path, device: str, config: dict[str, Any], blob: Blob | None) -> tuple[Any, Any]:
    """Compile the graph, or take what was compiled before, with the memory that must live as long as it does.

    Raises ArtifactError where OpenVINO refuses the file.
    """
    core = openvino.Core()
    compiled_before = None if blob is None else blob.get(openvino.__version__)
    if compiled_before is not None:
        with contextlib.suppress(RuntimeError):  # it is made again below
            # OpenVINO takes the weights from a tensor as they are, and copies what it reads from a stream.
            lent = openvino.Tensor(np.frombuffer(compiled_before, dtype=np.uint8), shared_memory=True)
            return core.import_model(lent, device, config), lent
    try:
        model = core.read_model(file)
        check_inputs([node.get_any_name() for node in model.inputs], file)
        compiled = core.compile_model(model, device, config)
    except RuntimeError as error:
        raise cannot_load(file, "OpenVINO", error) from None
    if blob is not None:
        with contextlib.suppress(RuntimeError):  # a device that cannot export
            blob.put(compiled.export_model().getvalue(), openvino.__version__)
    return compiled, None


def import_openvino() -> Any:
    """The package. Its model converter, 40 % of the import, is only imported when it is used.

    Raises MissingExtraError where it is not installed.
    """
    if "openvino" in sys.modules or "openvino.tools" in sys.modules:
        return _import()
    # The package guards this one import by itself, and goes on without.
    sys.modules["openvino.tools"] = None  # type: ignore[assignment]  # how Python marks a module that is not to be found
    try:
        openvino = _import()
    finally:
        del sys.modules["openvino.tools"]
    if not hasattr(openvino, _CONVERTER):
        openvino.__getattr__ = _late_converter
    return openvino


def _import() -> Any:
    try:
        import openvino
    except ImportError:
        raise MissingExtraError("openvino", "openvino", purpose="Running an OpenVINO model") from None
    return openvino


_CONVERTER = "convert_model"


def _late_converter(name: str) -> Any:
    """`openvino.convert_model`, imported when it is used (PEP 562)."""
    if name != _CONVERTER:
        raise AttributeError(f"module 'openvino' has no attribute {name!r}")
    from openvino.tools.ovc import convert_model

    return convert_model
