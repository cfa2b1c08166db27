"""The frozen data that flows between the stages. Units are in the names; SI inside, formatting at the edge.

A name is imported when it is first used (PEP 562): production loads an artifact without the types of a recommendation.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.types.answer import Choice, Measurement, Outcome, Recommendation
    from advisor.types.asked import Histogram, LabelProfile, LengthStats, ModelProfile, Request, TextProfile, TextSample
    from advisor.types.decided import Challenger, Decision, PathStep
    from advisor.types.files import Artifact, ArtifactFile, Exported, RuntimeSettings
    from advisor.types.machine import ARM_ISA, X86_ISA, Cpu, Fact, Gpu, Hardware, Memory, Package
    from advisor.types.measured import (
        Against,
        Drift,
        Estimate,
        Fidelity,
        Findings,
        Latency,
        LengthLoss,
        LengthSpeed,
        Timing,
        TriedSetting,
    )
    from advisor.types.words import (
        BASELINE,
        ExporterName,
        LabelKind,
        LossMethod,
        ModelKind,
        ObjectiveName,
        PairSource,
        Precision,
        Runtime,
        Similarity,
        Status,
        Verdict,
    )

__all__ = [
    "ARM_ISA",
    "BASELINE",
    "X86_ISA",
    "Against",
    "Artifact",
    "ArtifactFile",
    "Challenger",
    "Choice",
    "Cpu",
    "Decision",
    "Drift",
    "Estimate",
    "Exported",
    "ExporterName",
    "Fact",
    "Fidelity",
    "Findings",
    "Gpu",
    "Hardware",
    "Histogram",
    "LabelKind",
    "LabelProfile",
    "Latency",
    "LengthLoss",
    "LengthSpeed",
    "LengthStats",
    "LossMethod",
    "Measurement",
    "Memory",
    "ModelKind",
    "ModelProfile",
    "ObjectiveName",
    "Outcome",
    "Package",
    "PairSource",
    "PathStep",
    "Precision",
    "Recommendation",
    "Request",
    "Runtime",
    "RuntimeSettings",
    "Similarity",
    "Status",
    "TextProfile",
    "TextSample",
    "Timing",
    "TriedSetting",
    "Verdict",
]

_MODULES = ("words", "files", "machine", "asked", "decided", "measured", "answer")
"""Those that production needs first: a name is looked for in this order."""


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in _MODULES:
            found = vars(importlib.import_module(f"{__name__}.{module}"))
            if name in found:
                return globals().setdefault(name, found[name])  # asked once
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
