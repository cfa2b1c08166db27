"""Static int8 with NNCF: weights and activations, calibrated on the user's texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from advisor.export.calibration import choose_calibration
from advisor.export.check import check, openvino_runner
from advisor.export.failure import ExportError
from advisor.export.loading import Inputs, LoadedModel


def quantize_openvino(
    model: LoadedModel, source: Path, file: Path, *, texts: Sequence[str], threads: int
) -> tuple[str, ...]:
    """Write the quantised `file` (.xml) and its .bin, made from the float32 file `source`, and return notes.

    One text a batch, so that nothing is padded: padding would put values into the calibrated ranges that the masks
    take out of the answer. Raises ExportError without texts, or if the file gives NaN.
    """
    if not texts:
        raise ExportError("static int8 is calibrated on texts, and there are none")
    import nncf
    import openvino

    batches = [model.tokenize([text]) for text in texts]
    counts = [batch["input_ids"].shape[1] for batch in batches]
    chosen = choose_calibration(counts, num_parameters=model.num_graph_parameters)
    calibration = [_cut(batches[index], chosen.max_tokens) for index in chosen.indices]
    quantized = nncf.quantize(
        openvino.Core().read_model(str(source)),
        nncf.Dataset(calibration),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(calibration),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(quantized, str(file), compress_to_fp16=False)
    check(openvino_runner(file, threads=threads), model.probes, tolerance=None)
    tokens = sum(batch["input_ids"].shape[1] for batch in calibration)
    cut = f", each cut to {chosen.max_tokens} tokens" if max(counts) > chosen.max_tokens else ""
    return (f"Calibrated on {len(calibration)} of your {len(texts)} texts, {tokens} tokens in all{cut}.",)


def _cut(batch: Inputs, max_tokens: int) -> Inputs:
    return {name: values[:, :max_tokens] for name, values in batch.items()}
