"""The one seam between two sets of tools that make the same files: PyTorch's and the runtimes' own, or Optimum's.

A tool gives a graph. Writing it, checking it against torch and describing it is the same for both, so that an artifact
does not show which tools made it; the recommendation says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.export import (
    onnx_graph,
    onnx_optimize,
    onnx_quantize,
    openvino_graph,
    openvino_quantize,
    optimum_onnx,
    optimum_openvino,
)
from advisor.types import ExporterName


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What makes each form. Of several exporters of a plain graph the first that gives a right one is taken."""

    onnx: Mapping[str, onnx_graph.MakeOnnx]
    optimize_onnx: onnx_optimize.Optimize
    quantize_onnx: onnx_quantize.Quantize
    openvino: Mapping[str, openvino_graph.MakeOpenVino]
    quantize_openvino: openvino_quantize.QuantizeOpenVino


def tools_of(exporter: ExporterName) -> Tools:
    """The tools of an exporter; their packages are imported when they are called."""
    if exporter == "optimum":
        return Tools(
            onnx={"Optimum": optimum_onnx.export},
            optimize_onnx=optimum_onnx.optimize,
            quantize_onnx=optimum_onnx.quantize,
            openvino={"Optimum": optimum_openvino.export},
            quantize_openvino=optimum_openvino.quantize,
        )
    return Tools(
        onnx=onnx_graph.native(),
        optimize_onnx=onnx_optimize.by_onnxruntime,
        quantize_onnx=onnx_quantize.by_onnxruntime,
        openvino=openvino_graph.native(),
        quantize_openvino=openvino_quantize.by_nncf,
    )
