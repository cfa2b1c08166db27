"""ONNX graphs by Optimum (optimum-onnx), as Sentence Transformers 5 calls it.

What Sentence Transformers does on top is left out, for it takes paths of its own: `export_optimized_onnx_model` and
`export_dynamic_quantized_onnx_model` (sentence_transformers 5.7, `backend/`) call the same three functions.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from advisor.export.failure import ExportError
from advisor.export.loading import LoadedModel
from advisor.export.onnx_files import load, sidecar_of

TASK = "feature-extraction"
"""Optimum's name for a graph that gives the last hidden state."""


def export(model: LoadedModel, work: Path) -> Any:
    """The plain graph: the model that is loaded, so that float32 and the tokenizer's inputs are those of torch."""
    from optimum.exporters.onnx import onnx_export_from_model

    folder = work / "optimum-onnx"
    onnx_export_from_model(model.transformer, folder, task=TASK, do_validation=False, no_post_process=True)
    graph = _taken(folder, "model.onnx")  # and removed: on a nearly full disk, room for the file itself
    unknown = {port.name for port in graph.graph.input} - set(model.input_names)
    if unknown:
        raise ExportError(
            f"its graph asks for {', '.join(sorted(unknown))}, which advisor does not give (docs/limits.md)"
        )
    return graph


def optimize(model: LoadedModel, source: Path, name: str, work: Path) -> Any:
    """The level `O1` to `O4`. Raises NotImplementedError for a kind of model that Optimum has no fusions for."""
    from optimum.onnxruntime import AutoOptimizationConfig, ORTOptimizer

    folder = work / "optimum-optimized"
    # Of a source that it does not take for its own model it would delete the sidecar, and the cache is shared.
    optimizer = ORTOptimizer([source], config=model.transformer.config, from_ortmodel=True)
    # By default its fused attention takes the number of tokens for the place where they end.
    left = any(bool((probe.inputs["attention_mask"][:, 0] == 0).any()) for probe in model.probes)
    level = AutoOptimizationConfig.with_optimization_level(name, for_gpu=name == "O4", use_raw_attention_mask=left)
    optimizer.optimize(level, folder, file_suffix=name)
    return _taken(folder, f"{source.stem}_{name}.onnx")


def quantize(source: Path, configuration: str, work: Path) -> Any:
    """Dynamic int8 in one of Optimum's configurations, as it comes: `arm64`, `avx2`, `avx512` or `avx512_vnni`."""
    from optimum.onnxruntime import AutoQuantizationConfig, ORTQuantizer

    folder = work / "optimum-quantized"
    ORTQuantizer(source).quantize(
        getattr(AutoQuantizationConfig, configuration)(is_static=False),
        folder,
        file_suffix=configuration,
        use_external_data_format=sidecar_of(source).exists(),
    )
    return _taken(folder, f"{source.stem}_{configuration}.onnx")


def _taken(folder: Path, name: str) -> Any:
    graph = load(folder / name)
    shutil.rmtree(folder)
    return graph
