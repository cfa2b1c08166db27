"""Does a file answer as torch does? Every file is run once on shapes other than the traced one before it is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from advisor.export.failure import ExportError
from advisor.export.kinds import KINDS
from advisor.export.loading import Inputs, Probe

FP32_TOLERANCE = 1e-3
"""Largest difference between a float32 file and torch, over the largest magnitude of torch's answer. Real ones are
below 1e-5; a graph that is wrong for a shape is off by 0.1 and more."""
APPROXIMATE_TOLERANCE = 2e-2
"""The same where GELU is approximated by tanh (1.6e-3 on all-MiniLM-L6-v2) or the graph is float16."""
ANY_DIFFERENCE = math.inf
"""For int8, whose loss is measured on the user's texts afterwards."""

Run = Callable[[Inputs], NDArray[np.float32]]


def check(run: Run, probes: Sequence[Probe], *, tolerance: float) -> float:
    """Compare the answers, those for tokens where the attention mask is 1; returns the largest relative difference.

    Raises ExportError if a file does not run, gives another shape, NaN or Inf, or differs by more than `tolerance`.
    """
    worst = 0.0
    for probe in probes:
        texts, tokens = probe.inputs["input_ids"].shape
        try:
            answer = run(probe.inputs)
        except Exception as error:
            first = str(error).strip().partition("\n")[0]
            raise ExportError(f"the file does not run on {texts} texts of {tokens} tokens: {first}"[:300]) from error
        if answer.shape != probe.expected.shape:
            raise ExportError(f"the file gives shape {answer.shape} where torch gives {probe.expected.shape}")
        if not np.isfinite(answer).all():
            raise ExportError(f"the file gives NaN or Inf on {texts} texts of {tokens} tokens")
        by_token = answer.ndim == probe.inputs["attention_mask"].ndim + 1
        mask = probe.inputs["attention_mask"].astype(bool) if by_token else np.ones(texts, bool)
        difference = float(np.abs(answer - probe.expected)[mask].max() / np.abs(probe.expected[mask]).max())
        if difference > tolerance:
            raise ExportError(
                f"the file differs from torch by {difference:.2g} of the largest value on {texts} texts of "
                f"{tokens} tokens; at most {tolerance:g} is accepted"
            )
        worst = max(worst, difference)
    return worst


def onnx_runner(file: Path, *, threads: int, provider: str = "CPUExecutionProvider") -> Run:
    """The file in ONNX Runtime; raises what that raises if it does not load, and ExportError if it falls back."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(file), options, providers=[provider], enable_fallback=0)
    if session.get_providers()[0] != provider:
        raise ExportError(f"ONNX Runtime could not start {provider} and fell back to {session.get_providers()[0]}")
    names = [graph_input.name for graph_input in session.get_inputs()]

    def run(inputs: Inputs) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = session.run(None, {name: inputs[name] for name in names})[0]
        return answer

    return run


def openvino_runner(file: Path, *, threads: int) -> Run:
    """The file in OpenVINO on the CPU in f32."""
    import openvino

    compiled = openvino.Core().compile_model(
        str(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    )
    names = [port.get_any_name() for port in compiled.inputs]
    outputs = {kind.output for kind in KINDS.values()}
    wanted = next((port for port in compiled.outputs if outputs & port.get_names()), compiled.outputs[0])

    def run(inputs: Inputs) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = compiled({name: inputs[name] for name in names})[wanted].copy()
        return answer

    return run
