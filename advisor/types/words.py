"""The words of the trade that a type may hold, each of them a closed set."""

from __future__ import annotations

from typing import Literal

Runtime = Literal["torch", "onnx", "openvino"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
ObjectiveName = str
"""A key of `advisor.objectives.OBJECTIVES`."""
ExporterName = Literal["native", "optimum"]
"""Whose tools make the files: PyTorch's and the runtimes' own, or Optimum's."""
Status = Literal["measured", "rejected", "cut", "failed", "skipped"]
Verdict = Literal["confirmed", "overturned", "tie", "inconclusive"]
LossMethod = Literal["checked", "estimated", "labelled"]
"""Whether the reference texts, the compared texts or labels gave it: docs/accuracy.md."""
LabelKind = Literal["pairs", "triplets", "retrieval"]
ModelKind = Literal["embedding", "cross-encoder", "sparse-encoder"]
Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]
PairSource = Literal["given", "made"]

BASELINE = "torch-fp32"
