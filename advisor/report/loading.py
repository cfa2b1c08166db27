"""How Sentence Transformers loads a winner's file so that it runs as it was measured."""

from __future__ import annotations

from typing import Any

from advisor.types import Runtime, RuntimeSettings


def model_kwargs(runtime: Runtime, *, file_name: str | None, settings: RuntimeSettings | None) -> dict[str, Any]:
    """The `model_kwargs` of `SentenceTransformer` for a graph called `file_name`, or for PyTorch's precision.

    OpenVINO's precision has to be named: on a processor that has bfloat16 that is its default, whatever the file holds
    (`docs/surprises.md`).
    """
    known = settings or RuntimeSettings(threads=1)
    if runtime == "torch":
        attention = {"attn_implementation": known.attention} if known.attention else {}
        return {"dtype": known.dtype or "float32"} | attention
    if runtime == "onnx":
        return {"file_name": file_name or "", "provider": known.provider or "CPUExecutionProvider"}
    precision = known.inference_precision
    hint = {} if precision is None else {"ov_config": {"INFERENCE_PRECISION_HINT": precision}}
    return {"file_name": file_name or "", **hint}
