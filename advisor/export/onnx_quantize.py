"""Dynamic int8 with ONNX Runtime: int8 weights now, activations quantised while it runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from advisor.export.check import check, onnx_runner
from advisor.export.loading import LoadedModel
from advisor.export.onnx_files import load, node_counts, save

_UNSIGNED = "quint8"


def quantize_onnx(model: LoadedModel, source: Path, file: Path, *, threads: int) -> tuple[str, ...]:
    """Write the quantised `file` made from the plain file `source`, and return notes.

    The plain graph is quantised, not a fused one: fused it runs slower (docs/exporting.md). As in Optimum's
    AutoQuantizationConfig (https://huggingface.co/docs/optimum-onnx/onnxruntime/package_reference/configuration):
    unsigned weights in the avx2 configuration, signed ones in the others, one scale a channel, the full 8-bit range.
    Raises ExportError if the file does not run or gives NaN.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    unsigned = _UNSIGNED in file.name
    plain = load(source)
    file.parent.mkdir(parents=True, exist_ok=True)
    quantize_dynamic(
        plain,
        str(file),
        weight_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        per_channel=True,
        reduce_range=False,
        extra_options={"MatMulConstBOnly": True},
    )
    graph = load(file)
    save(graph, file)
    check(onnx_runner(file, threads=threads), model.probes, tolerance=None)
    return (_describe(node_counts(plain), node_counts(graph), unsigned=unsigned),)


def _describe(before: Counter[str], after: Counter[str], *, unsigned: bool) -> str:
    sign = "unsigned" if unsigned else "signed"
    return (
        f"{after['MatMulInteger']} of {before['MatMul']} matrix products in int8, {sign} weights with one scale a "
        "channel; activations are quantised as it runs, so an embedding depends a little on its batch."
    )
