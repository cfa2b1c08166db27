"""The plain ONNX graph in float32, by the exporter that gives a right one."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

from advisor.export.attempts import first_right
from advisor.export.check import FP32_TOLERANCE, check, onnx_runner
from advisor.export.loading import OUTPUT_NAME, LoadedModel
from advisor.export.onnx_files import load, node_counts, save

OPSET = 17


def export_onnx(model: LoadedModel, file: Path, *, work: Path, threads: int) -> tuple[str, ...]:
    """Write `file`, checked against torch, and return notes; raises ExportError if no exporter gives a right graph.

    PyTorch's TorchScript exporter comes first: ONNX Runtime fuses its graphs better (measured in docs/exporting.md).
    It is deprecated and does not take every architecture; transformers' own exporter is the second.
    """

    def write(graph: Any) -> float:
        save(graph, file)
        return check(onnx_runner(file, threads=threads), model.probes, tolerance=FP32_TOLERANCE)

    made = first_right(
        {
            "PyTorch's TorchScript exporter": lambda: write(_by_torchscript(model, work)),
            "transformers' own exporter": lambda: write(_by_transformers(model, work)),
        },
        folder=file.parent,
        needed_bytes=model.weights_bytes,
    )
    nodes = node_counts(load(file)).total()
    return (f"Exported by {made.by}: {nodes} nodes, within {made.difference:.1e} of torch.", *made.notes)


def _by_torchscript(model: LoadedModel, work: Path) -> Any:
    import torch

    path = work / "torchscript" / "model.onnx"
    path.parent.mkdir()
    traced = tuple(torch.from_numpy(model.traced.inputs[name]) for name in model.input_names)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.graph,
            traced,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(model.input_names),
            output_names=[OUTPUT_NAME],
            dynamic_axes={name: {0: "batch_size", 1: "sequence_length"} for name in (*model.input_names, OUTPUT_NAME)},
        )
    graph = load(path)
    shutil.rmtree(path.parent)  # on a nearly full disk, room for the file itself
    return graph


def _by_transformers(model: LoadedModel, work: Path) -> Any:
    import torch
    from transformers.exporters.exporter_onnx import OnnxConfig, OnnxExporter

    folder = work / "transformers-onnx"
    inputs = {name: torch.from_numpy(model.traced.inputs[name]) for name in model.input_names}
    OnnxExporter().export(model.transformer, inputs, config=OnnxConfig(dynamic=True)).save_pretrained(folder)
    graph = load(folder / "model.onnx")
    del graph.graph.output[1:]  # a pooler's output, for one
    return graph
