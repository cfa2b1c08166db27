"""What the user asked for, checked before any work is done."""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from advisor import catalogue, defaults
from advisor.device import choose_device
from advisor.errors import InputError, MissingExtraError
from advisor.labels import LabelSource
from advisor.objectives import OBJECTIVES
from advisor.types import BASELINE, ExporterName, Hardware, ObjectiveName, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What to do, as the user said it. `texts` is a source's name, an iterable of texts, or None (built-in sample)."""

    model: str
    texts: str | Iterable[str] | None = None
    field: str | None = None
    max_loss: float = defaults.MAX_LOSS
    objective: ObjectiveName = defaults.OBJECTIVE
    candidates: tuple[str, ...] | None = None
    skip: tuple[str, ...] = ()
    threads: int | None = None
    device: str | None = None
    """`cpu`, `cuda`, `cuda:1` or `mps`; None takes PyTorch's own default."""
    time_budget_s: float = defaults.TIME_BUDGET_S
    seed: int = defaults.SEED
    ruleset: str = defaults.RULESET
    out: Path | None = None
    dry_run: bool = False
    offline: bool = False
    trust_remote_code: bool = False
    fresh: bool = False
    labels: LabelSource | None = None
    """Labelled data to measure the loss on; None estimates it."""
    label_field: str | None = None
    exporter: ExporterName | None = None
    """Whose tools make the files; None takes those that go with what is installed."""


def check(spec: RunSpec) -> None:
    """Raise InputError for a value that can be refused without looking at the machine."""
    for name in (*(spec.candidates or ()), *spec.skip):
        if catalogue.find(name) is None:
            close = difflib.get_close_matches(name, catalogue.names(), n=3)
            meant = f"Did you mean {' or '.join(close)}?" if close else f"Known are: {', '.join(catalogue.names())}."
            about = "candidates" if name in (spec.candidates or ()) else "skip"
            raise InputError(f"There is no candidate {name!r}.", hint=meant, about=about)
    if BASELINE in spec.skip:
        raise InputError(
            f"{BASELINE} cannot be skipped: it is the baseline that every speedup and loss refers to.", about="skip"
        )
    if spec.objective not in OBJECTIVES:
        raise InputError(
            f"The objective {spec.objective!r} is unknown.",
            hint=f"Choose one of {', '.join(OBJECTIVES)}.",
            about="objective",
        )
    if spec.exporter is not None and spec.exporter not in get_args(ExporterName):
        raise InputError(
            f"The exporter {spec.exporter!r} is unknown.", hint=f"Choose one of {', '.join(get_args(ExporterName))}."
        )
    if not spec.time_budget_s > 0:
        raise InputError(
            f"The time budget of {spec.time_budget_s!r} s is not positive.",
            hint=f"{defaults.TIME_BUDGET_S:g} is the default.",
        )
    if not 0 <= spec.max_loss <= 1:
        raise InputError(
            f"The loss budget {spec.max_loss!r} is not a share between 0 and 1.", hint="0.004 stands for 0.4%."
        )


def check_extras() -> None:
    """Raise MissingExtraError unless what every measurement needs is installed."""
    for distribution in ("torch", "transformers", "sentence-transformers"):
        if importlib.util.find_spec(distribution.replace("-", "_")) is None:
            raise MissingExtraError(distribution, "profile", purpose="Measuring")


def request_of(spec: RunSpec, hardware: Hardware) -> Request:
    """The request that this machine can fulfil; raises InputError for impossible threads or an absent device."""
    threads = hardware.threads if spec.threads is None else spec.threads
    logical = os.cpu_count() or 1
    if not 1 <= threads <= logical:
        raise InputError(
            f"{threads} threads are not possible on a machine with {logical} logical CPUs.",
            hint=f"Use --threads {hardware.threads}, or leave it out.",
            about="threads",
        )
    return Request(
        objective=spec.objective,
        max_loss=spec.max_loss,
        threads=threads,
        seed=spec.seed,
        device=choose_device(spec.device, hardware),
        candidates=spec.candidates,
        skip=spec.skip,
        time_budget_s=spec.time_budget_s,
        label_field=spec.label_field,
    )
