"""How fast the encoder is beside its peers, on the same files: Sentence Transformers 5.7 with Optimum, and fastembed.

    python benchmarks/encode.py --sts stsb-test.csv [--sets short,mixed] [--files openvino] [--rounds 5] [--out FILE]

Four files (onnx, onnx-qint8, openvino in bf16, openvino-qint8) of all-MiniLM-L6-v2, exported by advisor, and four sets
of texts. Each file is run by advisor's encoder, by Sentence Transformers 5.7 with Optimum, and, where it is an ONNX
file, by fastembed; beside them run Sentence Transformers 6 in torch-fp32 and torch-bf16, and Optimum's own O3 and
avx512_vnni files in advisor's encoder. Everybody is a process of its own, all run in each round, in random order, on
the same texts, and only ratios within a round are compared. Peers' environments are made in `--envs` (a few minutes the
first time, 2 GB). Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ceiling import ceilings, model_operations
from common import Machine, export, say, write_json
from material import mixed_texts, texts_of

from advisor import catalogue
from advisor.encode.modules import read_pipeline
from advisor.encode.tokenize import Tokenizer
from advisor.errors import AdvisorError
from advisor.export.plan import settings_for
from advisor.measure.race.intervals import median_interval
from advisor.model import resolve_model
from advisor.paths import cache_dir
from advisor.types import ObjectiveName

WORKER = Path(__file__).with_name("peers") / "worker.py"

ENVIRONMENTS = {
    "st5": ["torch==2.13.0", "sentence-transformers[onnx,openvino]==5.7.0"],
    "fastembed": ["fastembed>=0.9", "onnxruntime==1.32.0"],
}

SETS = ("short", "medium", "long", "mixed")
SET_TEXTS = {"short": 1024, "medium": 64, "long": 32, "mixed": 160}
SINGLE_TEXTS = 40

FILES = {
    "onnx": ("onnx", "fp32"),
    "onnx-qint8": ("onnx", "int8"),
    "openvino-bf16": ("openvino", "bf16"),
    "openvino-qint8": ("openvino", "int8"),
}
"""Candidate -> the runtime, and the ceiling that it is held against."""


OPTIMUM_FILES = {"onnx": "onnx/model_O3.onnx", "onnx-qint8": "onnx/model_qint8_avx512_vnni.onnx"}
"""What Optimum calls its own files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """One process: who runs which file."""

    name: str
    file: str | None
    """The candidate whose file it runs; None for torch."""
    peer: str
    load: dict[str, Any] = field(hash=False)
    python: str = sys.executable


class Process:
    """A runner that is loaded."""

    def __init__(self, runner: Runner, folder: Path) -> None:
        self.runner = runner
        self._log = (folder / f"{runner.name.replace(' ', '-')}.log").open("w")
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
        self._child = subprocess.Popen(
            [runner.python, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
        )
        self.ask(op="load", **runner.load)

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._child.stdin is not None  # both are pipes
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(request) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            raise AdvisorError(f"{self.runner.name}: {answer['error']}", hint=f"See {self._log.name}.")
        return answer

    def close(self) -> None:
        self._child.kill()
        self._child.wait()
        self._log.close()


def python_of(name: str, folder: Path) -> str:
    """The Python of a peer's environment, which is made if it is not there."""
    python = folder / name / "bin" / "python"
    if not python.is_file():
        say(f"making the environment {name}")
        venv.create(folder / name, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *ENVIRONMENTS[name]], check=True)
    return str(python)


def runners(
    files: Sequence[str], model: Path, graphs: dict[str, Path], threads: int, envs: Path, optimum: Path | None
) -> list[Runner]:
    """Everybody who takes part. `model` is a folder with the model and all graphs in it.

    advisor's encoder has the settings that `recommend` gives a candidate, untuned: those for throughput, and in a
    process of its own (`advisor-latency`) those for latency, which runs the single texts.
    """
    found = []
    for name in files:
        runtime, _ = FILES[name]
        relative = graphs[name].relative_to(model).as_posix()

        def ours(peer: str, graph: Path, objective: ObjectiveName, name: str = name, runtime: str = runtime) -> Runner:
            settings = asdict(settings_for(catalogue.get(name), threads=threads, objective=objective))
            load = {"kind": "advisor", "folder": str(model), "runtime": runtime, "file": str(graph)}
            return Runner(name=f"{name} {peer}", file=name, peer=peer, load={**load, "settings": settings})

        def theirs(peer: str, name: str = name, relative: str = relative, **load: Any) -> Runner:
            return Runner(
                name=f"{name} {peer}",
                file=name,
                peer=peer,
                load={"folder": str(model), "file": relative, **load},
                python=python_of(peer, envs),
            )

        found.append(ours("advisor", graphs[name], "throughput"))
        found.append(ours("advisor-latency", graphs[name], "latency"))
        found.append(theirs("st5", kind="sentence_transformers", backend=runtime, dtype=None))
        if runtime == "onnx":
            found.append(theirs("fastembed", kind="fastembed", dimension=384))
        if optimum is not None and name in OPTIMUM_FILES:
            found.append(ours("optimum-file", optimum / OPTIMUM_FILES[name], "throughput"))
    for dtype in ("float32", "bfloat16"):
        st6 = {"kind": "sentence_transformers", "folder": str(model), "backend": "torch", "dtype": dtype, "file": None}
        found.append(Runner(name=f"st6 torch-{dtype}", file=None, peer=f"st6-{dtype}", load=st6))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One file and one set of texts: advisor against everybody else."""

    file: str
    set: str
    texts_per_s: float
    """advisor's, in the median of the rounds."""
    ratio: dict[str, float]
    """How many times as fast as each peer, by name; the median of the rounds."""
    ci95: dict[str, tuple[float, float] | None]
    fastest_peer: str
    """The fastest that runs the same file."""
    ceiling_share: float
    """Of the machine's matrix products a second, how much the model's own products are, padding not counted."""


def measure(
    processes: Sequence[Process], name: str, *, rounds: int, rng: random.Random, op: str
) -> list[dict[str, float]]:
    """Seconds of each runner in each round. With `op` single: the median of its single texts."""
    found = []
    for index in range(-1, rounds):  # the first one warms up
        order = list(processes)
        rng.shuffle(order)
        seconds = {}
        for process in order:
            took = process.ask(op=op, set=name)["seconds"]
            seconds[process.runner.name] = statistics.median(took) if op == "single" else took
        if index >= 0:
            found.append(seconds)
    return found


def judge(
    file: str, name: str, laps: Sequence[dict[str, float]], everybody: Sequence[Runner], *, texts: int, share: float
) -> Cell:
    ours = f"{file} advisor"
    ratio, ci95 = {}, {}
    for other in everybody:
        if other.name != ours and other.file in (file, None):
            ratios = [lap[other.name] / lap[ours] for lap in laps]
            ratio[other.peer] = statistics.median(ratios)
            ci95[other.peer] = median_interval(ratios)
    same_file = {peer: value for peer, value in ratio.items() if peer in ("st5", "fastembed")}
    seconds = statistics.median(lap[ours] for lap in laps)
    return Cell(
        file=file,
        set=name,
        texts_per_s=texts / seconds,
        ratio=ratio,
        ci95=ci95,
        fastest_peer=min(same_file, key=lambda peer: same_file[peer]),
        ceiling_share=share / seconds,
    )


def texts_for(name: str, sts: Path | None) -> list[str]:
    if name == "mixed":
        return list(mixed_texts(SET_TEXTS[name]))
    return list(texts_of(name, sts=sts, most=SET_TEXTS[name]))


def run(
    arguments: argparse.Namespace, machine: Machine, cells: list[Cell], singles: dict[str, Any]
) -> dict[str, float]:
    model = resolve_model("demo")
    threads = machine.hardware.threads
    say("the machine's ceilings")
    top = ceilings(threads)
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="advisor-encode-") as scratch:
        folder = Path(scratch)
        sets = {name: texts_for(name, arguments.sts) for name in arguments.sets}
        sets["single"] = texts_for("short", arguments.sts)[:SINGLE_TEXTS]
        (folder / "texts.json").write_text(json.dumps(sets), encoding="utf-8")
        base = folder / "model"
        graphs = _one_folder(model.path, base, arguments.files, machine, threads)
        optimum = None
        if any(name.startswith("onnx") for name in arguments.files):
            optimum = folder / "optimum"
            say("Optimum exports its own files")
            load = {"kind": "export_by_optimum", "folder": str(model.path), "out": str(optimum)}
            python = python_of("st5", arguments.envs)
            Process(Runner(name="optimum", file=None, peer="optimum", load=load, python=python), folder).close()
        everybody = runners(arguments.files, base, graphs, threads, arguments.envs, optimum)
        tokenizer = Tokenizer(read_pipeline(model.path).tokenizer)
        last = arguments.files[-1]
        for file in arguments.files:
            # PyTorch runs no file, and beside one of them is enough.
            taking_part = [one for one in everybody if one.file == file or (one.file is None and file == last)]
            say(f"{file}: loading {', '.join(one.peer for one in taking_part)}")
            processes = [Process(one, folder) for one in taking_part]
            try:
                for process in processes:
                    process.ask(op="texts", path=str(folder / "texts.json"))
                bulk = [one for one in processes if one.runner.peer != "advisor-latency"]
                alone = [one for one in processes if one.runner.peer not in ("advisor", "optimum-file")]
                for name in arguments.sets:
                    laps = measure(bulk, name, rounds=arguments.rounds, rng=rng, op="encode")
                    operations = model_operations(model.path, tokenizer(sets[name]).lengths.tolist())
                    share = operations / top[FILES[file][1]]
                    cells.append(
                        judge(file, name, laps, [one.runner for one in bulk], texts=len(sets[name]), share=share)
                    )
                    say(line(cells[-1]))
                laps = measure(alone, "single", rounds=arguments.rounds, rng=rng, op="single")
                ours = f"{file} advisor-latency"
                singles[file] = {
                    "p50_ms": 1e3 * statistics.median(lap[ours] for lap in laps),
                    "share_of": {
                        one.runner.peer: statistics.median(lap[ours] / lap[one.runner.name] for lap in laps)
                        for one in alone
                        if one.runner.name != ours
                    },
                }
                say(f"{file}, one short text: {singles[file]}")
            finally:
                for process in processes:
                    process.close()
    return top


def _one_folder(model: Path, base: Path, files: Sequence[str], machine: Machine, threads: int) -> dict[str, Path]:
    """The model with all graphs in Sentence Transformers' places, by candidate; links, not copies."""
    profile = resolve_model("demo")
    shutil.copytree(model, base, ignore=shutil.ignore_patterns(".*"))
    texts = texts_of("medium", sts=None)
    exported = export(
        list(files),
        model=profile,
        machine=machine,
        texts=texts,
        threads=threads,
        cache=cache_dir(),
        logs=base.parent,
    )
    if exported.failed:
        raise AdvisorError("; ".join(f"{name}: {reason}" for name, reason in exported.failed.items()))
    graphs = {}
    for one in exported.exported:
        assert one.file is not None  # no torch candidate is asked for
        target = base / one.file
        target.parent.mkdir(exist_ok=True)
        for path in (one.folder / one.file).parent.iterdir():
            if path.name.startswith(target.stem) and not (target.parent / path.name).exists():
                (target.parent / path.name).symlink_to(path)
        graphs[one.candidate] = target
    return graphs


def line(cell: Cell) -> str:
    """One cell, as it is printed."""
    ratios = ", ".join(f"{peer} {ratio:.2f}x" for peer, ratio in cell.ratio.items())
    return (
        f"{cell.file}, {cell.set}: {cell.texts_per_s:,.0f} texts/s, {cell.ceiling_share:.0%} of the ceiling; "
        f"against {ratios}; the fastest on the same file is {cell.fastest_peer}"
    )


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def report(cells: Sequence[Cell], singles: dict[str, Any], top: dict[str, float], machine: Machine) -> None:
    """The answer, on stdout."""
    print(machine.describe())
    print("ceilings: " + ", ".join(f"{name} {rate / 1e9:,.0f} GFLOP/s" for name, rate in top.items()))
    for cell in cells:
        print(line(cell))
    same = {(cell.file, cell.set): cell.ratio[cell.fastest_peer] for cell in cells}
    print(
        f"against the fastest peer on the same file: geometric mean {geometric_mean(list(same.values())):.2f}x, "
        f"worst {min(same.values()):.2f}x, {len(same)} cells"
    )
    for name in dict.fromkeys(cell.set for cell in cells):
        part = [value for (_, which), value in same.items() if which == name]
        print(f"  {name}: {geometric_mean(part):.2f}x")
    optimum = [cell.ratio["optimum-file"] for cell in cells if "optimum-file" in cell.ratio]
    if optimum:
        print(f"our ONNX files against Optimum's in the same encoder: geometric mean {geometric_mean(optimum):.2f}x")
    for file, single in singles.items():
        shares = ", ".join(f"{share:.2f} of {peer}'s" for peer, share in single["share_of"].items())
        print(f"{file}, one short text: p50 {single['p50_ms']:.2f} ms, {shares}")


def main() -> int:
    def names(known: Sequence[str]) -> Any:
        return lambda text: tuple(name for name in known if name in text.split(","))

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=names(SETS), default=SETS, metavar="A,B", help=f"of {', '.join(SETS)}")
    parser.add_argument("--files", type=names(tuple(FILES)), default=tuple(FILES), metavar="A,B")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--sts", type=Path, metavar="FILE", help="take the short texts from this STS file")
    parser.add_argument("--envs", type=Path, default=cache_dir() / "peers", metavar="DIR", help="where peers live")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write everything to this JSON file")
    arguments = parser.parse_args()
    machine = Machine.here()
    cells: list[Cell] = []
    singles: dict[str, Any] = {}
    try:
        top = run(arguments, machine, cells, singles)
    except AdvisorError as error:
        say(str(error))
        return 1
    report(cells, singles, top, machine)
    if arguments.out is not None:
        rows = [asdict(cell) for cell in cells]
        write_json(arguments.out, {"machine": machine.facts(), "ceilings": top, "cells": rows, "single": singles})
    return 0


if __name__ == "__main__":
    sys.exit(main())
