"""Running an OpenVINO graph."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.encode.session import OUTPUT_NAMES, as_token_embeddings, cannot_load, check_inputs, feed
from advisor.encode.tokenize import Inputs
from advisor.errors import MissingExtraError
from advisor.types import RuntimeSettings

DEFAULT_PRECISION = "f32"


class OpenvinoSession:
    """One compiled graph, and one inference request for every thread that runs it.

    The inference precision is always named: OpenVINO's own default is bf16 on CPUs that have it. The streams share
    `threads` and run as many batches side by side; a single text only ever runs in one of them.
    """

    def __init__(self, file: Path, settings: RuntimeSettings) -> None:
        openvino = import_openvino()
        streams = settings.num_streams or 1
        config = {
            "PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT",
            "INFERENCE_NUM_THREADS": settings.threads,
            "INFERENCE_PRECISION_HINT": settings.inference_precision or DEFAULT_PRECISION,
            "NUM_STREAMS": streams,
        }
        try:
            core = openvino.Core()
            model = core.read_model(file)
            check_inputs((node.get_any_name() for node in model.inputs), file)
            self._compiled: Any = core.compile_model(model, settings.device.upper(), config)
        except RuntimeError as error:
            raise cannot_load(file, "OpenVINO", error) from None
        self._file = file
        self._tensor = openvino.Tensor
        self._requests = threading.local()
        self.concurrency = streams
        self._inputs = [(node.get_any_name(), node.get_element_type().to_dtype()) for node in self._compiled.inputs]
        names = [node.get_names() for node in self._compiled.outputs]
        self._output = next((index for name in OUTPUT_NAMES for index, own in enumerate(names) if name in own), 0)

    def run(self, inputs: Inputs) -> NDArray[np.float32]:
        """Token embeddings of shape `(batch, tokens, hidden)`, float32: a view, until this thread runs again."""
        request = getattr(self._requests, "own", None)
        if request is None:
            request = self._requests.own = self._compiled.create_infer_request()
        arrays = feed(inputs)
        # The arrays are lent, not copied; they live until infer() returns.
        taken = [np.ascontiguousarray(arrays[name], dtype=dtype) for name, dtype in self._inputs]
        for index, array in enumerate(taken):
            request.set_input_tensor(index, self._tensor(array, shared_memory=True))
        request.infer()
        return as_token_embeddings(request.get_output_tensor(self._output).data, self._file)

    def close(self) -> None:
        """Give the memory back."""
        self._requests = threading.local()
        self._compiled = None


def import_openvino() -> Any:
    """The package; raises MissingExtraError where it is not installed."""
    try:
        import openvino
    except ImportError:
        raise MissingExtraError("openvino", "openvino", purpose="Running an OpenVINO model") from None
    return openvino
