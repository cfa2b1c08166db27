"""The order of the stages, and nothing else: each stage's work is done in its own room."""

from __future__ import annotations

from advisor.pipeline.ask import Explanation, explain
from advisor.pipeline.run import run
from advisor.pipeline.spec import RunSpec

__all__ = ["Explanation", "RunSpec", "explain", "run"]
