"""What else could be done in int8: other ways to quantise, beside the files that advisor makes.

    python benchmarks/int8.py --sts stsb-test.csv [--rounds 15] [--only static]

Static int8 in ONNX Runtime (QDQ, with unsigned and with signed activations), unsigned weights, and NNCF with other
settings (SmoothQuant off or weaker, full bias correction, symmetric activations). All files are calibrated on the same
texts. Printed for each are its speed over that of advisor's own file of the same runtime, in interleaved rounds over
the same sentences in advisor's encoder, with a 95 % interval, and its loss on the labels of the file. A new candidate
would have to be faster at the same loss, or lose less at the same speed.
"""

from __future__ import annotations

import argparse
import gc
import math
import random
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from accuracy import Embedded, sample
from common import Machine, export, say, write_json
from spoiled import apart

from advisor import catalogue
from advisor.accuracy import labelled_loss, score
from advisor.encode import open_encoder
from advisor.labels import read_labels
from advisor.measure.race.intervals import median_interval
from advisor.model import resolve_model
from advisor.types import BASELINE, Exported, Runtime

OWN: dict[Runtime, str] = {"onnx": "onnx-qint8", "openvino": "openvino-qint8"}
PLAIN = {"onnx": "onnx", "openvino": "openvino"}
NNCF = {
    "NNCF, SmoothQuant off": {"smooth_quant_alphas": -1.0},
    "NNCF, SmoothQuant 0.5": {"smooth_quant_alphas": 0.5},
    "NNCF, SmoothQuant 0.8": {"smooth_quant_alphas": 0.8},
    "NNCF, full bias correction": {"fast_bias_correction": False},
    "NNCF, symmetric activations": {"preset": "performance"},
}
"""advisor's own: `ModelType.TRANSFORMER`, which means SmoothQuant at 0.95 and the mixed preset."""
STATIC = {
    "static QDQ, u8 activations": {"format": "QDQ", "signed": False},
    "static QDQ, s8 activations": {"format": "QDQ", "signed": True},
    "static QOperator, u8 activations": {"format": "QOperator", "signed": False},
}
UNSIGNED = "dynamic, unsigned weights"
RUNTIMES: dict[str, Runtime] = {**dict.fromkeys(NNCF, "openvino"), **dict.fromkeys(STATIC, "onnx"), UNSIGNED: "onnx"}


# -- in a process of its own: these import torch ---------------------------------------------------------------


def make(name: str, model_path: Path, source: Path, file: Path, texts: tuple[str, ...], threads: int) -> None:
    """Write the variant `name` of the plain `source` to `file`."""
    from advisor.export.loading import load

    file.parent.mkdir(parents=True, exist_ok=True)
    if name == UNSIGNED:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        options = {"MatMulConstBOnly": True}
        quantize_dynamic(source, file, weight_type=QuantType.QUInt8, per_channel=True, extra_options=options)
        return
    batches = _batches(load(str(model_path), trust_remote_code=False, threads=threads), texts)
    if name in STATIC:
        _static(source, file, batches, **STATIC[name])
    else:
        _nncf(source, file, batches, **NNCF[name])


def _batches(model: Any, texts: tuple[str, ...]) -> list[Any]:
    """The calibration texts as advisor feeds them: neighbours in length, eight at a time."""
    from advisor.export.calibration import choose_calibration

    counts = [model.tokenize([text])["input_ids"].shape[1] for text in texts]
    chosen = choose_calibration(counts, num_parameters=model.num_graph_parameters).indices
    return [model.tokenize([texts[index] for index in chosen[start : start + 8]]) for start in range(0, len(chosen), 8)]


def _static(source: Path, file: Path, batches: list[Any], *, format: str, signed: bool) -> None:  # noqa: A002
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the library has no types
        def __init__(self) -> None:
            self._left = iter(batches)

        def get_next(self) -> Any:
            return next(self._left, None)

    prepared = file.with_name("prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        file,
        Reader(),
        quant_format=QuantFormat[format],
        activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm"],
        extra_options={"ActivationSymmetric": signed, "MatMulConstBOnly": True},
    )


def _nncf(source: Path, file: Path, batches: list[Any], **how: Any) -> None:
    import nncf
    import openvino
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, AdvancedSmoothQuantParameters

    advanced = AdvancedQuantizationParameters()
    if "smooth_quant_alphas" in how:
        advanced.smooth_quant_alphas = AdvancedSmoothQuantParameters(matmul=how["smooth_quant_alphas"])
    quantized = nncf.quantize(
        openvino.Core().read_model(source),
        nncf.Dataset(batches),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset(how["preset"]) if "preset" in how else None,
        fast_bias_correction=how.get("fast_bias_correction", True),
        subset_size=len(batches),
        advanced_parameters=advanced,
    )
    openvino.save_model(quantized, file, compress_to_fp16=False)


# -- beside each other -----------------------------------------------------------------------------------------


def laps(encoders: dict[str, Any], texts: tuple[str, ...], *, num_rounds: int) -> list[dict[str, float]]:
    """Seconds of everyone over the same texts, in random order in each round."""
    rng = random.Random(0)
    for encoder in encoders.values():
        encoder.encode(texts)
    rounds = []
    for _ in range(num_rounds):
        order = list(encoders)
        rng.shuffle(order)
        seconds = {}
        for name in order:
            gc.collect()
            encoders[name].encode(texts[:16])
            start = time.perf_counter()
            encoders[name].encode(texts)
            seconds[name] = time.perf_counter() - start
        rounds.append(seconds)
    return rounds


def line(name: str, rounds: list[dict[str, float]], own: str, loss: Any) -> dict[str, Any]:
    """One row, printed."""
    ratios = [math.log(one[own] / one[name]) for one in rounds]
    median, ci95 = math.exp(statistics.median(ratios)), median_interval(ratios)
    shown = "" if ci95 is None else f"[{math.exp(ci95[0]):.3f}, {math.exp(ci95[1]):.3f}]"
    interval = "" if loss.ci95 is None else f"[{100 * loss.ci95[0]:.2f}, {100 * loss.ci95[1]:.2f}]"
    print(f"{name:34} {median:.3f}x {shown:16}  loss {loss.value:.2%} {interval}", flush=True)
    return {"variant": name, "speedup": median, "over": own, "loss": loss.value, "loss_ci95": loss.ci95}


def run(arguments: argparse.Namespace, scratch: Path) -> list[dict[str, Any]]:
    labels = read_labels(arguments.sts, field="6,7,5")
    machine = Machine.here()
    model = resolve_model("demo")
    threads = machine.hardware.threads
    texts = sample(labels, seed=0)
    names = (BASELINE, *PLAIN.values(), *OWN.values())
    made = export(names, model=model, machine=machine, texts=texts, threads=threads, cache=scratch, logs=scratch)
    by_name: dict[str, Exported] = {files.candidate: files for files in made.exported}
    files = dict(by_name)
    for name, runtime in RUNTIMES.items():
        if arguments.only not in name:
            continue
        plain = by_name[PLAIN[runtime]]
        file = (
            scratch / name.replace(" ", "-").replace(",", "") / ("model.xml" if runtime == "openvino" else "model.onnx")
        )
        say(f"    {name}")
        try:
            apart(make, name, model.path, plain.folder / str(plain.file), file, texts, threads)
        except Exception as error:  # what a library cannot do is a result
            print(f"{name:34} could not be made: {type(error).__name__}: {str(error).splitlines()[0][:120]}")
            continue
        files[name] = replace(by_name[OWN[runtime]], candidate=name, folder=file.parent, file=file.name)

    def opened(name: str) -> Any:
        each = files[name]
        runtime = catalogue.get(name).runtime if catalogue.find(name) else RUNTIMES[name]
        file = None if each.file is None else each.folder / each.file
        return open_encoder(model.path, runtime=runtime, file=file, settings=each.settings)

    say("    the baseline's embeddings")
    base = Embedded(labels, opened(BASELINE), alone=False)
    base_score = score(labels, base.asked, base.stored)
    table = []
    for runtime, own in OWN.items():
        group = [own, *(name for name in files if RUNTIMES.get(name) == runtime)]
        encoders = {name: opened(name) for name in group}
        rounds = laps(encoders, texts, num_rounds=arguments.rounds)
        for name, encoder in encoders.items():
            dynamic = name in (UNSIGNED, OWN["onnx"])
            found = Embedded(labels, encoder, alone=dynamic)
            loss = labelled_loss(labels, base_score, score(labels, found.asked, found.stored))
            table.append(line(name, rounds, own, loss))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sts", type=Path, required=True, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    parser.add_argument("--only", default="", metavar="WORD", help="only the variants with this in their name")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write everything to this JSON file")
    arguments = parser.parse_args()
    machine = Machine.here()
    print(machine.describe())
    with tempfile.TemporaryDirectory(prefix="advisor-int8-") as name:
        table = run(arguments, Path(name))
    if arguments.out is not None:
        write_json(arguments.out, {"machine": machine.facts(), "table": table})


if __name__ == "__main__":
    main()
