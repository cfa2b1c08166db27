"""The artifact: a Sentence Transformers folder with the winner's files and a manifest that proves them."""

from __future__ import annotations

from advisor.artifact.verify import Check, VerifyReport, verify
from advisor.artifact.write import Winner, check_target, write_artifact

__all__ = [
    "Check",
    "VerifyReport",
    "Winner",
    "check_target",
    "verify",
    "write_artifact",
]
