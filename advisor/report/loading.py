"""How Sentence Transformers loads a winner's file so that it runs as it was measured."""

from __future__ import annotations

from typing import Any

from advisor.types import Runtime, RuntimeSettings


def model_kwargs(runtime: Runtime, *, file_name: str | None, settings: RuntimeSettings | None) -> dict[str, Any]:
    """The `model_kwargs` of `SentenceTransformer` for a graph called `file_name`, or for PyTorch's precision.

    OpenVINO's precision has to be named: on a processor that has bfloat16 that is its default, whatever the file holds
    (`docs/surprises.md`).
    """
    if runtime == "torch":
        attention = settings and settings.attention
        return {"dtype": (settings and settings.dtype) or "float32"} | (
            {"attn_implementation": attention} if attention else {}
        )
    arguments: dict[str, Any] = {"file_name": file_name or ""}
    if runtime == "onnx":
        arguments["provider"] = (settings and settings.provider) or "CPUExecutionProvider"
    elif settings is not None and settings.inference_precision is not None:
        arguments["ov_config"] = {"INFERENCE_PRECISION_HINT": settings.inference_precision}
    return arguments
