"""OpenVINO graphs by Optimum (optimum-intel), as Sentence Transformers 5 calls it, but for the texts of calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advisor.export.loading import Inputs, LoadedModel
from advisor.export.optimum_onnx import TASK


def export(model: LoadedModel, work: Path) -> Any:
    """The float32 graph at any size of model: its command line compresses the weights of large ones, this does not."""
    import openvino
    from optimum.exporters.openvino import export_from_model
    from optimum.intel import OVConfig

    folder = work / "optimum-openvino"
    export_from_model(model.transformer, folder, task=TASK, ov_config=OVConfig(dtype="fp32"), stateful=False)
    return openvino.Core().read_model(str(folder / "openvino_model.xml"))


def quantize(config: Any, source: Path, batches: Sequence[Inputs]) -> Any:
    """Static int8 by Optimum's default configuration.

    Sentence Transformers' `export_static_quantized_openvino_model` does the same with sentences of GLUE, each padded to
    384 tokens.
    """
    import nncf
    import openvino
    from optimum.intel import OVConfig, OVModelForFeatureExtraction, OVQuantizationConfig, OVQuantizer

    graph = openvino.Core().read_model(str(source))
    names = [port.get_any_name() for port in graph.inputs]  # an input that changes nothing is left out
    model = OVModelForFeatureExtraction(graph, config=config, compile=False)
    OVQuantizer.from_pretrained(model).quantize(
        nncf.Dataset([{name: batch[name] for name in names} for batch in batches]),
        ov_config=OVConfig(quantization_config=OVQuantizationConfig(num_samples=len(batches))),
    )
    return model.model
