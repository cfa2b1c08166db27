"""How the size of batches and of calls tells on speed, on a GPU or a CPU: where the defaults of a device come from.

    python benchmarks/batches.py [--model demo] [--lengths short,long] [--device cuda] [--sts FILE] [--seconds 0.5]

Each candidate is opened with each size of batches (padded tokens for ONNX Runtime, texts for PyTorch) and encodes texts
of each length in calls of `CALLS` texts, one after the other and not interleaved: the sizes are factors apart. On CUDA
the memory in use is what NVML counts, over all processes. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common import Machine, export, say
from material import DEMO, LENGTHS, MODELS, model_folder, texts_of

from advisor import catalogue
from advisor.device import CUDA, choose_device, kind_of
from advisor.encode.encoder import Encoder
from advisor.encode.opening import open_encoder
from advisor.errors import AdvisorError
from advisor.export.plan import settings_for
from advisor.measure.workers.memory import available_gpu_bytes
from advisor.model import resolve_model
from advisor.paths import cache_dir

TOKENS = (2048, 4096, 8192, 16384, 32768, 65536)
TEXTS = (32, 64, 128, 256, 512)
CALLS = (16, 128, 512, 2048, 8192)
CANDIDATES = {CUDA: ("onnx-O4", "onnx", "torch-fp16", "torch-fp32"), "cpu": ("onnx", "torch-fp32")}
_SLOW_S = 3.0
"""A call is not repeated where it takes so long, and larger ones are left out."""


def rate(model: Encoder, texts: Sequence[str], *, seconds: float) -> tuple[float, float]:
    """Texts per second over about so many seconds, after one call that warms up; and how long one call took."""
    start = time.perf_counter()
    model.encode(texts)
    took = time.perf_counter() - start
    if took > _SLOW_S:
        return len(texts) / took, took
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        model.encode(texts)
        calls += 1
    took = (time.perf_counter() - start) / calls
    return len(texts) / took, took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default=DEMO)
    parser.add_argument("--lengths", default=",".join(LENGTHS))
    parser.add_argument("--device", help="a GPU by default where there is one")
    parser.add_argument("--sts", type=Path, help="tab-separated, sentences in columns 6 and 7: the short texts")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each figure")
    arguments = parser.parse_args()
    machine = Machine.here()
    try:
        device = choose_device(arguments.device, machine.hardware)
        texts = {length: texts_of(length, sts=arguments.sts) for length in arguments.lengths.split(",")}
        with tempfile.TemporaryDirectory(prefix="advisor-batches-") as scratch:
            _measure(machine, device, arguments.model, texts, Path(scratch), seconds=arguments.seconds)
    except AdvisorError as error:
        sys.exit(f"{parser.prog}: {error}")


def _measure(
    machine: Machine, device: str, name: str, texts: dict[str, tuple[str, ...]], scratch: Path, *, seconds: float
) -> None:
    threads = machine.hardware.threads
    model = resolve_model(model_folder(name, scratch))
    names = CANDIDATES.get(kind_of(device), CANDIDATES["cpu"])
    files = export(
        names,
        model=model,
        machine=machine,
        texts=next(iter(texts.values())),
        threads=threads,
        cache=cache_dir(),
        logs=scratch / "logs",
    )
    print(machine.describe(), device, ", ".join(f"{gpu.name}, driver {gpu.driver}" for gpu in machine.hardware.gpus))
    for failed, reason in files.failed.items():
        print(f"{failed}: {reason}")
    for exported in files.exported:
        candidate = catalogue.get(exported.candidate)
        knob = "batch_size" if candidate.runtime == "torch" else "tokens_per_batch"
        settings = settings_for(
            candidate, threads=threads, objective="throughput", hardware=machine.hardware, device=device
        )
        for size in TEXTS if candidate.runtime == "torch" else TOKENS:
            say(f"    {candidate.name}, {knob} {size}")
            before = available_gpu_bytes(device) or 0
            opened = open_encoder(
                model.path,
                runtime=candidate.runtime,
                file=None if exported.file is None else exported.folder / exported.file,
                settings=replace(settings, **{knob: size}),
            )
            for length, some in texts.items():
                cells = []
                for num_texts in CALLS:
                    speed, took = rate(opened, (some * (num_texts // len(some) + 1))[:num_texts], seconds=seconds)
                    cells.append(f"{num_texts:,}: {speed:,.0f}/s")
                    if took > _SLOW_S:
                        break
                taken = (
                    f", GPU memory {(before - (available_gpu_bytes(device) or 0)) / 2**20:,.0f} MiB" if before else ""
                )
                print(f"{name} {candidate.name} {knob} {size:,}, {length}: {', '.join(cells)}{taken}", flush=True)
            opened.close()
            del opened
            gc.collect()


if __name__ == "__main__":
    main()
