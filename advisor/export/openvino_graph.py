"""The OpenVINO graph in float32, by the converter that gives a right one."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from advisor.export.attempts import first_right
from advisor.export.check import FP32_TOLERANCE, check, openvino_runner
from advisor.export.loading import OUTPUT_NAME, LoadedModel


def export_openvino(model: LoadedModel, file: Path, *, threads: int) -> tuple[str, ...]:
    """Write `file` (.xml) and its .bin, checked against torch, and return notes; raises ExportError.

    Weights stay float32 whatever the model's size: nothing is compressed that the candidate's name does not say.
    """
    import openvino

    def write(graph: Any) -> float:
        file.parent.mkdir(parents=True, exist_ok=True)
        openvino.save_model(graph, str(file), compress_to_fp16=False)
        return check(openvino_runner(file, threads=threads), model.probes, tolerance=FP32_TOLERANCE)

    made = first_right(
        {
            "OpenVINO's converter": lambda: write(_by_openvino(model)),
            "transformers' own exporter": lambda: write(_by_transformers(model)),
        },
        folder=file.parent,
        needed_bytes=model.weights_bytes,
    )
    return (f"Converted by {made.by}, within {made.difference:.1e} of torch in f32.", *made.notes)


def _by_openvino(model: LoadedModel) -> Any:
    import openvino
    import torch

    traced = tuple(torch.from_numpy(model.traced.inputs[name]) for name in model.input_names)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        graph = openvino.convert_model(
            model.graph, example_input=traced, input=[openvino.PartialShape([-1, -1]) for _ in traced]
        )
    for port, name in zip(graph.inputs, model.input_names, strict=True):
        port.get_tensor().set_names({name})
        port.get_node().set_friendly_name(name)
    graph.outputs[0].get_tensor().set_names({OUTPUT_NAME})
    return graph


def _by_transformers(model: LoadedModel) -> Any:
    import torch
    from transformers.exporters.exporter_openvino import OpenVINOConfig, OpenVINOExporter

    inputs = {name: torch.from_numpy(model.traced.inputs[name]) for name in model.input_names}
    return OpenVINOExporter().export(model.transformer, inputs, config=OpenVINOConfig(dynamic=True)).program
