"""The plain ONNX graph in float32, by the exporter that gives a right one."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from advisor.export.attempts import first_right
from advisor.export.check import FP32_TOLERANCE, check, onnx_runner
from advisor.export.loading import LoadedModel
from advisor.export.onnx_files import load, node_counts, save

OPSET = 17


MakeOnnx = Callable[[LoadedModel, Path], Any]
"""The model and a folder for what must not be kept -> an `onnx.ModelProto`, its weights in memory."""


def export_onnx(
    model: LoadedModel, file: Path, *, exporters: Mapping[str, MakeOnnx] | None = None, work: Path, threads: int
) -> tuple[str, ...]:
    """Write `file`, checked against torch, and return notes; raises ExportError if no exporter gives a right graph.

    The first of `exporters` that does is taken; None stands for `native()`.
    """

    def write(make: MakeOnnx) -> float:
        save(make(model, work), file)
        return check(onnx_runner(file, threads=threads), model.probes, tolerance=FP32_TOLERANCE)

    made = first_right(
        {name: partial(write, make) for name, make in (exporters or native()).items()},
        folder=file.parent,
        needed_bytes=model.weights_bytes,
    )
    nodes = node_counts(load(file)).total()
    return (f"Exported by {made.by}: {nodes} nodes, within {made.difference:.1e} of torch.", *made.notes)


def native() -> dict[str, MakeOnnx]:
    """The exporters of this environment's own PyTorch and transformers, the better one first."""
    return {"PyTorch's TorchScript exporter": _by_torchscript, "transformers' own exporter": _by_transformers}


def _by_torchscript(model: LoadedModel, work: Path) -> Any:
    """ONNX Runtime fuses its graphs best (docs/exporting.md). It is deprecated and does not take every architecture."""
    import torch

    path = work / "torchscript" / "model.onnx"
    path.parent.mkdir()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.graph,
            tuple(model.traced.values()),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(model.input_names),
            output_names=[model.kind.output],
            dynamic_axes={name: {0: "batch_size", 1: "sequence_length"} for name in model.input_names}
            | {model.kind.output: dict(enumerate(model.kind.axes))},
        )
    graph = load(path)
    shutil.rmtree(path.parent)  # on a nearly full disk, room for the file itself
    return graph


def _by_transformers(model: LoadedModel, work: Path) -> Any:
    from transformers.exporters.exporter_onnx import OnnxConfig, OnnxExporter

    folder = work / "transformers-onnx"
    OnnxExporter().export(model.transformer, model.traced, config=OnnxConfig(dynamic=True)).save_pretrained(folder)
    graph = load(folder / "model.onnx")
    del graph.graph.output[1:]  # a pooler's output, for one
    return graph
