"""Which files a candidate needs, in which order they are made, and how the encoder then runs them. No torch here."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from advisor import catalogue, objectives
from advisor.catalogue import Candidate
from advisor.device import CPU, CUDA, kind_of
from advisor.errors import UnavailableError
from advisor.types import BASELINE, Hardware, ObjectiveName, RuntimeSettings

Recipe = Literal[
    "onnx", "onnx-optimize", "onnx-quantize", "openvino", "openvino-quantize", "openvino-rescue", "outside"
]

RECIPE_VERSION = 1
"""Part of every cache key: raise it whenever a recipe writes a different file from the same model."""

TORCH_DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
TORCH_BATCH_SIZE = 32
"""Sentence Transformers' default: https://sbert.net/docs/package_reference/sentence_transformer/model.html."""

CUDA_TEXTS_PER_BATCH = 256
"""A GPU is idle between batches of 32 short texts. The baseline keeps those, for it is what users compare with."""

CUDA_TOKENS_PER_BATCH = 8192
"""On an H200 the fastest, or within 10 % of it, with all-MiniLM-L6-v2 and BERT base and texts of 40 to 3,000 characters
(docs/hardware.md); tuning tries half and twice as many."""

_LOADED_BY = ("torch", "sentence-transformers", "transformers")
_ONNX = (*_LOADED_BY, "onnx", "onnxscript")
_OPENVINO = (*_LOADED_BY, "openvino")


_TYPICAL_S: Mapping[Recipe, tuple[float, float]] = {
    "onnx": (0.4, 11.5),
    "onnx-quantize": (0.7, 17.0),
    "openvino": (1.6, 4.5),
    "openvino-quantize": (4.0, 40.0),
}
"""Seconds that a recipe takes, and seconds more for each GB of weights: by all-MiniLM-L6-v2 (0.09 GB) and BERT base
(0.44 GB) on two cores of a Zen 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One file to make.

    `file` and `source` are Sentence Transformers' relative names; `source` is the file that the step starts from,
    None for the model itself. `packages` are the distributions whose version changes the result.
    """

    file: str
    recipe: Recipe
    packages: tuple[str, ...]
    source: str | None = None
    calibrated: bool = False
    reference: str | None = None
    """The float32 file that the result is compared with; the result then depends on the loss budget, too."""
    exporter: str | None = None
    """`module:function` of the recipe `outside`."""
    provided_by: str | None = None
    """The package that brings the exporter, with its version."""
    device: str = "cpu"
    depth: int | None = None
    """To how many layers the model is cut; None for the whole."""

    @property
    def key(self) -> tuple[str, int | None]:
        """Which file of a run it is."""
        return self.file, self.depth


def _onnx_step(file: str, recipe: Recipe) -> Step:
    return Step(file=file, recipe=recipe, packages=(*_ONNX, "onnxruntime"), source="onnx/model.onnx")


_STEPS = {
    step.file: step
    for step in (
        Step(file="onnx/model.onnx", recipe="onnx", packages=_ONNX),
        _onnx_step("onnx/model_O1.onnx", "onnx-optimize"),
        _onnx_step("onnx/model_O2.onnx", "onnx-optimize"),
        _onnx_step("onnx/model_O3.onnx", "onnx-optimize"),
        _onnx_step("onnx/model_O4.onnx", "onnx-optimize"),
        _onnx_step("onnx/model_qint8_avx512_vnni.onnx", "onnx-quantize"),
        _onnx_step("onnx/model_qint8_avx512.onnx", "onnx-quantize"),
        _onnx_step("onnx/model_quint8_avx2.onnx", "onnx-quantize"),
        _onnx_step("onnx/model_qint8_arm64.onnx", "onnx-quantize"),
        Step(file="openvino/openvino_model.xml", recipe="openvino", packages=_OPENVINO),
        Step(
            file="openvino/openvino_model_qint8_quantized.xml",
            recipe="openvino-quantize",
            packages=(*_OPENVINO, "nncf"),
            source="openvino/openvino_model.xml",
            calibrated=True,
        ),
        Step(
            file="openvino/openvino_model_qint8_mixed.xml",
            recipe="openvino-rescue",
            packages=(*_OPENVINO, "nncf"),
            source="openvino/openvino_model_qint8_quantized.xml",
            calibrated=True,
            reference="openvino/openvino_model.xml",
        ),
    )
}


def steps_for(candidate: Candidate, hardware: Hardware, *, depth: int | None = None) -> tuple[Step, ...]:
    """The files to make for `candidate` on this machine, each after the one it starts from; empty for torch.

    `depth` cuts the model to its first layers.
    Raises UnavailableError where the machine has no variant of the candidate.
    """
    if candidate.runtime == "torch":
        return ()
    file = catalogue.file_of(candidate, hardware)
    if file is None:
        raise UnavailableError(f"{candidate.name} {catalogue.unmet(candidate, hardware) or 'has no file'}.")
    steps: list[Step] = []
    if candidate.exporter is not None:
        steps = [_outside_step(candidate, file)]
        file = candidate.source
    while file is not None:
        steps.insert(0, _STEPS[file])
        file = steps[0].source
    return tuple(replace(step, depth=depth) for step in steps)


def typical_s(step: Step, *, weights_bytes: int | None) -> float | None:
    """About how many seconds a step takes on two fast cores; None where that is not known."""
    if step.recipe not in _TYPICAL_S or weights_bytes is None:
        return None
    fixed_s, s_per_gb = _TYPICAL_S[step.recipe]
    return fixed_s + s_per_gb * weights_bytes / 1e9


class Pace:
    """How many times as long as elsewhere the steps of a run take here, in the median; 1 while none was made."""

    def __init__(self) -> None:
        self._ratios: list[float] = []

    def add(self, took_s: float | None, typical_s: float | None) -> None:
        """Count a step that was made; nothing where either is not known."""
        if took_s and typical_s:
            self._ratios.append(took_s / typical_s)

    @property
    def factor(self) -> float:
        """What to multiply a typical time by."""
        return statistics.median(self._ratios) if self._ratios else 1.0


def _outside_step(candidate: Candidate, file: str) -> Step:
    return Step(
        file=file,
        recipe="outside",
        packages=(*_ONNX, "onnxruntime") if candidate.runtime == "onnx" else (*_OPENVINO, "nncf"),
        source=candidate.source,
        calibrated=candidate.calibrated,
        exporter=candidate.exporter,
        provided_by=candidate.provided_by,
        device=candidate.device,
    )


def settings_for(
    candidate: Candidate,
    *,
    threads: int,
    objective: ObjectiveName,
    hardware: Hardware | None = None,
    device: str = CPU,
) -> RuntimeSettings:
    """How the encoder runs the candidate's file with `threads` threads, in a run on `device`.

    Where throughput counts, every thread runs a batch of its own: nobody waits for the slowest thread of each operation
    (1.09 to 1.22 times as fast on two cores, docs/encoder.md). Where a single text counts they work on it together, and
    ONNX Runtime's spin while they wait for each other: two that sleep take longer over a short text than one.

    OpenVINO's inference precision is always named: its default is bf16 on a CPU with native bf16. The operations that
    int8 leaves in floating point run in f32, so that the int8 candidate's loss is that of int8 alone. Layers that were
    taken back from int8 run in bf16 where `hardware` computes it natively, for they have to be fast, too.
    """
    where = catalogue.device_of(candidate, device)
    if candidate.runtime == "torch":
        larger = kind_of(where) == CUDA and candidate.name != BASELINE
        return RuntimeSettings(
            threads=threads,
            batch_size=CUDA_TEXTS_PER_BATCH if larger else TORCH_BATCH_SIZE,
            dtype=TORCH_DTYPES[candidate.precision],
            device=where,
            attention=candidate.attention,
            compiled=candidate.compiled or None,
        )
    goal = objectives.get(objective)
    num_streams = threads if goal.streams and where == CPU else 1
    if candidate.runtime == "onnx":
        on_cpu = kind_of(where) == CPU
        return RuntimeSettings(
            threads=threads,
            tokens_per_batch=None if on_cpu else CUDA_TOKENS_PER_BATCH,
            num_streams=num_streams,
            spinning=goal.spinning and on_cpu and threads > 1,
            device=where,
            provider=catalogue.provider_of(candidate, device),
        )
    return RuntimeSettings(
        threads=threads,
        num_streams=num_streams,
        inference_precision=_openvino_precision(candidate, hardware),
        device=where,
    )


def _openvino_precision(candidate: Candidate, hardware: Hardware | None) -> str:
    mixed = candidate.name == catalogue.MIXED and hardware is not None and catalogue.native_bf16(hardware)
    return "bf16" if candidate.precision == "bf16" or mixed else "f32"
