"""The OpenVINO graph in float32, by the converter that gives a right one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from advisor.export.attempts import first_right
from advisor.export.check import FP32_TOLERANCE, check, openvino_runner
from advisor.export.loading import LoadedModel

MakeOpenVino = Callable[[LoadedModel, Path], Any]
"""The model and a folder for what must not be kept -> an `openvino.Model`."""


def export_openvino(
    model: LoadedModel,
    file: Path,
    *,
    exporters: Mapping[str, MakeOpenVino] | None = None,
    work: Path | None = None,
    threads: int,
) -> tuple[str, ...]:
    """Write `file` (.xml) and its .bin, checked against torch, and return notes; raises ExportError.

    The first of `exporters` that gives a right graph is taken; None stands for `native()`. `work` is a folder for what
    must not be kept.

    Weights stay float32 whatever the model's size: nothing is compressed that the candidate's name does not say.
    """
    import openvino

    def write(make: MakeOpenVino) -> float:
        graph = make(model, work or file.parent.parent)
        file.parent.mkdir(parents=True, exist_ok=True)
        openvino.save_model(graph, str(file), compress_to_fp16=False)
        return check(openvino_runner(file, threads=threads), model.probes, tolerance=FP32_TOLERANCE)

    made = first_right(
        {name: partial(write, make) for name, make in (exporters or native()).items()},
        folder=file.parent,
        needed_bytes=model.weights_bytes,
    )
    return (f"Converted by {made.by}, within {made.difference:.1e} of torch in f32.", *made.notes)


def native() -> dict[str, MakeOpenVino]:
    """The converters of OpenVINO itself and of transformers, the faster one first."""
    return {"OpenVINO's converter": _by_openvino, "transformers' own exporter": _by_transformers}


def _by_openvino(model: LoadedModel, work: Path) -> Any:
    import openvino
    import torch

    traced = tuple(model.traced.values())
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        graph = openvino.convert_model(
            model.graph, example_input=traced, input=[openvino.PartialShape([-1, -1]) for _ in traced]
        )
    for port, name in zip(graph.inputs, model.input_names, strict=True):
        port.get_tensor().set_names({name})
        port.get_node().set_friendly_name(name)
    graph.outputs[0].get_tensor().set_names({model.kind.output})
    return graph


def _by_transformers(model: LoadedModel, work: Path) -> Any:
    from transformers.exporters.exporter_openvino import OpenVINOConfig, OpenVINOExporter

    return OpenVINOExporter().export(model.transformer, model.traced, config=OpenVINOConfig(dynamic=True)).program
