"""Measuring candidates that are not there: real child processes around a fake encoder that behaves as told."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from advisor import catalogue
from advisor.measure import Control, Journal, Run, Seams, measure
from advisor.measure.workers.memory import MemoryFit
from advisor.measure.workload.durations import Durations
from advisor.question import Question
from advisor.types import BASELINE, Cpu, Exported, Hardware, Memory, ModelProfile, Request, RuntimeSettings

CHILDREN = Path(__file__).parent / "children"
TEXTS = [f"text number {index} " + "word " * (index % 17) for index in range(80)]
REFERENCE = ["first reference", "second reference", "third reference"]
HARDWARE = Hardware(
    cpu=Cpu(model=None, vendor="unknown", arch="x86_64", isa=(), physical_cores=2, usable_cores=2.0),
    memory=Memory(total_bytes=None, available_bytes=None),
)
SLOW, MIDDLE, QUICK = 0.002, 0.001, 0.0005


def model_in(folder):
    return ModelProfile(
        id="fake",
        path=folder,
        revision=None,
        content_sha256="0" * 64,
        architecture="Fake",
        num_parameters=None,
        weights_bytes=1000,
        embedding_dimension=16,
        max_seq_length=None,
        pooling="mean",
    )


class Made:
    """Files that are there."""

    def __init__(self, exported):
        self._exported = {each.candidate: each for each in exported}

    def is_ready(self, candidate):
        return True

    def estimate_s(self, candidate):
        return 0.0

    def make(self, candidate, *, within_s):
        return self._exported[candidate.name]

    def close(self):
        pass


def measure_fakes(folder, behaviours, *, pick=BASELINE, objective="throughput", max_loss=0.004, events=None, **kwargs):
    """`measure` over the candidates named in `behaviours`, in `folder`; set PYTHONPATH to `CHILDREN` before.

    `journal` is a folder; `device` is what the candidates are said to run on, `similarity` the model's.
    """
    device = kwargs.pop("device", "cpu")
    behaviours = {BASELINE: {"s_per_text": SLOW}, **behaviours}
    (folder / "behaviour.json").write_text(json.dumps(behaviours))
    work = folder / "work"
    work.mkdir(exist_ok=True)
    start = time.monotonic()
    with Journal(kwargs.pop("journal", None), scratch=work) as journal:
        return measure(
            [catalogue.get(name) for name in behaviours],
            kwargs.pop("files", None)
            or Made(
                Exported(
                    candidate=name,
                    folder=folder,
                    file=None,
                    settings=RuntimeSettings(threads=1, provider=name, device=device),
                    export_s=None,
                    size_bytes=1000,
                )
                for name in behaviours
            ),
            Question(
                model=replace(model_in(folder), similarity=kwargs.pop("similarity", "cosine")),
                texts=tuple(kwargs.pop("texts", TEXTS)),
                reference_texts=tuple(REFERENCE),
                request=Request(objective=objective, max_loss=max_loss),
                hardware=HARDWARE,
                packages=(),
                labels=kwargs.pop("labels", None),
                pick=pick,
            ),
            Run(
                log_dir=folder / "logs",
                work_dir=work,
                emit=kwargs.pop("on_event", (events if events is not None else []).append),
                clock=lambda: time.monotonic() - start,
                control=kwargs.pop("control", None) or Control(),
            ),
            time_budget_s=kwargs.pop("time_budget_s", 60),
            journal=journal,
            seams=Seams(
                worker_module="measure_worker",
                durations=kwargs.pop("durations", Durations(block_s=0.025, latency_block_s=0.008, range_s=0.01)),
                memory=MemoryFit(
                    memory=kwargs.pop("memory", lambda: None), gpu_memory=kwargs.pop("gpu_memory", lambda device: None)
                ),
            ),
            **kwargs,
        )
