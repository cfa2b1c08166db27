"""Static int8 with NNCF: weights and activations, calibrated on the user's texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from advisor.export.calibration import choose_calibration
from advisor.export.check import ANY_DIFFERENCE, check, openvino_runner
from advisor.export.failure import ExportError
from advisor.export.loading import Inputs, LoadedModel

_BATCH_SIZE = 8


QuantizeOpenVino = Callable[[Any, Path, Sequence[Inputs]], Any]
"""The model's configuration, the float32 file and the batches to calibrate on -> an `openvino.Model`."""


def quantize_openvino(
    model: LoadedModel,
    source: Path,
    file: Path,
    *,
    quantize: QuantizeOpenVino | None = None,
    texts: Sequence[str],
    threads: int,
) -> tuple[str, ...]:
    """Write the quantised `file` (.xml) and its .bin, made from the float32 file `source`, and return notes.

    Calibrated on batches of neighbours in length, so that hardly anything is padded: against single texts, half the
    time and a smaller loss (docs/exporting.md). Raises ExportError without texts, or if the file gives NaN.
    """
    if not texts:
        raise ExportError("static int8 is calibrated on texts, and there are none")
    import openvino

    counts = model.tokenize(texts)["attention_mask"].sum(axis=1).tolist()
    chosen = choose_calibration(counts, num_parameters=model.num_graph_parameters)
    calibration = [
        _cut(model.tokenize([texts[index] for index in chosen.indices[start : start + _BATCH_SIZE]]), chosen.max_tokens)
        for start in range(0, len(chosen.indices), _BATCH_SIZE)
    ]
    quantized = (quantize or by_nncf)(model.transformer.config, source, calibration)
    file.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(quantized, str(file), compress_to_fp16=False)
    check(openvino_runner(file, threads=threads), model.probes, tolerance=ANY_DIFFERENCE)
    lengths = [counts[index] for index in chosen.indices]
    tokens = sum(min(length, chosen.max_tokens) for length in lengths)
    cut = f", each cut to {chosen.max_tokens} tokens" if max(lengths) > chosen.max_tokens else ""
    return (f"Calibrated on {len(chosen.indices)} of {len(texts)} texts, {tokens} tokens in all{cut}.",)


def by_nncf(config: Any, source: Path, batches: Sequence[Inputs]) -> Any:
    """By NNCF itself."""
    import nncf
    import openvino

    return nncf.quantize(
        openvino.Core().read_model(str(source)),
        nncf.Dataset(batches),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(batches),
    )


def _cut(batch: Inputs, max_tokens: int) -> Inputs:
    """The batch's first tokens, or its last where the tokenizer pads on the left."""
    left = bool((batch["attention_mask"][:, 0] == 0).any())
    return {name: values[:, -max_tokens:] if left else values[:, :max_tokens] for name, values in batch.items()}
