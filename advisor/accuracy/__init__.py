"""How far what a candidate gives is from what the baseline gives: a loss on labels, and an estimate that needs none."""

from __future__ import annotations

from advisor.accuracy.check import check_embeddings
from advisor.accuracy.drift import drift
from advisor.accuracy.estimate import MIN_TEXTS, MIN_TEXTS_FOR_INTERVAL, neighbours
from advisor.accuracy.kinds import COMPARED_BY, ComparedBy, Comparison
from advisor.accuracy.labelled import Scored, labelled_loss, score
from advisor.accuracy.reference import checked_loss

__all__ = [
    "COMPARED_BY",
    "MIN_TEXTS",
    "MIN_TEXTS_FOR_INTERVAL",
    "ComparedBy",
    "Comparison",
    "Scored",
    "check_embeddings",
    "checked_loss",
    "drift",
    "labelled_loss",
    "neighbours",
    "score",
]
