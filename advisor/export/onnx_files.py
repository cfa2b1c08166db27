"""Reading and writing ONNX files: one file below protobuf's 2 GB, a sidecar of weights above, nothing lost."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

PROTOBUF_LIMIT_BYTES = (1 << 31) - (1 << 20)
"""https://protobuf.dev/programming-guides/proto-limits/, less room for the message around the weights."""


def sidecar_of(file: Path) -> Path:
    """Where the weights of a file above the limit are; the name is Optimum's."""
    return file.with_name(f"{file.name}_data")


def save(model: Any, file: Path, *, limit_bytes: int = PROTOBUF_LIMIT_BYTES) -> None:
    """Write an `onnx.ModelProto` whose weights are in memory to `file`, its weights to a sidecar if it is too large.

    Nodes lose their doc strings and metadata, where exporters leave the paths of
    this machine.
    """
    import onnx

    _strip(model)
    file.parent.mkdir(parents=True, exist_ok=True)
    if _size(model) < limit_bytes:
        onnx.save_model(model, str(file))
        return
    onnx.save_model(
        model,
        str(file),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=sidecar_of(file).name,
        size_threshold=1024,
    )


def load(file: Path) -> Any:
    """The `onnx.ModelProto` of `file`, its weights in memory."""
    import onnx

    return onnx.load_model(str(file))


def node_counts(model: Any) -> Counter[str]:
    """How many nodes of each operator the main graph has."""
    return Counter(node.op_type for node in model.graph.node)


def _size(model: Any) -> int:
    """The size of the weights and nodes. `ByteSize` fails above 2 GB, on the model and on a single large weight."""
    from onnx.helper import tensor_dtype_to_np_dtype

    weights = sum(
        math.prod(weight.dims) * tensor_dtype_to_np_dtype(weight.data_type).itemsize
        for weight in model.graph.initializer
    )
    return int(weights + sum(node.ByteSize() for node in model.graph.node))


def _strip(model: Any) -> None:
    del model.metadata_props[:]
    graphs = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs:
        graph = graphs.pop()
        nodes += graph.node
        for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
            value.ClearField("doc_string")
            del value.metadata_props[:]
        del graph.metadata_props[:]
        # The branches of If and the bodies of Loop hold nodes of their own.
        graphs += [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    for node in nodes:
        node.ClearField("doc_string")
        del node.metadata_props[:]
