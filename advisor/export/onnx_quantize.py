"""Dynamic int8 with ONNX Runtime: int8 weights now, activations quantised while it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from advisor.export.check import ANY_DIFFERENCE, check, onnx_runner
from advisor.export.loading import LoadedModel
from advisor.export.onnx_files import load, node_counts, save, sidecar_of

Quantize = Callable[[Path, str, Path], Any]
"""The plain file, the configuration's name and a folder for what must not be kept -> an `onnx.ModelProto`.

The configurations are Optimum's: `arm64`, `avx2`, `avx512` and `avx512_vnni`.
"""


def quantize_onnx(
    model: LoadedModel, source: Path, file: Path, *, quantize: Quantize | None = None, work: Path, threads: int
) -> tuple[str, ...]:
    """Write the quantised `file` made from the plain file `source`, and return notes.

    The plain graph is quantised, not a fused one: fused it runs slower (docs/exporting.md).
    Raises ExportError if the file does not run or gives NaN.
    """
    graph = (quantize or by_onnxruntime)(source, file.stem.removeprefix("model_").partition("_")[2], work)
    save(graph, file)
    check(onnx_runner(file, threads=threads), model.probes, tolerance=ANY_DIFFERENCE)
    before, after = node_counts(load(source)), node_counts(graph)
    sign = "unsigned" if "quint8" in file.name else "signed"
    return (
        f"{after['MatMulInteger']} of {before['MatMul']} matrix products in int8, {sign} weights with one scale a "
        "channel; activations are quantised as it runs, so an embedding depends a little on its batch.",
    )


def by_onnxruntime(source: Path, configuration: str, work: Path) -> Any:
    """By ONNX Runtime's own `quantize_dynamic`.

    As in Optimum's AutoQuantizationConfig (https://huggingface.co/docs/optimum-onnx/onnxruntime/package_reference/configuration):
    unsigned weights in the avx2 configuration, signed ones in the others, one scale a channel, the full 8-bit range.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # The quantiser writes beside what it reads, and the cache is shared: give it a copy.
    copied = [shutil.copyfile(part, work / part.name) for part in (source, sidecar_of(source)) if part.exists()]
    quantized = work / "quantized.onnx"
    quantize_dynamic(
        str(copied[0]),
        str(quantized),
        weight_type=QuantType.QUInt8 if configuration == "avx2" else QuantType.QInt8,
        per_channel=True,
        reduce_range=False,
        use_external_data_format=len(copied) > 1,
        extra_options={"MatMulConstBOnly": True},
    )
    return load(quantized)
